import numpy as np
import pyarrow as pa
import pytest

from etl import tables
from etl.arrow import arrow_schema
from simulator.day import NONE
from simulator.serving.served import ForeignPublicationError, slates_of
from tests.simulator.made_days import NUM_USERS, names_of

PRODUCTS, VIDEOS = 0, 2
NAMES = names_of(["x"])


def test_a_user_gets_his_own_row_else_his_segments_else_the_default() -> None:
    rows = slates(
        ("user", "u0x", "DE|ios|de", [("p1x", 0.95), ("p0x", 0.01)]),
        ("user", "u1x", "DE|ios|de", []),
        ("user", "u2x", "JP|web|ja", []),
        ("segment", "DE|ios|de", "DE|ios|de", [("p3x", 1.0)]),
        ("segment", "JP|web|ja", "JP|web|ja", []),
        ("default", "*", "", [("p2x", 0.5), ("p4x", 0.5), ("p5x", 1.0)]),
    )

    found = slates_of(rows, NAMES, PRODUCTS)

    assert found.row_U.tolist() == [0, 3, 5] + [5] * (NUM_USERS - 3)
    np.testing.assert_array_equal(found.item_SK[0], [1, 0, NONE])
    np.testing.assert_array_equal(found.item_SK[5], [2, 4, 5])
    np.testing.assert_array_equal(found.propensity_SK[0], [0.95, 0.01, 1.0])


def test_an_item_is_told_by_its_type_and_id() -> None:
    found = slates_of(slates(("default", "*", "", [("v7x", 1.0)])), NAMES, VIDEOS)

    assert found.item_SK.tolist() == [[7]]


def test_a_publication_of_another_shop_is_refused() -> None:
    with pytest.raises(ForeignPublicationError, match="names item p77"):
        slates_of(slates(("default", "*", "", [("p77", 1.0)])), NAMES, PRODUCTS)


def slates(*rows: tuple[str, str, str, list[tuple[str, float]]]) -> pa.Table:
    schema = arrow_schema(tables.SLATES["product_feed"].schema)
    fields = [pa.field(n, schema.field(n).type) for n in ("audience", "audience_key", "segment")]
    of_item = {"item_no": 0, "value": 0.0, "sources": [], "rules": [], "is_exploration": False}
    columns = [
        {
            "audience": audience,
            "audience_key": key,
            "segment": segment,
            "items": [of_item | {"item_id": name, "propensity": p} for name, p in items],
        }
        for audience, key, segment, items in rows
    ]
    return pa.Table.from_pylist(
        columns, pa.schema([*fields, pa.field("items", schema.field("items").type)])
    )
