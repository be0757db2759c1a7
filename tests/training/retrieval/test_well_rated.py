import numpy as np
import pytest

from etl.features.positions import PARTS
from tests.training.known_evening import Row, batch_of, own_group, shelf_of
from training.category_looks import CategoryLooks
from training.retrieval import well_rated
from training.retrieval.proposals import Proposals
from training.retrieval.well_rated import WellRatedConfig


def rated(item_no: int, category: str | None, appeal: float | None, **said: object) -> Row:
    of_category = None if category is None or appeal is None else 0.1
    return {
        "item_no": item_no,
        "category": category,
        "appeal": appeal,
        "category_click_rate_28d": of_category,
        **said,
    }


def shown(category: str, num_clicks: int, *, looks: float, expected: float) -> Row:
    parts = {"examined": int(looks * PARTS), "expected": int(expected * PARTS)}
    return own_group("category", category, num_clicks=num_clicks, **parts)


ITEMS = (
    rated(1, "shoes", 2.0),
    rated(2, "shoes", 1.0),
    rated(3, "hats", 1.5),
    rated(4, "hats", 0.2),
    rated(5, None, 1.2),
    rated(6, "hats", 9.0, is_eligible=False),
    rated(7, "bags", 1.1),
)
# A usual user would have clicked 2 times on hats and once on shoes; he 5 times on hats alone.
EAGER_FOR_HATS = {
    "categories": [
        shown("hats", 5, looks=40, expected=2),
        shown("shoes", 0, looks=10, expected=1),
    ]
}


def proposed(found: Proposals, user: int) -> dict[int, float]:
    own = found.user_P == user
    return dict(zip(found.item_P[own].tolist(), found.score_P[own].tolist(), strict=True))


def test_an_appeal_counts_as_much_as_the_user_is_eager_for_its_category() -> None:
    batch, shelf = batch_of(EAGER_FOR_HATS, None), shelf_of(*ITEMS)

    found = well_rated.propose(batch, shelf, num_items=5, config=WellRatedConfig())

    hats, shoes = (5 + 1.5) / (2 + 1.5), (0 + 1.5) / (1 + 1.5)
    assert proposed(found, 0) == pytest.approx(
        {3: 1.5 * hats, 5: 1.2, 1: 2 * shoes, 7: 1.1, 2: shoes}
    )
    assert list(proposed(found, 0)) == [3, 1, 5, 7, 2]
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
    looks = CategoryLooks.of(batch.categories, shelf.items)
    words = shelf.items.words("category").to_pylist()
    code_R = np.array([words.index("bags"), words.index("hats"), -1])

    found = looks.at(np.zeros(3, np.int64), code_R)

    assert found["looks"].tolist()[:2] == pytest.approx([0, 40])
    assert found["expected"].tolist()[:2] == pytest.approx([0, 2])
    assert found["lift"][0] == 1
    assert found["lift"][1] > 1
    assert np.isnan([values[2] for values in found.values()]).all()
