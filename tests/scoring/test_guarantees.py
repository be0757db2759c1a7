import math
from collections.abc import Callable
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from etl.arrow import arrow_schema
from etl.surfaces import LIVE_STREAMS, PRODUCT_FEED, Surface
from etl.tables import FEATURES_USER_PAIRS, SLATES
from scoring.checked_rows import Shelf
from scoring.guarantees import PROMISES, Broken, Limits, breaches_of, check

EVENING = date(2026, 1, 5)
SEGMENT = "DE|ios|de"
LIMITS = Limits(
    k=3,
    reserve_share=0.2,
    max_per_seller=2,
    max_per_category=3,
    rate=0.05,
    predictions=frozenset({"p_click", "p_order"}),
)
Row = dict[str, Any]

ITEMS = [
    (1, "p1", "product", False, "s1", "c"),
    (2, "p2", "product", False, "s1", "c"),
    (3, "p3", "product", False, "s2", None),
    (4, "p4", "product", False, None, "c"),
    (5, "p5", "product", True, None, None),
    (6, "l6", "live_slot", False, None, None),
    (7, "p7", "product", False, "s1", None),
    (8, "p8", "product", False, None, "c"),
]

_ITEM_COLUMNS = ("item_no", "item_id", "item_type", "is_sold_out", "seller_id", "category")
SHELF = Shelf.of(
    pa.Table.from_pylist([dict(zip(_ITEM_COLUMNS, row, strict=True)) for row in ITEMS]),
    PRODUCT_FEED,
)


def item(number: int, value: float = 1.0, **changes: object) -> Row:
    """An item that keeps every promise."""
    kept: Row = {
        "item_no": number,
        "item_id": ITEMS[number - 1][1] if number <= len(ITEMS) else "gone",
        "value": value,
        "p_click": 0.25,
        "p_cart": None,
        "p_order": 0.0,
        "watch_share": None,
        "sources": ["popularity"],
        "rules": [],
        "propensity": 0.95,
        "is_exploration": False,
    }
    return kept | changes


def slate(key: str, audience: str = "user") -> Row:
    """A full slate that keeps every promise."""
    return {
        "arrival_date": EVENING,
        "audience": audience,
        "audience_key": key,
        "segment": SEGMENT,
        "items": [item(1, 3.0), item(2, 2.0), item(3, 1.0)],
        "reserve": [item(4, 0.5, propensity=1.0)],
        "short_reason": None,
        "ranker": "gbdt",
        "model_date": date(2026, 1, 4),
        "feature_date": EVENING,
    }


def opted_out(key: str) -> Row:
    return slate(key) | {"items": [], "reserve": [], "short_reason": "personalisation_off"}


def stand_ins() -> list[Row]:
    return [slate(SEGMENT, "segment"), slate("*", "default")]


def place(at: int, **changes: object) -> Callable[[Row], None]:
    """Change one item of a slate."""
    return lambda row: row["items"][at].update(changes)


def become(at: int, other: Row) -> Callable[[Row], None]:
    return lambda row: row["items"].__setitem__(at, other)


def whole(**changes: object) -> Callable[[Row], None]:
    """Change a row's own columns."""
    return lambda row: row.update(changes)


PLANTED: dict[str, tuple[Callable[[Row], None], str]] = {
    "row_is_wanted": (whole(), ""),
    "opt_out_is_kept": (whole(short_reason="personalisation_off", items=[item(1)]), ""),
    "segment_is_his": (whole(segment="FR|ios|fr"), ""),
    "evening_is_one": (whole(feature_date=date(2026, 1, 4)), ""),
    "model_is_dated": (whole(model_date=None), ""),
    "length_is_right": (whole(items=[item(1)]), ""),
    "reserve_is_short": (whole(reserve=[item(4), item(8)], items=[], short_reason="?"), ""),
    "fields_are_there": (place(2, rules=None), " item 3 at slate[2]"),
    "item_is_alive": (become(2, item(99)), " item 99 at slate[2]"),
    "item_is_of_surface": (become(2, item(6)), " item 6 at slate[2]"),
    "item_is_in_stock": (become(2, item(5)), " item 5 at slate[2]"),
    "id_is_its_own": (place(0, item_id="p2"), " item 1 at slate[0]"),
    "item_is_once": (whole(reserve=[item(3)]), " item 3 at slate[2]"),
    "item_is_not_done": (whole(), " item 2 at slate[1]"),
    "seller_is_capped": (become(2, item(7)), " item 1 at slate[0]"),
    "category_is_capped": (become(2, item(8)), " item 1 at slate[0]"),
    "propensity_is_possible": (place(1, propensity=0.5), " item 2 at slate[1]"),
    "value_is_finite": (place(2, value=math.nan), " item 3 at slate[2]"),
    "sources_are_named": (place(1, sources=[]), " item 2 at slate[1]"),
    "prediction_is_possible": (place(1, p_click=1.5), " item 2 at slate[1]"),
    "order_is_by_value": (place(2, value=2.5), " item 3 at slate[2]"),
}
"""For each promise of a user's row what breaks it, and where: each user is named by his."""


