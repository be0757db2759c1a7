from datetime import date

from pyspark.sql import SparkSession

from etl.asked_keys import only_asked

DAY, NEXT = date(2026, 1, 5), date(2026, 1, 6)


def test_all_that_is_asked_for_is_kept_and_hardly_more(spark: SparkSession) -> None:
    rows = spark.range(20_000).selectExpr("id % 5000 AS user", "id AS value")
    asked = spark.range(0, 5_000, 7).selectExpr("id AS user")

    found = only_asked(rows, asked, ["user"])

    assert found.columns == ["user", "value"]
    kept = [(row.user, row.value) for row in found.collect()]
    wanted = [(n % 5_000, n) for n in range(20_000) if n % 5_000 % 7 == 0]
    assert set(kept) >= set(wanted)
    # Each other key has a chance of 714 in 134 million.
    assert len(kept) <= len(wanted) + 8
    assert len(set(kept)) == len(kept)


def test_a_key_of_several_columns_is_asked_for_as_a_whole(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(DAY, "a"), (NEXT, "a"), (DAY, "b")], "day date, user string")
    asked = spark.createDataFrame([(DAY, "a"), (DAY, "a"), (NEXT, "b")], rows.schema)
    assert only_asked(rows, asked, ["day", "user"]).collect() == [(DAY, "a")]


def test_where_nothing_is_asked_for_nothing_is_kept(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("a",), ("b",)], "user string")
    assert only_asked(rows, rows.limit(0), ["user"]).collect() == []
