"""Gives a kernel all rows of a group of keys at once: how state is walked from day to day.

Keys fall into buckets by a hash; a bucket's rows of two frames meet in one Arrow table each. What
a kernel makes of a key must not depend on the other keys of its bucket, so that no row depends on
the number of buckets.
"""

from collections.abc import Callable, Iterator

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from etl.arrow import arrow_schema
from etl.features import dealt

Kernel = Callable[[pa.Table, pa.Table], pa.Table]
KnowingKernel = Callable[[pa.Table, pa.Table, pa.Table], pa.Table]
_BUCKET = "_bucket"


def by_batch(
    rows: DataFrame, *, kernel: Callable[[pa.Table], pa.Table], schema: StructType
) -> DataFrame:
    """Apply a kernel to rows, a batch at a time.

    Args:
        rows: What the kernel reads.
        kernel: Gives rows with the columns of ``schema``, in any order and width of types. What it
            makes of a row must not depend on the others of its batch.
        schema: Of the rows it gives.
    """
    arrow = arrow_schema(schema)

    def of_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            made = kernel(pa.Table.from_batches([batch]))
            yield from made.select(arrow.names).cast(arrow).to_batches()

    return rows.mapInArrow(of_batches, schema)


def walk(  # noqa: PLR0913
    events: DataFrame,
    before: DataFrame,
    *,
    key: str,
    kernel: Kernel,
    schema: StructType,
    num_buckets: int,
) -> DataFrame:
    """Apply a kernel to the rows of two frames, bucket by bucket.

    Args:
        events: What happened, with the column ``key``.
        before: What was known, with the column ``key``.
        key: The column whose values stay together.
        kernel: Takes a bucket's rows of both frames (either may be empty), gives rows.
        schema: Of the rows it gives, columns in this order.
        num_buckets: A bucket's rows are in memory at once.

    Returns:
        The rows of all buckets.
    """

    def of_bucket(left: pa.Table, right: pa.Table) -> pa.Table:
        return kernel(left.drop_columns([_BUCKET]), right.drop_columns([_BUCKET]))

    bucket = _bucket_of(F.col(key), _keys(events, num_buckets))
    sides = [frame.withColumn(_BUCKET, bucket).groupBy(_BUCKET) for frame in (events, before)]
    return sides[0].cogroup(sides[1]).applyInArrow(of_bucket, schema)


def walk_knowing(  # noqa: PLR0913
    events: DataFrame,
    before: DataFrame,
    everywhere: DataFrame,
    *,
    key: str,
    kernel: KnowingKernel,
    schema: StructType,
    num_buckets: int,
) -> DataFrame:
    """Apply a kernel to the rows of two frames, bucket by bucket, and all rows of a small third.

    Args:
        events: What happened, with the column ``key``.
        before: What was known, with the column ``key``.
        everywhere: What every bucket is to know, such as sums over all keys.
        key: The column whose values stay together.
        kernel: Takes a bucket's rows of the first two frames (either may be empty) and all rows of
            the third, gives rows.
        schema: Of the rows it gives, columns in this order.
        num_buckets: A bucket's rows are in memory at once.

    Returns:
        The rows of all buckets.
    """

    def of_bucket(left: pa.Table, right: pa.Table) -> pa.Table:
        sides = (_unpacked(right, name) for name in ("before", "everywhere"))
        return kernel(left.drop_columns([_BUCKET]), *sides)

    # Spark lets two frames meet in a kernel: what was known travels with what all are to know.
    no_row = [F.lit(None).cast(frame.schema) for frame in (before, everywhere)]
    keys = _keys(events, num_buckets)
    bucket = _bucket_of(F.col(key), keys).alias(_BUCKET)
    known = before.select(
        bucket, F.struct(*before.columns).alias("before"), no_row[1].alias("everywhere")
    )
    copies = everywhere.select(
        F.explode(keys).alias(_BUCKET),
        no_row[0].alias("before"),
        F.struct(*everywhere.columns).alias("everywhere"),
    )
    sides = (events.withColumn(_BUCKET, bucket), known.unionByName(copies))
    left, right = (side.groupBy(_BUCKET) for side in sides)
    return left.cogroup(right).applyInArrow(of_bucket, schema)


def _unpacked(rows: pa.Table, name: str) -> pa.Table:
    """The rows that a struct column holds where it is not null."""
    column = rows.column(name).combine_chunks()
    return pa.Table.from_struct_array(column.drop_null())


def _keys(frame: DataFrame, num_buckets: int) -> Column:
    """The keys of all buckets, as an array of longs."""
    num_tasks = int(frame.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    return F.array(*(F.lit(key).cast("long") for key in dealt.keys(num_buckets, num_tasks)))


def _bucket_of(key: Column, keys: Column) -> Column:
    return F.get(keys, F.pmod(F.xxhash64(key), F.size(keys)).cast("int"))