def checked(
    spark: SparkSession,
    rows: list[Row],
    users: dict[str, bool],
    pairs: DataFrame | None = None,
    *,
    surface: Surface = PRODUCT_FEED,
) -> list[Broken]:
    known = [(user, is_off, "DE", "ios", "de") for user, is_off in users.items()]
    columns = "user_id string, is_personalisation_off boolean, country string, platform string, "
    items = "item_no int, item_id string, item_type string, is_sold_out boolean, seller_id string, "
    return check(
        spark.createDataFrame(rows, SLATES["product_feed"].schema),
        users=spark.createDataFrame(known, columns + "language string"),
        pairs=spark.createDataFrame([], FEATURES_USER_PAIRS.schema) if pairs is None else pairs,
        items=spark.createDataFrame(ITEMS, items + "category string"),
        surface=surface,
        limits=LIMITS,
    )


def done(spark: SparkSession, *rows: tuple[str, int, int, int], day: int = 5) -> DataFrame:
    """User, item_no, orders, hides."""
    kept = "items array<struct<item_no: int, num_orders: int, num_hides: int>>"
    dated = [(user, date(2026, 1, day), [pair]) for user, *pair in rows]
    return spark.createDataFrame(dated, f"user_id string, arrival_date date, {kept}")


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> dict[str, Broken]:
    """One frame in which each promise is broken by the user who is named after it."""
    rows = stand_ins()
    for promise, (change, _) in PLANTED.items():
        rows.append(slate(promise))
        change(rows[-1])
    rows += [slate("key_is_once"), slate("key_is_once")]
    users = dict.fromkeys([*PLANTED, "key_is_once", "user_is_served"], False)
    del users["row_is_wanted"]
    bought = done(spark, ("item_is_not_done", 2, 1, 0), ("key_is_once", 4, 0, 0))
    return {broken.promise: broken for broken in checked(spark, rows, users, bought)}


def test_slates_that_keep_every_promise_pass(spark: SparkSession) -> None:
    anna, bea, eva = slate("anna"), slate("bea"), slate("eva")
    anna["items"][1] = item(8, 0.1, is_exploration=True, propensity=0.01)
    bea["items"][2].update(value=9.0, rules=["caps"])
    eva |= {"items": [item(3)], "reserve": [], "short_reason": "only 1 candidates"}
    rows = [anna, bea, eva, opted_out("carl"), *stand_ins()]
    users = {"anna": False, "bea": False, "eva": False, "carl": True}
    assert checked(spark, rows, users, done(spark, ("anna", 2, 1, 0), ("bea", 5, 0, 3))) == []


@pytest.mark.parametrize("promise", [*PLANTED, "key_is_once", "user_is_served"])
def test_a_planted_breach_is_found_with_its_example_and_breaks_nothing_else(
    found: dict[str, Broken], promise: str
) -> None:
    example = f"user:{promise}{PLANTED[promise][1] if promise in PLANTED else ''}"
    assert found[promise] == Broken(promise, 1, (example,))


def test_a_breach_is_planted_for_every_promise(found: dict[str, Broken]) -> None:
    assert {*found, "stand_in_is_there", "slot_is_due"} == set(PROMISES)
    assert PROMISES["item_is_once"] in str(found["item_is_once"])


def test_empty_slates_need_their_segment_and_everybody_needs_the_default(
    spark: SparkSession,
) -> None:
    rows = [slate("anna"), opted_out("carl")]
    got = checked(spark, rows, {"anna": False, "carl": True})
    assert got == [Broken("stand_in_is_there", 2, ("default:*", f"segment:{SEGMENT}"))]


def test_a_personalised_slate_of_one_who_opted_out_is_refused(spark: SparkSession) -> None:
    got = checked(spark, [slate("carl"), *stand_ins()], {"carl": True})
    assert got == [Broken("opt_out_is_kept", 1, ("user:carl",))]


def test_what_was_bought_in_a_live_slot_does_not_forbid_the_slot_and_a_hide_does(
    spark: SparkSession,
) -> None:
    rows, users = [slate("anna"), slate("bea"), *stand_ins()], {"anna": False, "bea": False}
    pairs = done(spark, ("anna", 1, 1, 0), ("bea", 1, 0, 1))
    got = {one.promise: one for one in checked(spark, rows, users, pairs, surface=LIVE_STREAMS)}
    assert got["item_is_not_done"].examples == ("user:bea item 1 at slate[0]",)


