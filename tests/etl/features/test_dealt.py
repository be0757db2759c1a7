from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from etl.features import dealt


def test_keys_are_sent_to_the_task_that_spark_says(spark: SparkSession) -> None:
    numbers = [*range(50), 2**31, 2**40 + 7, 2**62]
    rows = spark.createDataFrame([(n,) for n in numbers], "n long")
    for num_tasks in (2, 3, 7):
        task = F.pmod(F.hash("n"), F.lit(num_tasks))
        said = {row.n: row.task for row in rows.select("n", task.alias("task")).collect()}
        assert said == {n: dealt.task_of(n, num_tasks) for n in numbers}


def test_groups_are_dealt_in_turn() -> None:
    for num_groups, num_tasks in ((4, 2), (7, 3), (2, 5), (8, 1)):
        keys = dealt.keys(num_groups, num_tasks)
        assert len(set(keys)) == num_groups
        assert [dealt.task_of(key, num_tasks) for key in keys] == [
            group % num_tasks for group in range(num_groups)
        ]


def test_a_frame_grouped_by_them_keeps_every_task_busy(spark: SparkSession) -> None:
    num_tasks = int(spark.conf.get("spark.sql.shuffle.partitions") or 0)
    keys = dealt.keys(4, num_tasks)
    rows = spark.createDataFrame([(key,) for key in keys], "key long").repartition(num_tasks, "key")
    of_tasks = rows.select(F.spark_partition_id().alias("task"), "key").collect()
    assert {row.task for row in of_tasks} == set(range(min(4, num_tasks)))
