"""Good rows made from a table's schema, and days that break one promise each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    FloatType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from data_quality.config import QualityConfig
from data_quality.expectations import related_tables, suite
from data_quality.results import Result
from data_quality.validate import validate
from etl.days import Days
from etl.tables import Table

FIRST_DAY = date(2026, 1, 8)
Row = dict[str, object]
Change = Row | Callable[[list[Row]], list[Row]]


def value_of(kind: DataType, day: date) -> object:
    """A harmless value of a type: a, 1, false, the day, its noon."""
    if isinstance(kind, StructType):
        return {f.name: value_of(f.dataType, day) for f in kind}
    if isinstance(kind, ArrayType):
        return [value_of(kind.elementType, day)]
    noon = datetime.combine(day, time(12), UTC)
    simple = {
        StringType: "a",
        BinaryType: bytearray(b"a"),
        BooleanType: False,
        DateType: day,
        TimestampType: noon,
        DoubleType: 1.0,
        FloatType: 1.0,
    }
    return simple.get(type(kind), 1)


def frame_of(spark: SparkSession, table: Table, rows: list[Row]) -> DataFrame:
    """Rows as a DataFrame in which everything may be null, as a faulty maker could leave it."""
    schema = StructType([StructField(f.name, f.dataType) for f in table.schema])
    return spark.createDataFrame([tuple(row[n] for n in schema.names) for row in rows], schema)


@dataclass
class Planted:
    """Results of a good day, followed by one day for each planted fault."""

    good: list[Result]
    of_fault: dict[str, Result]
    """By the name of the check that must catch it."""
    promised: set[str]

    def assert_each_is_caught(self) -> None:
        unmet_on_the_good_day = [r.expectation for r in self.good if not r.is_met]
        assert unmet_on_the_good_day == []
        assert set(self.of_fault) == self.promised
        missed = [name for name, result in self.of_fault.items() if result.is_met]
        assert missed == []

    def assert_each_has_its_example(self, *, but: tuple[str, ...] = ()) -> None:
        """``but``: checks of a whole day, for which no row is to blame."""
        shown = {name for name, result in self.of_fault.items() if len(result.examples) == 1}
        counted = {name for name, result in self.of_fault.items() if result.num_unexpected == 1}
        assert shown == counted == set(self.of_fault) - set(but)


@pytest.fixture(autouse=True)
def _interpreted(spark: SparkSession) -> Iterator[None]:
    """Each suite is a wide plan of its own: compiling it costs more than running it on ten rows."""
    names = ("spark.sql.codegen.wholeStage", "spark.sql.codegen.factoryMode")
    before = {name: spark.conf.get(name) for name in names}
    spark.conf.set(names[0], "false")
    spark.conf.set(names[1], "NO_CODEGEN")
    yield
    for name, value in before.items():
        spark.conf.set(name, value)


@pytest.fixture
def plant(spark: SparkSession) -> Callable[..., Planted]:
    """Validate one good day and one day a fault, all at once."""

    def planted(
        table: Table,
        faults: dict[str, Change],
        *,
        good: Row | None = None,
        related: dict[str, Row] | None = None,
    ) -> Planted:
        every = {**_of_schema(table), **faults}
        changes: list[Change] = [{}, *every.values()]
        days = [FIRST_DAY + timedelta(days=n) for n in range(len(changes))]
        rows = [
            row
            for day, change in zip(days, changes, strict=True)
            for row in _changed(_good(table, day, good or {}), change)
        ]
        others = {
            other.path: frame_of(
                spark,
                other,
                [_good(other, day, (related or {}).get(other.path, {})) for day in days],
            )
            for other in related_tables(table)
        }
        config = QualityConfig()
        results = validate(
            table,
            frame_of(spark, table, rows),
            days=Days(days[0], days[-1]),
            before={FIRST_DAY - timedelta(days=n): 1 for n in range(1, 8)},
            related=others,
            config=config,
        )
        by_place = {(r.arrival_date, r.expectation): r for r in results}
        return Planted(
            good=[r for r in results if r.arrival_date == FIRST_DAY],
            of_fault={name: by_place[day, name] for day, name in zip(days[1:], every, strict=True)},
            promised={c.name for c in suite(table, config=config)} - _NOT_OF_ROWS,
        )

    return planted


_NOT_OF_ROWS = {
    "number of rows is near the usual of the week before",
    "the week before is known",
}


def _good(table: Table, day: date, good: Row) -> Row:
    """``good`` may give a value, or a function of the day."""
    own = {f.name: value_of(f.dataType, day) for f in table.schema}
    said = {n: value(day) if callable(value) else value for n, value in good.items()}
    return {**own, **said}


def _changed(row: Row, change: Change) -> list[Row]:
    if callable(change):
        return change([row])
    day = row["arrival_date"]
    return [{**row, **{n: v(day) if callable(v) else v for n, v in change.items()}}]


def _of_schema(table: Table) -> dict[str, Change]:
    """Faults that every table can have: a key twice, nothing where something must be."""
    twice = {f"({', '.join(table.key)}) is unique": lambda rows: rows * 2}
    never = [f.name for f in table.schema if not f.nullable and f.name != "arrival_date"]
    return {**twice, **{f"{name} is never null": {name: None} for name in never}}
