import numpy as np
import pytest

from etl.features.positions import PARTS
from tests.training.known_evening import Row, batch_of, own_group, shelf_of
from training.category_looks import CategoryLooks
from training.retrieval import well_rated
from training.retrieval.proposals import Proposals
from training.retrieval.well_rated import WellRatedConfig


def rated(item_no: int, category: str | None, rate: float | None, **said: object) -> Row:
    own = 0.1 if category == "shoes" else 0.05
    of_category = None if category is None or rate is None else own
    return {
        "item_no": item_no,
        "category": category,
        "click_rate_28d": rate,
        "category_click_rate_28d": of_category,
        **said,
    }


def shown(category: str, num_clicks: int, looks: float) -> Row:
    return own_group("category", category, num_clicks=num_clicks, examined=int(looks * PARTS))


ITEMS = (
    rated(1, "shoes", 0.2),
    rated(2, "shoes", 0.1),
    rated(3, "hats", 0.15),
    rated(4, "hats", 0.02),
    rated(5, None, 0.12),
    rated(6, "hats", 0.9, is_eligible=False),
    rated(7, "bags", 0.11),
)
# 10 and 40 looks bring 1 and 2 clicks by the categories' rates; he clicked 5 times on hats alone.
EAGER_FOR_HATS = {"categories": [shown("hats", 5, 40), shown("shoes", 0, 10)]}


def proposed(found: Proposals, user: int) -> dict[int, float]:
    own = found.user_P == user
    return dict(zip(found.item_P[own].tolist(), found.score_P[own].tolist(), strict=True))


def test_a_rate_counts_as_much_as_the_user_is_eager_for_its_category() -> None:
    batch, shelf = batch_of(EAGER_FOR_HATS, None), shelf_of(*ITEMS)

    found = well_rated.propose(batch, shelf, num_items=5, config=WellRatedConfig())

    eager = (5 + 3) / (2 + 1 + 3)
    hats, shoes = (5 + 1) / (2 * eager + 1), (0 + 1) / (1 * eager + 1)
    assert proposed(found, 0) == pytest.approx(
        {3: 0.15 * hats, 5: 0.12, 7: 0.11, 1: 0.2 * shoes, 2: 0.1 * shoes}
    )
    assert list(proposed(found, 0)) == [3, 5, 7, 1, 2]
    assert list(proposed(found, 1)) == [1, 3, 5, 7, 2]


def test_only_the_categories_of_the_highest_lift_are_read() -> None:
    config = WellRatedConfig(num_categories=1, per_category=1)

    found = well_rated.propose(
        batch_of(EAGER_FOR_HATS), shelf_of(*ITEMS), num_items=9, config=config
    )

    assert list(proposed(found, 0)) == [3, 5, 7]


def test_a_log_without_impressions_proposes_nothing() -> None:
    items = [rated(1, "shoes", None), rated(2, None, None)]

    found = well_rated.propose(
        batch_of(EAGER_FOR_HATS), shelf_of(*items), num_items=9, config=WellRatedConfig()
    )

    assert len(found.user_P) == 0


def test_what_a_user_was_never_shown_is_as_usual_to_him() -> None:
    batch, shelf = batch_of(EAGER_FOR_HATS), shelf_of(*ITEMS)
    looks = CategoryLooks.of(batch.categories, shelf.items, 1)
    words = shelf.items.words("category").to_pylist()
    code_R = np.array([words.index("bags"), words.index("hats"), -1])

    seen, lift = looks.looks_at(np.zeros(3, np.int64), code_R)

    assert seen.tolist()[:2] == pytest.approx([0, 40])
    assert lift[0] == 1
    assert lift[1] > 1
    assert np.isnan([seen[2], lift[2]]).all()
