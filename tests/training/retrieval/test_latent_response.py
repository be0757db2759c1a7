import numpy as np
import pyarrow as pa
import pytest

from etl.features.positions import PARTS
from tests.training.known_evening import Row, batch_of, lists_of_sources, own_group
from training.retrieval.latent_response import Account, Asked, LatentConfig, Responses, drawn
from training.retrieval.proposals import Proposals

HATS, SHOES, BAGS = range(3)
NAMES = pa.array(["a hats", "b shoes", "c bags"])
CERTAIN = 1e9
# Everybody clicks one look in ten; who is interested in hats clicks one in four on shoes.
EVERYBODY = {("all", "*", name): (CERTAIN, 0.1 * CERTAIN) for name in NAMES.to_pylist()}
LOVERS_OF_HATS = {
    ("category", "a hats", "b shoes"): (CERTAIN, 0.25 * CERTAIN),
    ("category", "a hats", "c bags"): (CERTAIN, 0.05 * CERTAIN),
}


def seen(category: str, num_clicks: int, looks: float) -> Row:
    return own_group("category", category, num_clicks=num_clicks, examined=int(looks * PARTS))


LOVES_HATS = seen("a hats", 3, 10)


def asked_of(*users: list[Row]) -> Asked:
    batch = batch_of(*({"categories": found} for found in users))
    account = Account.of(batch.categories, NAMES, batch.num_users)
    return Asked(account, batch.segment, np.arange(batch.num_users, dtype=np.uint64))


def lifts(asked: Asked, responses: dict, **changes: float) -> dict[int, dict[int, float]]:
    config = LatentConfig(**changes)
    found = drawn(
        asked,
        Responses.of(lists_of_sources({}, responses=responses).arrays, config),
        best_C=np.ones(len(NAMES)),
        num_categories=len(NAMES),
        config=config,
    )
    return by_user(found, len(asked.stream_U))


def by_user(found: Proposals, num_users: int) -> dict[int, dict[int, float]]:
    columns = (found.user_P.tolist(), found.item_P.tolist(), found.score_P.tolist())
    rows = list(zip(*columns, strict=True))
    return {user: {c: lift for u, c, lift in rows if u == user} for user in range(num_users)}


def test_what_a_category_points_to_is_expected_of_who_is_interested_in_it() -> None:
    found = lifts(asked_of([LOVES_HATS], []), EVERYBODY | LOVERS_OF_HATS)
    # They click 0.3 where 0.2 is usual: half as much again on everything. He clicks on hats alone.
    assert found[0][SHOES] == pytest.approx(0.25 / 0.15, rel=1e-3)
    assert found[0][BAGS] == pytest.approx(0.05 / 0.15, rel=1e-3)
    assert found[1] == pytest.approx(dict.fromkeys((HATS, SHOES, BAGS), 1.0), rel=1e-3)


def test_an_interest_is_several_clicks_and_more_per_look_than_elsewhere() -> None:
    often = [seen("a hats", 2, 10), seen("b shoes", 3, 12), seen("c bags", 1, 5)]
    account = asked_of(often).account
    assert account.is_interest_Q.tolist() == [False, True, False]


def test_what_he_has_shown_an_interest_in_is_not_latent() -> None:
    found = lifts(asked_of([LOVES_HATS, seen("b shoes", 1, 2)]), EVERYBODY)
    assert found[0].keys() == {SHOES, BAGS}


def test_looks_without_a_click_push_a_category_down_until_it_is_dropped() -> None:
    one_more_look = [[LOVES_HATS, seen("b shoes", 0, looks)] for looks in (0, 1, 2, 9)]
    found = lifts(asked_of(*one_more_look), EVERYBODY)
    tried = [found[user].get(SHOES) for user in range(4)]
    assert tried[0] > tried[1] > tried[2]
    assert tried[3] is None


def test_a_click_keeps_a_category_that_looks_alone_would_drop() -> None:
    found = lifts(asked_of([seen("b shoes", 1, 6)], [seen("b shoes", 0, 6)]), EVERYBODY)
    assert found[0][SHOES] > 1
    assert SHOES not in found[1]


def test_a_group_of_few_clicks_is_hardly_believed_and_drawn_widely() -> None:
    few = {("category", "a hats", "b shoes"): (4, 1), ("category", "a hats", "c bags"): (4, 0)}
    many_days = asked_of(*([[LOVES_HATS]] * 400))
    found = lifts(many_days, EVERYBODY | few)
    draws = np.array([found[user][SHOES] for user in range(400)])
    # The group clicks 1 where 0.8 is usual, 11 / (0.4 · 11 / 10.8 + 10) with ten clicks on both.
    assert draws.mean() == pytest.approx(11 / (0.4 * 11 / 10.8 + 10), abs=0.05)
    assert 0.2 < draws.std() < 0.4


def test_draws_do_not_depend_on_who_else_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_of([LOVES_HATS], [seen("b shoes", 0, 1)], [], [seen("c bags", 1, 1)])
    at_once = lifts(asked, EVERYBODY | LOVERS_OF_HATS)
    monkeypatch.setattr("training.retrieval.latent_response._AT_ONCE", len(NAMES))
    assert lifts(asked, EVERYBODY | LOVERS_OF_HATS) == at_once
