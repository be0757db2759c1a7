"""Counts the values of numeric columns by day, in classes fine enough to take quantiles from.

The number of classes does not grow with the rows, so their counts may come to the driver.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.tables.schema import PARTITION

NULL_CODE: Final = -(2**63)
"""Code of a missing value; below all others."""
_DROPPED_BITS: Final = 45
"""Of a double's 52: values within 0.8 % share a code, whole numbers up to 255 have their own."""
_COUNTED: Final = "arrival_date date, feature string, code bigint, num_rows bigint"

Histograms = Mapping[tuple[date, str], Counter[int]]
"""How many values have each code, by day and feature."""


def histograms(rows: DataFrame, features: Sequence[str]) -> Histograms:
    """Count the codes of each feature on each day, in one job.

    Args:
        rows: With arrival_date and ``features``.
        features: Numeric columns.
    """

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for feature in features:
                yield from _counts(batch, feature).to_batches()

    partial = rows.select(PARTITION, *features).mapInArrow(count, _COUNTED)
    summed = partial.groupBy(PARTITION, "feature", "code").agg(F.sum("num_rows").alias("num_rows"))
    found: dict[tuple[date, str], Counter[int]] = {}
    for row in summed.collect():
        found.setdefault((row[PARTITION], row["feature"]), Counter())[row["code"]] = row["num_rows"]
    return found


def codes_of(values_N: np.ndarray) -> np.ndarray:
    """Give values whole numbers in their order, near values the same.

    Args:
        values_N: float64, N; NaN where there is no value.

    Returns:
        int64, N: sign, exponent and the first bits of the fraction; ``NULL_CODE`` for NaN.
    """
    # Adding 0 makes −0 and 0 one value.
    bits_N = (values_N + 0.0).view(np.int64)
    ordered_N = np.where(bits_N < 0, ~bits_N | NULL_CODE, bits_N) >> _DROPPED_BITS
    return np.where(np.isnan(values_N), NULL_CODE, ordered_N)


def _counts(batch: pa.RecordBatch, feature: str) -> pa.Table:
    values = batch.column(feature).cast(pa.float64()).to_numpy(zero_copy_only=False)
    coded = pa.table({PARTITION: batch.column(PARTITION), "code": codes_of(values)})
    counted = coded.group_by([PARTITION, "code"]).aggregate([([], "count_all")])
    return pa.table(
        {
            PARTITION: counted.column(PARTITION),
            "feature": pa.array([feature] * counted.num_rows, pa.string()),
            "code": counted.column("code"),
            "num_rows": counted.column("count_all"),
        }
    )
