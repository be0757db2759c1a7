from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from etl.days import Days
from etl.tables import SILVER_EVENTS
from tests.training.known_evening import frame_of
from tests.training.shown_evenings import SURFACE, Fortnight, impression, sent_sides
from training.example_rows import ExamplesConfig
from training.examples import build, days_by_impressions

SIXTH, SEVENTH = date(2026, 1, 6), date(2026, 1, 7)


def january(*numbers: int) -> set[date]:
    return {date(2026, 1, number) for number in numbers}


@pytest.mark.parametrize(
    ("shown_on", "expected"),
    [
        (set(), set()),
        (january(12), january(12, 13, 14)),
        (january(5), january(11, 12)),
        (january(3), set()),
        (january(4), january(11)),
        (january(15), set()),
    ],
)
def test_a_day_is_made_of_impressions_if_any_arrived_on_it_or_in_the_week_before(
    shown_on: set[date], expected: set[date]
) -> None:
    days = Days(date(2026, 1, 11), date(2026, 1, 14))
    assert days_by_impressions(shown_on, days) == expected


def test_each_day_is_made_in_its_way(spark: SparkSession, tmp_path: Path) -> None:
    shown = [impression("a", 1, 7, arrived=7), impression("a", 2, 6, arrived=6)]
    fortnight = Fortnight(spark, dict(sent_sides(spark, tmp_path)), shown)
    log, known = fortnight.read(SIXTH, SEVENTH)
    views = [
        {
            "arrival_date": day,
            "event_date": day,
            "event_at": datetime(2026, 1, day.day, 12),
            "event_type": "view",
            "user_id": "b",
            "item_type": SURFACE.item_type,
            "item_id": "v3",
        }
        for day in (SIXTH, SEVENTH)
    ]
    log = replace(log, events=frame_of(spark, SILVER_EVENTS, views))

    rows = build(
        log,
        known,
        surface=SURFACE,
        days=Days(SIXTH, SEVENTH),
        by_impressions={SEVENTH},
        config=ExamplesConfig(),
    ).collect()

    found = sorted((r.arrival_date.day, r.user_id, r.example_id, r.item_no) for r in rows)
    of_candidates = [(6, "b", "candidate", item) for item in (0, 1, 3)]
    assert found == [*of_candidates, (7, "a", "shop:a7-1-7:1", 1)]
    assert all(r.is_own for r in rows if r.example_id == "candidate")
