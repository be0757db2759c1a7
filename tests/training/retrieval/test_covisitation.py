from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from etl.arrow import arrow_schema
from etl.tables import FEATURES_USER_HISTORY
from tests.training.known_evening import batch_of, lists_of_sources, visit
from training.retrieval.covisitation import SeedConfig, pairs, propose

FIRST = date(2026, 1, 1)
_ENTRY = arrow_schema(FEATURES_USER_HISTORY.schema).field("long").type


def history(day: date, *users: list[tuple[int, date]]) -> pa.Table:
    """One row per user: (item_no, arrival day) of each view, in order."""
    start = datetime(2026, 1, 1)
    rows = [
        [
            {
                "event_at": start + timedelta(minutes=n),
                "event_code": 1,
                "item_no": item,
                "price_cents": None,
                "entry_arrival_date": arrived,
                "event_id": str(n),
            }
            for n, (item, arrived) in enumerate(user)
        ]
        for user in users
    ]
    days = pa.array([day] * len(rows), pa.date32())
    return pa.table({"arrival_date": days, "long": pa.array(rows, _ENTRY)})


def found(table: pa.Table) -> set[tuple[int, int, int]]:
    return {(r["item_no"], r["to_item_no"], r["sixtieths"]) for r in table.to_pylist()}


def test_a_later_visit_counts_one_over_its_gap() -> None:
    got = pairs(history(FIRST, [(1, FIRST), (2, FIRST), (3, FIRST)]))
    assert found(got) == {(1, 2, 60), (2, 3, 60), (1, 3, 30)}


def test_a_run_on_one_item_is_one_visit() -> None:
    got = pairs(history(FIRST, [(1, FIRST), (1, FIRST), (2, FIRST)]))
    assert found(got) == {(1, 2, 60)}


def test_a_pair_is_known_on_the_day_its_later_event_arrived() -> None:
    second = FIRST + timedelta(days=1)
    got = pairs(history(second, [(1, FIRST), (2, FIRST), (3, second)]))
    assert found(got) == {(2, 3, 60), (1, 3, 30)}


def test_users_do_not_meet_and_a_gap_of_six_is_too_far() -> None:
    got = pairs(history(FIRST, [(n, FIRST) for n in range(7)], [(8, FIRST)]))
    assert (0, 6, 10) not in found(got)
    assert not {to for _, to, _ in found(got)} & {8}


def slowly(
    visited: list[int], onward: dict[int, dict[int, float]], config: SeedConfig
) -> dict[int, float]:
    """Scores of one user's neighbours; ``visited`` is oldest first."""
    score: dict[int, float] = {}
    newest_first = list(dict.fromkeys(reversed(visited)))[: config.num_seeds]
    for steps_back, seed in enumerate(newest_first):
        total = sum(onward.get(seed, {}).values())
        for to, weight in onward.get(seed, {}).items():
            part = config.seed_decay**steps_back * weight / total**config.norm_power
            score[to] = score.get(to, 0.0) + part
    return score


@pytest.mark.parametrize("seed", range(5))
def test_a_user_is_proposed_the_neighbours_of_his_last_items(seed: int) -> None:
    rng = np.random.default_rng(seed)
    onward = {
        item: {to: float(rng.random()) for to in range(15) if to != item and rng.random() < 0.3}
        for item in range(0, 15, 2)
    }
    onward = {item: neighbours for item, neighbours in onward.items() if neighbours}
    visited = [rng.integers(0, 15, rng.integers(0, 12)).tolist() for _ in range(4)]
    config = SeedConfig(num_seeds=3)

    found = propose(
        batch_of(*({"short": [visit(item) for item in own]} for own in visited)),
        lists_of_sources({}, covisitation=onward),
        num_items=5,
        config=config,
    )

    for user, own in enumerate(visited):
        score = slowly(own, onward, config)
        best = sorted(score, key=lambda to: (-score[to], to))[:5]
        assert found.item_P[found.user_P == user].tolist() == best
        np.testing.assert_allclose(found.score_P[found.user_P == user], [score[to] for to in best])


def test_only_visits_ask_for_neighbours_and_a_new_shop_has_none() -> None:
    hidden = batch_of({"short": [visit(1, what="hide"), visit(2, what="watch")]})
    lists = lists_of_sources({}, covisitation={1: {5: 1.0}, 2: {6: 1.0}})
    assert not len(propose(hidden, lists, num_items=5, config=SeedConfig()).item_P)
    looked = batch_of({"short": [visit(1)]})
    nothing = propose(looked, lists_of_sources({}), num_items=5, config=SeedConfig())
    assert not len(nothing.item_P)
