"""Every feature says something of its own."""

import math

import pyarrow as pa
import pytest

from etl.features import dictionary
from etl.features.dictionary import Feature
from etl.tables import FEATURES_ITEM_DAILY, FEATURES_USER_DAILY
from etl.tables.schema import Table
from tests.etl.features import test_item_daily, test_user_daily
from tests.etl.features.shop_log import DAYS, log

EVERY = {"user": dictionary.USER, "item": dictionary.ITEM, "pair": dictionary.PAIR}


@pytest.mark.parametrize("side", EVERY)
def test_no_two_features_have_one_name(side: str) -> None:
    names = dictionary.names(EVERY[side])

    assert len(names) == len(set(names))


def test_names_that_pairs_and_items_share_would_meet_in_one_row() -> None:
    item, pair = (set(dictionary.names(EVERY[side])) for side in ("item", "pair"))

    assert not item & pair


@pytest.mark.parametrize("feature", [*dictionary.USER, *dictionary.ITEM, *dictionary.PAIR])
def test_a_feature_says_unit_range_and_reason(feature: Feature) -> None:
    assert feature.unit
    assert feature.why
    assert feature.low < feature.high
    assert feature.comment.startswith(f"{feature.unit}, {feature.low:g} … ")
    assert "∞" in feature.comment or math.isfinite(feature.high)


@pytest.mark.parametrize(
    ("table", "side"), [(FEATURES_USER_DAILY, "user"), (FEATURES_ITEM_DAILY, "item")]
)
def test_the_table_has_every_feature_with_its_comment(table: Table, side: str) -> None:
    comments = {field.name: field.metadata["comment"] for field in table.schema}

    assert {f.name: f.comment for f in EVERY[side]}.items() <= comments.items()


def told(rows: pa.Table, features: tuple[Feature, ...]) -> dict[str, tuple]:
    return {f.name: tuple(rows[f.name].to_pylist()) for f in features}


def test_no_two_features_of_a_user_are_equal_everywhere() -> None:
    rows = test_user_daily.kernels(log(1, 600), None, DAYS)

    values = told(rows, dictionary.USER)

    assert len(set(values.values())) == len(values)


def test_no_two_features_of_an_item_are_equal_everywhere() -> None:
    rows = test_item_daily.kernels(log(1, 600), None, DAYS)
    walked = tuple(f for f in dictionary.ITEM if f.name in rows.column_names)

    values = told(rows, walked)

    assert len(set(values.values())) == len(values)


@pytest.mark.parametrize("side", ["user", "item"])
def test_values_lie_in_the_ranges_that_are_promised(side: str) -> None:
    kernels = {"user": test_user_daily.kernels, "item": test_item_daily.kernels}
    rows = kernels[side](log(2, 600), None, DAYS)

    for feature in EVERY[side]:
        if feature.name not in rows.column_names:
            continue  # Of features/item_appeal, whose suite keeps its range.
        values = rows[feature.name].drop_null().to_pylist()
        assert all(feature.low <= value <= feature.high for value in values), feature.name
        assert values, feature.name
