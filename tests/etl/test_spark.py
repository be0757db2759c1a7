from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import SparkSession

from etl.spark import running


def test_any_thread_finds_the_session_that_runs_and_leaves_its_settings(
    spark: SparkSession,
) -> None:
    before = spark.conf.get("spark.sql.shuffle.partitions")
    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(running).result()
    assert found is spark
    assert spark.conf.get("spark.sql.shuffle.partitions") == before
