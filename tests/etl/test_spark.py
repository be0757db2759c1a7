import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from pyspark import SparkContext
from pyspark.sql import SparkSession

from etl.spark import is_gone, running


def test_any_thread_finds_the_session_that_runs_and_leaves_its_settings(
    spark: SparkSession,
) -> None:
    before = spark.conf.get("spark.sql.shuffle.partitions")
    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(running).result()
    assert found is spark
    assert spark.conf.get("spark.sql.shuffle.partitions") == before


def test_a_jvm_that_was_killed_is_told_from_one_that_works(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_gone()

    waiting = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(waiting) as other:
        context = SimpleNamespace(_gateway=SimpleNamespace(proc=other))
        monkeypatch.setattr(SparkContext, "_active_spark_context", context)
        assert not is_gone()
        other.kill()
        other.wait()
        assert is_gone()
