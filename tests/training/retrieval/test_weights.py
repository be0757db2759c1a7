import numpy as np
import pyarrow as pa
import pytest

from etl.tables import PROPOSALS
from etl.tables.retrieval import SOURCE_CODES
from tests.training.known_evening import Row, table_of
from training.retrieval import user_groups
from training.retrieval.weights import Proposed, WeightsConfig, fit

GIVEN = {"covisitation": 1.0, "popularity": 1.0}
RIGHT, NOISE = SOURCE_CODES["covisitation"], SOURCE_CODES["popularity"]
NUM_ITEMS = 20


def visitor(rng: np.random.Generator, *, num_visits: int, right: int) -> Row:
    """Two sources order the same items; he goes to one of the first three of one of them."""
    orders = {RIGHT: rng.permutation(NUM_ITEMS), NOISE: rng.permutation(NUM_ITEMS)}
    rank = {code: np.argsort(order) + 1 for code, order in orders.items()}
    items = [
        {
            "item_no": item,
            "proposals": [
                {"source": code, "rank": int(rank[code][item]), "score": 1.0}
                for code in sorted(orders)
            ],
        }
        for item in range(NUM_ITEMS)
    ]
    visited = [int(orders[right][rng.integers(3)])]
    same: Row = {"user_id": "u", "looked": []}
    return {**same, "num_visits": num_visits, "visited": visited, "items": items}


def proposed(*rows: Row) -> Proposed:
    return Proposed.of(table_of(PROPOSALS["product_feed"], rows), list(GIVEN))


def learned(*rows: Row, min_users: int = 50) -> np.ndarray:
    config = WeightsConfig(min_users=min_users)
    return fit(proposed(*rows), GIVEN, rank_offset=5.0, config=config).weight_GS


def test_a_source_that_foretells_outweighs_one_that_does_not() -> None:
    rng = np.random.default_rng(1)
    right, noise = learned(*(visitor(rng, num_visits=5, right=RIGHT) for _ in range(300)))[1]
    assert right > 1.2
    assert 0 <= noise < 0.4


def test_each_group_learns_from_its_own_users() -> None:
    rng = np.random.default_rng(2)
    rows = [
        visitor(rng, num_visits=n, right=right)
        for n, right in ((1, RIGHT), (30, NOISE))
        for _ in range(300)
    ]
    weight_GS = learned(*rows)
    light, heavy = user_groups.NAMES.index("light"), user_groups.NAMES.index("heavy")
    assert weight_GS[light, 0] > 2 * weight_GS[light, 1]
    assert weight_GS[heavy, 1] > 2 * weight_GS[heavy, 0]


def test_few_visitors_leave_the_configured_weights() -> None:
    rng = np.random.default_rng(3)
    rows = [visitor(rng, num_visits=5, right=RIGHT) for _ in range(20)]
    found = fit(proposed(*rows), GIVEN, rank_offset=5.0, config=WeightsConfig())
    assert found.num_users == 0
    assert found.weight_GS.tolist() == [[1.0, 1.0]] * len(user_groups.NAMES)
    moved = learned(*rows, min_users=10)[1]
    assert 1 < moved[0] < 1.7  # held near what was configured
    assert 0.3 < moved[1] < 1


def test_nobody_came() -> None:
    nobody: pa.Table = table_of(PROPOSALS["product_feed"], [])
    found = fit(Proposed.of(nobody, list(GIVEN)), GIVEN, rank_offset=5.0, config=WeightsConfig())
    assert found.num_users == 0


def test_ranks_of_sources_that_are_not_asked_about_are_left_out() -> None:
    rng = np.random.default_rng(4)
    one = Proposed.of(
        table_of(PROPOSALS["product_feed"], [visitor(rng, num_visits=1, right=RIGHT)]),
        ["popularity"],
    )
    assert one.rank_SN.shape == (1, NUM_ITEMS)
    assert np.isfinite(one.rank_SN).all()
    assert one.features(5.0).max() == pytest.approx(1 / 6)
    assert one.is_visited_N.sum() == 1


def test_what_was_not_shown_could_not_be_chosen() -> None:
    """A source of what is shown to everybody foretells visits, but not what one likes of it."""
    rng = np.random.default_rng(5)
    rows = []
    for _ in range(400):
        row = visitor(rng, num_visits=5, right=RIGHT)
        by_noise = {one["item_no"]: one["proposals"] for one in row["items"]}
        shown = [n for n in by_noise if by_noise[n][0 if NOISE < RIGHT else 1]["rank"] <= 6]
        best = min(shown, key=lambda n: by_noise[n][1 if NOISE < RIGHT else 0]["rank"])
        row["visited"] = [best]
        row["looked"] = [{"item_no": n, "examined": 1_000_000} for n in sorted(shown)]
        rows.append(row)
    blind = [{**row, "looked": []} for row in rows]

    right, noise = learned(*rows)[1]
    assert right > 4 * noise
    right, noise = learned(*blind)[1]
    assert noise > right / 2


def test_an_item_looked_at_twice_as_often_is_not_twice_as_good() -> None:
    """Both items are as good; one is shown higher up, and so is chosen more often."""
    rng = np.random.default_rng(6)
    rows = []
    for _ in range(600):
        chosen = 1 if rng.random() < 0.8 else 2
        proposals = {
            1: [{"source": RIGHT, "rank": 1, "score": 1.0}],
            2: [{"source": NOISE, "rank": 1, "score": 1.0}],
        }
        items = [{"item_no": n, "proposals": own} for n, own in proposals.items()]
        looked = [{"item_no": 1, "examined": 800_000}, {"item_no": 2, "examined": 200_000}]
        same = {"user_id": "u", "num_visits": 5, "items": items}
        rows.append({**same, "visited": [chosen], "looked": looked})
    right, noise = learned(*rows)[1]
    assert right == pytest.approx(noise, abs=0.15)


def test_items_that_nobody_proposed_are_among_the_choices() -> None:
    row = {
        "user_id": "u",
        "num_visits": 1,
        "visited": [9],
        "items": [{"item_no": 3, "proposals": [{"source": RIGHT, "rank": 2, "score": 1.0}]}],
        "looked": [{"item_no": 3, "examined": 500_000}, {"item_no": 9, "examined": 250_000}],
    }
    found = proposed(row)
    assert found.item_N.tolist() == [3, 9]
    assert found.looks_N.tolist() == [0.5, 0.25]
    assert found.is_visited_N.tolist() == [False, True]
    assert np.isinf(found.rank_SN[:, 1]).all()
    assert found.choices_N.all()
