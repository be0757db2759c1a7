"""The oracle adds up each category's decayed events of a user, and says what share each is."""

from datetime import timedelta

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from etl.features import user_interests, user_pairs
from etl.features.user_pairs import PairsConfig
from etl.tables import FEATURES_USER_INTERESTS, FEATURES_USER_PAIRS
from tests.etl.features.shop_log import DAYS, FIRST, Row, arrow_of, items_of, log
from tests.etl.features.touch_rows import (
    CODE_OF,
    arrow_of_touches,
    shown_users,
    touch,
    touches_of,
)

WEIGHTS = {"view": 1, "click": 1, "watch": 1, "like": 2, "cart": 3, "order": 5}
KIND_OF = {code: kind for kind, code in CODE_OF.items()}


def orders(rows: list[Row]) -> int:
    """Orders less cancels, day by day, never below 0."""
    left = 0
    for day in sorted({r["arrival_date"] for r in rows}):
        kinds = [KIND_OF[r["event_code"]] for r in rows if r["arrival_date"] == day]
        left = max(left + kinds.count("order") - kinds.count("cancel"), 0)
    return left


def interests(known: list[Row], half_life_days: float, num: int) -> list[tuple[str, float, int]]:
    """Category, share and events, strongest first."""
    last = max(r["event_at"] for r in known)
    found = {}
    for category in {r["category"] for r in known if r["category"]}:
        rows = [r for r in known if r["category"] == category]
        kinds = [KIND_OF[r["event_code"]] for r in rows]
        halvings = [(last - r["event_at"]) / timedelta(days=half_life_days) for r in rows]
        weight = sum(WEIGHTS.get(kind, 0) * 0.5**n for kind, n in zip(kinds, halvings, strict=True))
        num_clicks = kinds.count("view") + kinds.count("click")
        found[category] = (weight, num_clicks + orders(rows))
    total = sum(weight for weight, _ in found.values())
    strongest = sorted((-weight, name, n) for name, (weight, n) in found.items() if weight)
    return [(name, -weight / total, n) for weight, name, n in strongest][:num]


def pairs_of(rows: list[Row]) -> pa.Table:
    nothing = arrow_of(FEATURES_USER_PAIRS, [])
    made = user_pairs.pairs(
        arrow_of_touches(rows, DAYS), nothing, days=DAYS, first_day=FIRST, config=PairsConfig()
    )
    return made.cast(nothing.schema)


def built(spark: SparkSession, rows: list[Row]) -> pa.Table:
    frame = spark.createDataFrame(pairs_of(rows), FEATURES_USER_PAIRS.schema)
    return user_interests.build(frame).toArrow()


def told(interests: list[Row]) -> list[tuple[str, float, int]]:
    return [(one["category"], one["strength"], one["num_events"]) for one in interests]


def nearly(expected: list[tuple[str, float, int]]) -> list[tuple]:
    return [(name, pytest.approx(share, rel=1e-9), n) for name, share, n in expected]


def test_interests_are_shares_of_decayed_events(spark: SparkSession) -> None:
    events = log(5)
    rows = touches_of(events, items_of(events))

    made = built(spark, rows)

    assert made.column_names == FEATURES_USER_INTERESTS.column_names
    found = {(r["arrival_date"], r["user_id"]): r for r in made.to_pylist()}
    assert {*found} == {(day, user) for day in DAYS for user in shown_users(rows, day)}
    for (day, user), row in found.items():
        known = [r for r in rows if r["user_id"] == user and r["arrival_date"] <= day]
        assert row["last_event_at"] == max(r["event_at"] for r in known)
        assert told(row["short_term"]) == nearly(interests(known, 2, 10))
        assert told(row["long_term"]) == nearly(interests(known, 30, 20))


def test_only_the_strongest_are_kept_and_ties_go_by_name(spark: SparkSession) -> None:
    rows = [touch(f"e{n}", "click", 0.5, item=n, category=f"c{n:02}") for n in range(25)]
    rows.append(touch("x", "order", 0.5, item=30, category="z"))
    rows.append(touch("y", "hide", 0.5, item=31, category="hidden"))

    made = built(spark, rows).to_pylist()[0]

    assert [i["category"] for i in made["short_term"]] == ["z", *(f"c{n:02}" for n in range(9))]
    assert [i["category"] for i in made["long_term"]] == ["z", *(f"c{n:02}" for n in range(19))]
    assert made["short_term"][0]["strength"] == pytest.approx(5 / 30)


def test_who_has_no_category_has_no_interests(spark: SparkSession) -> None:
    made = built(spark, [touch("a", "click", 0.5)]).to_pylist()[0]

    assert (made["short_term"], made["long_term"]) == ([], [])


def test_who_only_hid_what_he_was_shown_has_no_interests(spark: SparkSession) -> None:
    made = built(spark, [touch("a", "hide", 0.5, category="c")]).to_pylist()[0]

    assert (made["short_term"], made["long_term"]) == ([], [])
