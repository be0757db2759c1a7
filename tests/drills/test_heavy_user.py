"""One user who does as much as a shop: his lines are read, his histories capped, and it is said.

20,000 events, a million whole, from lines to features, in the memory of one worker.
"""

from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from etl import tables
from etl.days import one_day
from etl.features import user_daily, user_history, user_pairs
from etl.features.touches import MAX_PER_DAY, left_out
from etl.features.user_daily import UserDailyConfig
from etl.features.user_pairs import PairsConfig
from etl.silver import duplicate_lines, events, items, line_counts, rejected_lines
from etl.silver.parse import PLACE, number, parse
from etl.sources import app_log
from etl.tables import BRONZE_LINES, Table

DAY = datetime(2026, 1, 2, tzinfo=UTC).date()
NOON_MS = round(datetime.combine(DAY, time(12), UTC).timestamp() * 1_000)
NUM_SMALL, NUM_WHOLE = 20_000, 1_000_000
NUM_ITEMS = 5_000
BOT, MAN = "bot", "man"
FILES = 4


def lines_of(spark: SparkSession, num_events: int) -> DataFrame:
    """Lines of the app's log, made where they are read: the bot's, and one of somebody else."""
    number, is_man = F.col("id"), F.col("id") == num_events
    at = F.lit(NOON_MS) + number
    user, item = F.when(is_man, MAN).otherwise(BOT), F.pmod(number, F.lit(NUM_ITEMS))
    line = F.format_string(
        '{"v":3,"id":"e%d","type":"click","at":%d,"user":"%s","item":{"type":"product","id":"p%d"}}',
        number,
        at,
        user,
        item,
    )
    said = {
        "arrival_date": F.lit(DAY),
        "source": F.lit(app_log.SOURCE),
        "file_name": F.format_string("13-%d.jsonl", F.pmod(number, F.lit(FILES))),
        "line_number": number + 1,
        "arrival_at": F.lit(datetime.combine(DAY, time(13), UTC)),
        "line": line.cast("binary"),
        "is_cut_off": F.lit(False),
    }
    return spark.range(num_events + 1).select(
        *(said[f.name].cast(f.dataType).alias(f.name) for f in BRONZE_LINES.schema)
    )


def none_of(spark: SparkSession, table: Table) -> DataFrame:
    return spark.createDataFrame([], table.schema).limit(0)


@pytest.fixture(scope="module")
def num_events(*, is_whole: bool) -> int:
    return NUM_WHOLE if is_whole else NUM_SMALL


@pytest.fixture(scope="module")
def said(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, num_events: int
) -> dict[str, DataFrame]:
    """Events and items of the day, written down once; the balance of its lines."""
    folder = tmp_path_factory.mktemp("heavy")
    lines = lines_of(spark, num_events)
    parsed = parse(lines)
    numbered = _kept(number(parsed, parsed.select(*PLACE).where(F.lit(False))), folder / "numbered")
    parts = {
        "events": events.build(numbered),
        "rejected_lines": rejected_lines.build(numbered),
        "duplicate_lines": duplicate_lines.build(numbered),
    }
    nothing = none_of(spark, tables.SILVER_ITEMS)
    known = items.build(parts["events"], before=nothing, days=one_day(DAY), first_day=DAY)
    return {
        "events": parts["events"],
        "items": _kept(known, folder / "items"),
        "counts": line_counts.build(lines, **parts),
    }


def _kept(rows: DataFrame, folder: Path) -> DataFrame:
    rows.write.parquet(str(folder))
    return rows.sparkSession.read.schema(rows.schema).parquet(str(folder))


def by_user(rows: DataFrame) -> dict[str, dict[str, object]]:
    return {row["user_id"]: row.asDict(recursive=True) for row in rows.collect()}


def test_all_of_his_lines_are_events(said: dict[str, DataFrame], num_events: int) -> None:
    rows = said["counts"].collect()

    assert len(rows) == FILES
    assert all(row.num_lines == row.num_events for row in rows)
    assert sum(row.num_events for row in rows) == num_events + 1


def test_his_history_keeps_the_latest_and_it_is_told_how_many_are_left_out(
    spark: SparkSession, said: dict[str, DataFrame], num_events: int
) -> None:
    found = by_user(
        user_history.build(
            said["events"],
            items=said["items"],
            before=none_of(spark, tables.FEATURES_USER_HISTORY),
            days=one_day(DAY),
            first_day=DAY,
            num_buckets=4,
        )
    )
    [told] = left_out(said["events"]).collect()

    bot, man = found[BOT], found[MAN]
    assert (bot["num_events"], man["num_events"]) == (num_events, 1)
    latest = [f"e{n}" for n in range(num_events - MAX_PER_DAY, num_events)]
    assert [entry["event_id"] for entry in bot["long"]] == latest
    assert [entry["event_id"] for entry in man["long"]] == [f"e{num_events}"]
    assert (told.num_users, told.num_events) == (1, num_events - MAX_PER_DAY)


def test_his_pairs_count_the_latest_and_his_own_counts_count_all(
    spark: SparkSession, said: dict[str, DataFrame], num_events: int
) -> None:
    pairs = by_user(
        user_pairs.build(
            said["events"],
            items=said["items"],
            impressions=none_of(spark, tables.SILVER_IMPRESSIONS),
            positions=none_of(spark, tables.FEATURES_POSITIONS),
            appeal=none_of(spark, tables.FEATURES_ITEM_APPEAL),
            before=none_of(spark, tables.FEATURES_USER_PAIRS),
            days=one_day(DAY),
            first_day=DAY,
            config=PairsConfig(),
        )
    )
    daily = by_user(
        user_daily.build(
            said["events"],
            before=none_of(spark, tables.FEATURES_USER_DAILY),
            days=one_day(DAY),
            config=UserDailyConfig(),
        )
    )

    assert sum(item["num_clicks"] for item in pairs[BOT]["items"]) == MAX_PER_DAY
    assert sum(item["num_clicks"] for item in pairs[MAN]["items"]) == 1
    assert (daily[BOT]["num_clicks_1d"], daily[MAN]["num_clicks_1d"]) == (num_events, 1)
