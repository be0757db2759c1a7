from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from etl.arrow import arrow_schema
from etl.tables import FEATURES_USER_HISTORY, FEATURES_USER_PAIRS
from etl.tables.user_states import EVENT_CODES
from tests.training.known_evening import END, EVENING, Row, frame_of, item_daily, side_of, visit
from training import histories, item_side, user_side
from training.histories import Histories
from training.item_side import ItemSide

SIDE = side_of(
    {"item_no": 1, "category": "shoes", "brand": "b", "seller_id": "s"},
    {"item_no": 2, "category": None, "item_type": "short_video", "host_id": "h"},
)


def long_of(*users: list[Row] | None) -> pa.ChunkedArray:
    kind = arrow_schema(FEATURES_USER_HISTORY.schema).field("long").type
    return pa.chunked_array([pa.array(users, kind)])


def of(*users: list[Row] | None, items: ItemSide = SIDE) -> Histories:
    return histories.of_evening(long_of(*users), items=items, evening=EVENING)


def told(found: Histories, history: int) -> list[tuple[Any, ...]]:
    """Item, kind, age in days and category of each event."""
    bounds = slice(*found.offset_H1[history : history + 2].tolist())
    words = found.words["item_category"][bounds].to_pylist()
    numbers = (part[bounds].tolist() for part in (found.item_E, found.kind_E, found.age_days_E))
    return list(zip(*numbers, words, strict=True))


def test_a_history_is_told_newest_first_with_what_its_items_are_filed_under() -> None:
    found = of([visit(2, days_ago=3), visit(1, days_ago=0.5, what="cart")], None, [visit(1)])

    assert told(found, 0) == [
        (1, EVENT_CODES["cart"], 0.5, "shoes"),
        (2, EVENT_CODES["view"], 3.0, None),
    ]
    assert (told(found, 1), len(told(found, 2))) == ([], 1)
    assert found.words["item_host_id"].to_pylist() == [None, "h", None]
    assert found.words["item_brand"].to_pylist() == ["b", None, "b"]
    assert (found.num_histories, found.of_N.tolist()) == (3, [0, 1, 2])


def test_an_item_that_is_not_alive_keeps_its_number_and_has_no_words() -> None:
    found = of([visit(77)])

    assert told(found, 0) == [(77, EVENT_CODES["view"], 1.0, None)]
    assert {column.null_count for column in found.words.values()} == {1}


def test_what_a_clock_ahead_dates_after_the_evening_happened_at_its_end() -> None:
    assert [age for _, _, age, _ in told(of([visit(1, days_ago=-0.25)]), 0)] == [0.0]


def test_the_newest_thousand_are_told() -> None:
    many = [visit(n % 3, days_ago=2000 - n) for n in range(histories.MAX_EVENTS + 5)]

    found = of([visit(1)], many, [visit(2)])

    assert found.length_H.tolist() == [1, histories.MAX_EVENTS, 1]
    newest_first = list(reversed(many))[: histories.MAX_EVENTS]
    ages = [age for _, _, age, _ in told(found, 1)]
    assert ages == [(END - one["event_at"]) / timedelta(days=1) for one in newest_first]


def test_histories_of_several_evenings_keep_their_words_in_any_order() -> None:
    later = side_of({"item_no": 1, "category": "boots"}, {"item_no": 3, "category": "shoes"})
    one, other = of([visit(1)], [visit(2), visit(1)]), of([visit(3), visit(1)], items=later)

    both = histories.joined([one, other])
    found = both.arranged(np.array([2, 0, 1, 2]))

    parts = [told(one, 0), told(one, 1), told(other, 0)]
    assert [told(both, h) for h in range(3)] == parts
    assert [told(found, h) for h in range(4)] == [parts[2], parts[0], parts[1], parts[2]]
    assert found.of_N.tolist() == [0, 1, 2, 3]


def test_nobody_has_no_histories() -> None:
    for none in (histories.nothing(), of(), of(items=side_of())):
        assert (none.num_histories, len(none.item_E), len(none.of_N)) == (0, 0, 0)
        assert sorted(none.words) == [f"item_{name}" for name in sorted(item_side.WORDS)]


def test_names_alone_say_of_items_what_the_whole_side_says() -> None:
    rows = item_daily(
        {"item_no": 4, "category": "hats"}, {"item_no": 1, "category": "shoes", "brand": "b"}
    )
    whole = item_side.arrays_of(rows.select(item_side.COLUMNS))
    named = item_side.named(rows.select(item_side.NAMED))

    for name, array in named.items():
        assert pa.array(array).equals(pa.array(whole[name])), name


@pytest.mark.parametrize("num_events", [0, 1, 999, 1000, 1003])
def test_what_travels_makes_the_same_histories(spark: SparkSession, num_events: int) -> None:
    events = [visit(n % 3, days_ago=60 - n / 100, what="watch") for n in range(num_events)]
    same = {"arrival_date": EVENING, "user_id": "ann"}
    lists = {"categories": [], "brands": [], "sellers": [], "hosts": [], "items": []}
    pairs = frame_of(spark, FEATURES_USER_PAIRS, [same | lists, same | lists | {"user_id": "bob"}])
    history = frame_of(spark, FEATURES_USER_HISTORY, [same | {"long": events, "short": []}])

    state = user_side.state_of(pairs, user_side.long_of(history)).orderBy("user_id").toArrow()

    kind = state.schema.field("long").type.value_type
    assert [field.name for field in kind] == list(user_side.EVENT_FIELDS)
    made = histories.of_evening(state["long"], items=SIDE, evening=EVENING)
    expected = of(events, None)
    assert [told(made, h) for h in range(2)] == [told(expected, h) for h in range(2)]
