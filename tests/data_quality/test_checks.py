from random import Random
from typing import Final

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    ByteType,
    DataType,
    DoubleType,
    FloatType,
    StringType,
    StructField,
    StructType,
)

from data_quality.checks import Broken, Check
from data_quality.config import QualityConfig
from data_quality.expectations import suite
from etl.tables import CANDIDATES, RETRIEVAL_COVISITATION, SLATES, Table

NUMBERS: Final = (-0.5, 0.0, 0.3, 1.0, 1.5, float("nan"), float("inf"), float("-inf"))
LONG: Final = (RETRIEVAL_COVISITATION, CANDIDATES["product_feed"], SLATES["product_feed"])
"""Tables whose arrays are checked without lambdas."""


def without_lambda(table: Table) -> list[tuple[Check, str]]:
    """Checks of elements, and the lambda by which their examples are shown."""
    found = [(c, c.measure) for c in suite(table, config=QualityConfig())]
    return [
        (check, measure.shows[0].rsplit(" AS ", 1)[0])
        for check, measure in found
        if isinstance(measure, Broken)
        and measure.shows
        and measure.shows[0].startswith("slice(filter(")
        and "->" not in measure.by
    ]


def drawn(kind: DataType, random: Random, share_null: float) -> object:
    """A value of a type, often one that breaks a promise; elements of elements are never null."""
    if random.random() < share_null:
        return None
    if isinstance(kind, StructType):
        return tuple(drawn(field.dataType, random, share_null) for field in kind)
    if isinstance(kind, ArrayType):
        is_nested = isinstance(kind.elementType, StructType) and share_null == 0
        length = random.choice((0, 1, 2) if is_nested else (0, 1, 4))
        return [drawn(kind.elementType, random, 0) for _ in range(length)]
    if isinstance(kind, DoubleType | FloatType):
        return random.choice(NUMBERS)
    simple = {BooleanType: random.random() < 0.5, StringType: random.choice((" ", "a"))}
    low = -1 if isinstance(kind, ByteType) else 0
    return simple.get(type(kind), random.randint(low, 14))


def row(fields: list[StructField], random: Random) -> tuple[object, ...]:
    """Arrays of a row; in every third row their elements have nulls."""
    share = 0.2 if random.random() < 0.3 else 0
    arrays = [
        [
            tuple(drawn(one.dataType, random, share) for one in field.dataType.elementType)
            for _ in range(random.choice((0, 1, 1, 3)))
        ]
        for field in fields
    ]
    return (share > 0, *arrays)


@pytest.mark.parametrize("table", LONG, ids=lambda t: t.path)
def test_what_is_said_of_an_array_is_what_is_said_of_its_elements(
    spark: SparkSession, table: Table
) -> None:
    promised, random = without_lambda(table), Random(7)
    fields = [f for f in table.schema if isinstance(f.dataType, ArrayType)]
    relaxed = [StructField("has_nulls", BooleanType())]
    relaxed += [StructField(field.name, field.dataType) for field in fields]
    rows = [row(fields, random) for _ in range(400)]
    frame = spark.createDataFrame(rows, StructType(relaxed), verifySchema=False)

    said = [
        F.struct(F.coalesce(F.expr(check.measure.by), F.lit(False)), F.expr(f"size({shown}) > 0"))
        for check, shown in promised
    ]
    found = frame.select("has_nulls", *said).collect()

    assert len(promised) >= 2
    assert {pair[0] for _, *pairs in found for pair in pairs} == {True, False}
    assert differing(promised, found) == set()


def differing(promised: list[tuple[Check, str]], found: list[Row]) -> set[str]:
    """Checks that say another thing than their lambda; of nulls only those that promise none."""
    return {
        check.name
        for has_nulls, *pairs in found
        for (check, _), (by_array, by_element) in zip(promised, pairs, strict=True)
        if by_array != by_element and ("never null" in check.name or not has_nulls)
    }
