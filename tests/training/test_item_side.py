from pathlib import Path

import numpy as np
import pytest

from etl import surfaces
from tests.training.known_evening import item_daily
from training import array_file, item_side
from training.item_side import FEATURES, ItemSide

ROWS = (
    {"item_no": 7, "category": "shoes", "brand": "b", "price_cents": 1999.0, "num_clicks_7d": 3},
    {"item_no": 2, "category": "hats", "is_eligible": False},
    {"item_no": 5, "category": "shoes", "item_type": "live_slot"},
    {"item_no": 4, "category": None},
)


@pytest.fixture
def side(tmp_path: Path) -> ItemSide:
    arrays = item_side.arrays_of(item_daily(*ROWS).select(item_side.COLUMNS))
    return ItemSide.read(array_file.write(arrays, tmp_path))


def test_items_stand_by_number_with_their_features(side: ItemSide) -> None:
    assert side.item_no_N.tolist() == [2, 4, 5, 7]
    assert side.item_id_N.to_pylist() == ["p2", "p4", "p5", "p7"]
    prices = side.numeric_NF[:, FEATURES.index("price_cents")]
    np.testing.assert_array_equal(prices, np.float32([np.nan, np.nan, np.nan, 1999]))
    assert side.numeric_NF[3, FEATURES.index("num_clicks_7d")] == 3


def test_an_item_that_is_not_alive_has_no_place(side: ItemSide) -> None:
    asked = np.array([7, 3, -1, 2, 8, 10**6])
    assert side.places(asked).tolist() == [3, -1, -1, 0, -1, -1]


def test_a_surface_may_show_its_own_items_that_are_in_stock(side: ItemSide) -> None:
    assert side.item_no_N[side.eligible(surfaces.PRODUCT_FEED)].tolist() == [4, 7]
    assert side.item_no_N[side.eligible(surfaces.LIVE_STREAMS)].tolist() == [5]
    assert not side.eligible(surfaces.SHORT_VIDEOS).any()


def test_words_are_places_in_a_vocabulary_and_absent_ones_have_none(side: ItemSide) -> None:
    words, codes = side.words("category").to_pylist(), side.codes("category").tolist()
    said = [words[code] if code >= 0 else None for code in codes]
    assert said == ["hats", None, "shoes", "shoes"]
    assert side.codes("seller_id").tolist() == [-1] * 4


def test_a_shop_without_items_has_an_item_side(tmp_path: Path) -> None:
    arrays = item_side.arrays_of(item_daily().select(item_side.COLUMNS))
    side = ItemSide.read(array_file.write(arrays, tmp_path))
    assert side.numeric_NF.shape == (0, len(FEATURES))
    assert side.places(np.array([0, 3])).tolist() == [-1, -1]
    assert len(side.eligible(surfaces.PRODUCT_FEED)) == 0
