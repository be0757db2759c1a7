from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from data_quality.checks import NUM_ROWS_TO_USUAL, NUM_USUAL_DAYS, figure, never_null
from data_quality.config import QualityConfig
from data_quality.expectations import SUITES, related_tables, suite
from data_quality.profile import UnknownTableError
from data_quality.results import Result, as_rows, summary
from data_quality.validate import CheckNotRunError, alike, unmet_days, validate
from etl import tables
from etl.days import Days, one_day
from etl.lake import Lake

DAY = date(2026, 1, 8)
WEEK = [DAY - timedelta(days=n) for n in range(1, 8)]
CONFIG = QualityConfig(num_rows_ignored=0)
COLUMNS = tables.SILVER_LINE_COUNTS.schema
Validated = Callable[..., dict[tuple[date, str], Result]]


@pytest.fixture
def validated(spark: SparkSession) -> Validated:
    """Validate rows (day, file, lines, events) of silver/line_counts; all files were sealed."""

    def of(
        rows: list[tuple[date, str, int, int]],
        *,
        days: Days,
        before: Mapping[date, int] | None = None,
    ) -> dict[tuple[date, str], Result]:
        counts = [(day, "app", file, lines, events, 0, 0) for day, file, lines, events in rows]
        noon = datetime(2026, 1, 8, 12, tzinfo=UTC)
        sealed = [(day, "app", file, noon, str(day), 1, "0") for day, file, *_ in rows]
        results = validate(
            tables.SILVER_LINE_COUNTS,
            spark.createDataFrame(counts, COLUMNS),
            days=days,
            before=before or {},
            related={"bronze/files": spark.createDataFrame(sealed, tables.BRONZE_FILES.schema)},
            config=CONFIG,
        )
        return {(r.arrival_date, r.expectation): r for r in results}

    return of


def test_a_result_says_how_many_rows_broke_it_and_shows_them(validated: Validated) -> None:
    rows = [(DAY, "a", 10, 10), (DAY, "b", 10, 9), (DAY, "c", 10, 11)]

    found = validated(rows, days=one_day(DAY))

    said = '{{"source":"app","file_name":"{}","num_lines":10,"num_events":{},'
    zeros = '"num_rejected_lines":0,"num_duplicate_lines":0}'
    assert found[DAY, "lines = events + rejected + duplicates"] == Result(
        arrival_date=DAY,
        table_path="silver/line_counts",
        expectation="lines = events + rejected + duplicates",
        severity="critical",
        is_met=False,
        observed="2 broken, of 3 rows",
        num_unexpected=2,
        examples=(said.format("b", 9) + zeros, said.format("c", 11) + zeros),
    )


def test_a_range_leaves_the_results_that_its_nights_leave(validated: Validated) -> None:
    rows = [(day, file, 10, 10 - (day == DAY)) for day in WEEK for file in ("a", "b")]
    rows += [(DAY, "a", 10, 9), (DAY, "a", 10, 9)]
    counts = dict.fromkeys(WEEK, 2)
    last = WEEK[0]

    of_range = validated(rows, days=Days(last, DAY), before=dict.fromkeys(WEEK[1:], 2))
    of_nights = {
        **validated(rows, days=one_day(last), before=dict.fromkeys(WEEK[1:], 2)),
        **validated(rows, days=one_day(DAY), before=counts),
    }

    assert of_range == of_nights
    assert {day for (day, _), r in of_range.items() if r.is_blocking} == {DAY}


def test_no_more_than_five_examples_are_shown_whatever_the_partitions(
    validated: Validated,
) -> None:
    rows = [(DAY, f"{n:02}", 1, 0) for n in range(20)]

    found = validated(rows, days=one_day(DAY))[DAY, "lines = events + rejected + duplicates"]

    assert found.num_unexpected == 20
    assert [text[28:32] for text in found.examples] == ['"00"', '"01"', '"02"', '"03"', '"04"']


@pytest.mark.parametrize(("num_rows", "is_met"), [(4, False), (5, True), (20, True), (21, False)])
def test_half_to_double_the_usual_rows_is_near(
    validated: Validated, num_rows: int, *, is_met: bool
) -> None:
    rows = [(DAY, str(n), 1, 1) for n in range(num_rows)]

    found = validated(rows, days=one_day(DAY), before=dict.fromkeys(WEEK, 10))

    near = found[DAY, NUM_ROWS_TO_USUAL]
    assert (near.is_met, near.severity) == (is_met, "warning")
    assert near.observed == f"{num_rows} rows; usual are 10"
    assert found[DAY, NUM_USUAL_DAYS].is_met


def test_a_short_history_is_a_warning_of_its_own_and_nothing_is_compared(
    validated: Validated,
) -> None:
    found = validated([(DAY, "a", 1, 1)], days=one_day(DAY), before=dict.fromkeys(WEEK[:3], 999))

    assert found[DAY, NUM_ROWS_TO_USUAL].is_met
    assert found[DAY, NUM_ROWS_TO_USUAL].observed == "1 rows; what is usual is not known yet"
    assert not found[DAY, NUM_USUAL_DAYS].is_met
    assert found[DAY, NUM_USUAL_DAYS].observed == "3 of 7 days before"


def test_a_day_without_rows_breaks_nothing_but_the_usual(validated: Validated) -> None:
    before = {DAY - timedelta(days=n): 9 for n in range(2, 9)}

    found = validated([(DAY, "a", 1, 1)], days=Days(WEEK[0], DAY), before=before)

    unmet = [name for (day, name), r in found.items() if day == WEEK[0] and not r.is_met]
    assert unmet == [NUM_ROWS_TO_USUAL]


