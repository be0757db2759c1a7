import numpy as np
import pytest

from experiments.sources import EVERYBODY, Evening, by_age, report, spread
from training.retrieval.weights import Proposed

SOURCES = ["covisitation", "popularity"]


def evening(seed: int, *, num_candidates: int = 3) -> Evening:
    """Six users with up to eight candidates; ranks of two sources, drawn."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, 6)
    user = np.repeat(np.arange(6), counts)
    rank = np.concatenate(
        [np.array([rng.permutation(n) + 1.0 for _ in SOURCES]) for n in counts], axis=1
    )
    rank[rng.random(rank.shape) < 0.3] = np.inf
    proposed = Proposed(
        user,
        np.concatenate([np.arange(n) for n in counts]),
        rank.astype(np.float32),
        rng.random(len(user)) < 0.3,
        rng.integers(0, 15, 6),
        np.repeat(np.arange(6), 9),
        np.tile(np.arange(9), 6),
        np.zeros(len(user)),
    )
    return Evening(proposed, np.array([[1.0, 0.5]] * 3), 5.0, num_candidates)


def slowly(one: Evening, score_N: np.ndarray) -> list[bool]:
    """Sort each user's list."""
    kept = []
    for place in one.visited_V.tolist():
        own = np.flatnonzero(one.proposed.user_N == one.proposed.user_N[place])
        best = sorted(own.tolist(), key=lambda n: (-score_N[n], n))[: one.num_candidates]
        kept.append(place in best and score_N[place] > 0)
    return kept


@pytest.mark.parametrize("seed", range(5))
def test_a_visit_is_found_where_the_sorted_list_holds_it(seed: int) -> None:
    one = evening(seed)
    for score_N in (one.parts_SN.sum(axis=0), one.parts_SN[0], np.round(one.parts_SN[1], 1)):
        assert one.is_kept(score_N).tolist() == slowly(one, score_N)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_lost_without_a_source_is_what_the_others_list_less(seed: int) -> None:
    one = evening(seed)
    whole, rest = one.parts_SN.sum(axis=0), one.parts_SN[1]
    rows = {(r["user_group"], r["source"]): r for r in report(one, SOURCES)}
    first = rows[EVERYBODY, "covisitation"]
    total = one.proposed.num_visited_U.sum()
    assert first["recall"] == pytest.approx(sum(slowly(one, whole)) / total)
    lost = (sum(slowly(one, whole)) - sum(slowly(one, rest))) / total
    assert first["lost_without"] == pytest.approx(lost)
    assert first["recall_low"] <= first["recall"] <= first["recall_high"]
    assert first["num_visited"] == total
    shares = [rows[EVERYBODY, name]["share_of_found"] for name in SOURCES]
    assert sum(shares) == pytest.approx(1.0, abs=1e-6)


def test_groups_are_of_those_who_came() -> None:
    one = evening(1)
    groups = {row["user_group"] for row in report(one, SOURCES)}
    users = {row["user_group"]: row["num_users"] for row in report(one, SOURCES)}
    assert EVERYBODY in groups
    assert sum(n for group, n in users.items() if group != EVERYBODY) == users[EVERYBODY] == 6


def test_what_one_source_alone_knew_of() -> None:
    proposed = Proposed(
        np.array([0, 0, 0]),
        np.array([1, 2, 3]),
        np.array([[1, 2, np.inf], [1, np.inf, 2]], np.float32),
        np.array([True, True, True]),
        np.array([4]),
        np.array([0, 0, 0, 0]),
        np.array([1, 2, 3, 9]),
        np.zeros(3),
    )
    one = Evening(proposed, np.array([[1.0, 1.0]] * 3), 5.0, 200)
    rows = {(r["user_group"], r["source"]): r for r in report(one, SOURCES)}
    for source in SOURCES:
        assert rows["light", source]["found_by_it_only"] == 0.25
        assert rows["light", source]["lost_without"] == 0.25
        assert rows["light", source]["recall_alone"] == 0.5
    assert rows["light", "popularity"]["recall"] == 0.75


def test_recall_by_age_is_of_what_was_visited_at_that_age() -> None:
    proposed = Proposed(
        np.array([0, 0, 1]),
        np.array([1, 2, 1]),
        np.array([[1, 2, 1]], np.float32),
        np.array([True, False, True]),
        np.array([4, 4]),
        np.array([0, 0, 1]),
        np.array([1, 7, 1]),
        np.zeros(3),
    )
    one = Evening(proposed, np.array([[1.0]] * 3), 5.0, 1)
    rows = {row["measure"]: row for row in by_age(one, {1: 40.0, 2: 3.0})}
    # Item 7 was not heard of that evening.
    assert rows["recall, item age: older"]["value"] == 1.0
    assert rows["recall, item age: older"]["num_visited"] == 2
    assert rows["recall, item age: up to 1 day"]["value"] == 0.0
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("items", "coverage", "gini"), [([1, 1, 1, 1], 0.25, 0.75), ([1, 2, 3, 4], 1.0, 0.0)]
)
def test_lists_are_spread_over_the_shelf(items: list[int], coverage: float, gini: float) -> None:
    user = np.arange(4)
    proposed = Proposed(
        user,
        np.array(items),
        np.ones((1, 4), np.float32),
        np.zeros(4, bool),
        np.full(4, 5),
        user,
        np.full(4, 9),
        np.zeros(4),
    )
    one = Evening(proposed, np.array([[1.0]] * 3), 5.0, 10)
    found = {row["measure"]: row["value"] for row in spread(one, num_eligible=4)}
    assert found == pytest.approx({"coverage": coverage, "gini": gini})
