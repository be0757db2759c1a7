from collections.abc import Callable
from datetime import date, datetime

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from etl.days import Days, one_day
from etl.silver import impressions
from etl.tables import SILVER_IMPRESSIONS

DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 5, 12)
EventsOf = Callable[[list[dict[str, object]]], DataFrame]


def shown(*items: tuple[int, str, float | None]) -> list[Row]:
    return [Row(position=place, item_id=item, propensity=chance) for place, item, chance in items]


def columns(frame: DataFrame, *names: str) -> set[tuple[object, ...]]:
    return {tuple(row) for row in frame.select(*names).collect()}


def test_a_request_gives_a_row_for_each_item_that_it_showed(events_of: EventsOf) -> None:
    slate = shown((0, "a", 0.5), (1, "b", None))
    event = {
        "event_type": "impression",
        "event_at": NOON,
        "surface": "short_videos",
        "item_type": "short_video",
        "request_id": "r",
        "country": "PT",
        "platform": "ios",
        "language": "pt",
        "shown": slate,
    }

    found = impressions.build(events_of([event]), days=one_day(DAY))

    assert found.columns == SILVER_IMPRESSIONS.column_names
    said = found.withColumn("shown_at", F.col("shown_at").cast("string")).orderBy("position")
    request = ("short_videos", "r", "2026-01-05 12:00:00", DAY)
    assert [tuple(row) for row in said.collect()] == [
        (DAY, "app", "e", 0, "u", "short_video", "a", *request, 0.5, "PT", "ios", "pt"),
        (DAY, "app", "e", 1, "u", "short_video", "b", *request, None, "PT", "ios", "pt"),
    ]


def test_an_item_without_a_type_is_what_its_surface_shows(events_of: EventsOf) -> None:
    kinds = ("product_feed", "live_streams", "short_videos")
    events = [
        {
            "event_type": "impression",
            "event_at": NOON,
            "event_id": surface,
            "surface": surface,
            "shown": shown((3, "a", None)),
        }
        for surface in kinds
    ]

    found = impressions.build(events_of(events), days=one_day(DAY))

    assert columns(found, "surface", "item_type") == {
        ("product_feed", "product"),
        ("live_streams", "live_slot"),
        ("short_videos", "short_video"),
    }


def test_the_event_says_better_than_its_surface_what_was_shown(events_of: EventsOf) -> None:
    event = {"event_type": "impression", "event_at": NOON, "surface": "live_streams"}
    typed = {**event, "item_type": "product", "shown": shown((0, "a", None))}

    found = impressions.build(events_of([typed]), days=one_day(DAY))

    assert columns(found, "surface", "item_type") == {("live_streams", "product")}


def test_an_event_of_one_item_is_one_impression(events_of: EventsOf) -> None:
    one = {"event_type": "impression", "event_at": NOON, "item_type": "product", "item_id": "a"}
    placed = {**one, "event_id": "placed", "position": 2, "propensity": 0.25}

    found = impressions.build(events_of([one, placed]), days=one_day(DAY))

    assert columns(found, "event_id", "position", "item_id", "propensity", "surface") == {
        ("e", 0, "a", None, "product_feed"),
        ("placed", 2, "a", 0.25, "product_feed"),
    }


def test_an_impression_stays_on_its_events_arrival_day_and_others_are_left_out(
    events_of: EventsOf,
) -> None:
    slate = {"event_type": "impression", "surface": "product_feed", "shown": shown((0, "a", None))}
    late = {**slate, "event_id": "late", "event_at": datetime(2026, 1, 1), "arrival_date": DAY}
    other_day = {**slate, "event_id": "before", "event_at": datetime(2026, 1, 4)}
    click = {"event_type": "click", "event_at": NOON, "item_type": "product", "item_id": "a"}
    frame = events_of([late, other_day, click])

    night = impressions.build(frame, days=one_day(DAY))
    both = impressions.build(frame, days=Days(date(2026, 1, 4), DAY))

    where = ("arrival_date", "event_id", "shown_date")
    assert columns(night, *where) == {(DAY, "late", date(2026, 1, 1))}
    assert columns(both, *where) == columns(night, *where) | {
        (date(2026, 1, 4), "before", date(2026, 1, 4))
    }