def test_a_user_is_shown_by_the_hash_of_his_id_only(spark: SparkSession) -> None:
    interests = [(DAY, "anna", datetime(2020, 1, 1, tzinfo=UTC), [], [])]
    table = tables.FEATURES_USER_INTERESTS

    results = validate(
        table,
        spark.createDataFrame(interests, table.schema),
        days=one_day(DAY),
        before={},
        related={
            "features/user_pairs": spark.createDataFrame([], tables.FEATURES_USER_PAIRS.schema)
        },
        config=CONFIG,
    )

    (shown,) = [r.examples for r in results if r.is_blocking]
    # printf anna | sha256sum
    assert shown == (
        '{"user_id_sha256":"55579b557896","last_event_at":"2020-01-01T00:00:00.000Z"}',
    )


def test_a_related_table_that_was_not_handed_in_is_named(spark: SparkSession) -> None:
    with pytest.raises(UnknownTableError, match="bronze/files"):
        validate(
            tables.SILVER_LINE_COUNTS,
            spark.createDataFrame([], COLUMNS),
            days=one_day(DAY),
            before={},
            related={},
            config=CONFIG,
        )


def test_a_check_that_could_not_run_is_an_error_and_no_failed_check() -> None:
    not_measured = figure("of a column that is not there", "1", severity="warning", low=1)
    frame = pd.DataFrame({"another": [0]}, index=pd.Index([DAY], dtype=object))

    with pytest.raises(CheckNotRunError, match="of a column that is not there"):
        unmet_days(frame, (not_measured,))


def test_checks_of_the_same_bounds_are_one_expectation() -> None:
    import great_expectations.expectations as gxe

    near = figure("half to double", "1", severity="warning", low=0.5, high=2)

    found = alike((*never_null("user_id"), near, *never_null("item_no")))

    assert [[check.name for check in one.checks] for one in found] == [
        ["user_id is never null", "item_no is never null"],
        ["half to double"],
    ]
    said = [one.expectation() for one in found]
    assert all(isinstance(one, gxe.ExpectColumnValuesToBeBetween) for one in said)
    assert [(s.min_value, s.max_value, s.severity.value) for s in said] == [
        (0, 0, "critical"),
        (0.5, 2, "warning"),
    ]


def test_each_check_is_judged_on_each_day_by_its_own_bounds() -> None:
    days = [DAY, DAY + timedelta(days=1)]
    (broken,) = never_null("user_id")
    near = figure("near", "1", severity="warning", low=0.5)
    (other,) = never_null("item_no")
    frame = pd.DataFrame(
        {broken.name: [0, 2], "near": [0.4, None], other.name: [1, 0]},
        index=pd.Index(days, dtype=object),
    )

    assert unmet_days(frame, (broken, near, other)) == {
        broken: [days[1]],
        other: [days[0]],
        near: [days[0]],
    }


def test_every_table_has_a_suite_whose_names_are_unique_and_whose_tables_exist() -> None:
    assert list(SUITES) == [table.path for table in tables.ALL]
    for table in tables.ALL:
        names = [check.name for check in suite(table, config=CONFIG)]
        assert len(names) == len(set(names))
        assert table not in related_tables(table)


def test_results_can_be_written_to_their_table_and_keep_their_promises(lake: Lake) -> None:
    result = Result(
        arrival_date=DAY,
        table_path="silver/events",
        expectation="it holds",
        severity="critical",
        is_met=False,
        observed="1 broken",
        num_unexpected=1,
        examples=("{}",),
    )
    checked_at = datetime(2026, 1, 9, 3, tzinfo=UTC)

    rows = as_rows([result], spark=lake.spark, run_id="run", checked_at=checked_at)
    lake.write(tables.DATA_QUALITY_RESULTS, rows, one_day(DAY))

    written = lake.read(tables.DATA_QUALITY_RESULTS, one_day(DAY)).collect()
    assert [tuple(row)[:-1] for row in written] == [
        (DAY, "silver/events", "it holds", "critical", False, "1 broken", 1, ["{}"], "run")
    ]


def test_a_summary_puts_what_blocks_first_and_keeps_the_table_whole() -> None:
    met = Result(
        arrival_date=DAY,
        table_path="silver/events",
        expectation="a",
        severity="critical",
        is_met=True,
        observed="0 broken",
        num_unexpected=0,
        examples=(),
    )
    unmet = {name: getattr(met, name) for name in ("arrival_date", "table_path", "num_unexpected")}
    warning = Result(
        **unmet, expectation="b", severity="warning", is_met=False, observed="1|2", examples=()
    )
    blocking = Result(
        **unmet,
        expectation="c",
        severity="critical",
        is_met=False,
        observed="3",
        examples=("`x`\ny",),
    )

    said = summary([met, warning, blocking])

    assert said.splitlines() == [
        "1 of 3 expectations met. Not met: 1 critical, 1 warning.",
        "",
        "| severity | table | day | expectation | found | examples |",
        "|---|---|---|---|---|---|",
        "| critical | silver/events | 2026-01-08 | c | 3 | `'x' y` |",
        "| warning | silver/events | 2026-01-08 | b | 1¦2 |  |",
    ]
    assert summary([met]) == "All 1 expectations met."


def test_a_table_known_to_be_empty_is_judged_as_one_that_is_read(lake: Lake) -> None:
    table = tables.SILVER_OUTCOMES
    days = Days(DAY, DAY + timedelta(days=1))
    asked = {"days": days, "before": {}, "config": CONFIG}
    related = {other.path: lake.empty(other) for other in related_tables(table)}

    read = validate(table, lake.empty(table), related=related, **asked)
    known = validate(table, None, related={}, **asked)

    assert known == read