def test_the_newest_that_is_known_of_a_user_decides(spark: SparkSession) -> None:
    rows, users = [slate("anna"), slate("bea"), *stand_ins()], {"anna": False, "bea": False}
    # An order that was cancelled since, and one that was made since.
    before = done(spark, ("anna", 1, 1, 0), ("bea", 1, 0, 0))
    since = done(spark, ("anna", 1, 0, 0), ("bea", 1, 1, 0), day=6)
    (got,) = checked(spark, rows, users, since.unionByName(before))
    assert (got.promise, got.examples) == ("item_is_not_done", ("user:bea item 1 at slate[0]",))


def test_every_breach_is_counted_and_five_are_shown(spark: SparkSession) -> None:
    users = {f"user{n}": False for n in range(7)}
    got = checked(spark, stand_ins(), users)
    assert got == [Broken("user_is_served", 7, tuple(f"user:user{n}" for n in range(5)))]


LATE = {"slot_is_due"}
WRONG_PLACES: list[tuple[str, Row]] = [
    ("propensity_is_possible", {"propensity": 0.0}),
    ("propensity_is_possible", {"propensity": 1.0 + 1e-6}),
    ("propensity_is_possible", {"propensity": 0.06, "is_exploration": True}),
    ("propensity_is_possible", {"propensity": math.nan}),
    ("value_is_finite", {"value": math.inf, "rules": ["caps"]}),
    ("prediction_is_possible", {"p_order": -0.1}),
    ("prediction_is_possible", {"p_click": None}),
    ("prediction_is_possible", {"p_order": math.nan}),
    ("prediction_is_possible", {"watch_share": 0.5}),
]


@pytest.mark.parametrize(("promise", "changes"), WRONG_PLACES)
def test_numbers_out_of_range_are_found(promise: str, changes: Row) -> None:
    row = slate("anna")
    row["items"][1].update(changes)
    assert broken_names(row) == {promise}


def test_the_fused_order_has_no_model_night_and_no_probabilities() -> None:
    row = slate("anna") | {"ranker": "none"}
    assert broken_names(row) == {"model_is_dated", "prediction_is_possible"}
    row["model_date"] = None
    for shown in (*row["items"], *row["reserve"]):
        shown.update(p_click=None, p_order=None)
    assert broken_names(row) == set()


def test_a_drawn_item_may_have_any_propensity_up_to_the_rate_and_any_value() -> None:
    row = slate("anna")
    row["items"][0].update(propensity=0.05, is_exploration=True, value=-4.0)
    row["items"][2].update(propensity=1.0)
    assert broken_names(row) == set()


def test_an_unknown_audience_and_a_full_slate_with_a_reason_are_refused() -> None:
    assert broken_names(slate("anna") | {"audience": "vip"}, is_active=False) == {"row_is_wanted"}
    assert broken_names(slate("anna") | {"short_reason": "?"}) == {"length_is_right"}


@pytest.mark.parametrize(
    ("slot", "broken"),
    [("h@tue-20", set()), ("h@mon-20", LATE), ("h@wed-00", LATE), ("room-8f3a", LATE)],
)
def test_a_slate_of_monday_night_holds_slots_of_tuesday(slot: str, broken: set[str]) -> None:
    assert f"{EVENING:%A}" == "Monday"
    slots = [(*row[:1], slot, "live_slot", *row[3:]) for row in ITEMS[:4]]
    shelf = Shelf.of(
        pa.Table.from_pylist([dict(zip(_ITEM_COLUMNS, row, strict=True)) for row in slots]),
        LIVE_STREAMS,
    )
    row = slate("anna")
    for shown in (*row["items"], *row["reserve"]):
        shown["item_id"] = slot
    assert broken_names(row, shelf=shelf) == broken


def broken_names(row: Row, *, is_active: bool = True, shelf: Shelf = SHELF) -> set[str]:
    """Test one row without Spark."""
    joined = row | {
        "has_row": True,
        "is_active": is_active,
        "is_off": False,
        "own_segment": SEGMENT,
        "done": None,
    }
    schema = arrow_schema(SLATES["product_feed"].schema)
    for name, kind in (
        ("has_row", pa.bool_()),
        ("is_active", pa.bool_()),
        ("is_off", pa.bool_()),
        ("own_segment", pa.string()),
        ("done", pa.list_(pa.int32())),
    ):
        schema = schema.append(pa.field(name, kind))
    return set(
        breaches_of(pa.Table.from_pylist([joined], schema), shelf, LIMITS)["promise"].to_pylist()
    )
