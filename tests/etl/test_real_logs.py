"""Public logs, from the file as it was downloaded to the balance of each file of landing."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from pyspark import StorageLevel
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from etl.bronze import lines as bronze_lines
from etl.bronze.files import seal
from etl.days import Days
from etl.silver import duplicate_lines, events, line_counts, rejected_lines
from etl.silver.parse import PLACE, number, parse
from etl.sources.adapter import Adapter
from etl.sources.known import BY_NAME
from etl.sources.load import lines_of, load
from etl.tables import BRONZE_FILES

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"


def real(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not in ../shared/data; README.md says where the originals are")
    return path


def balance(spark: SparkSession, landing: Path, days: Days) -> dict[str, Counter]:
    """Sums of line_counts, and rejected lines by reason."""
    files = seal(landing, sealed=[], sealed_days=set(), days=days)
    rows = [tuple(getattr(f, name) for name in BRONZE_FILES.column_names) for f in files]
    lines = bronze_lines.build(
        spark.createDataFrame(rows, BRONZE_FILES.schema), landing=str(landing)
    )
    parsed = parse(lines)
    numbered = number(parsed, parsed.select(*PLACE).where(F.lit(False)))
    numbered.persist(StorageLevel.MEMORY_ONLY)
    parts = {
        "events": events.build(numbered),
        "rejected_lines": rejected_lines.build(numbered),
        "duplicate_lines": duplicate_lines.build(numbered),
    }
    counts = line_counts.build(lines, **parts).collect()
    reasons = parts["rejected_lines"].groupBy("reason").count().collect()
    numbered.unpersist()
    sums: Counter = Counter()
    for row in counts:
        assert row.num_lines == row.num_events + row.num_rejected_lines + row.num_duplicate_lines
        sums += Counter({k: v for k, v in row.asDict().items() if k.startswith("num_")})
    return {"lines": sums, "reasons": Counter({row["reason"]: row["count"] for row in reasons})}


def loaded(name: str, path: Path, landing: Path) -> Days:
    got = load(Adapter(BY_NAME[name], path.name), lines_of(path), source=name, landing=landing)
    return Days(got.days[0], got.days[-1])


def test_every_line_of_rees46_is_accounted_for(spark: SparkSession, tmp_path: Path) -> None:
    path = real("rees46/2019-Oct.csv")

    days = loaded("rees46", path, tmp_path)
    got = balance(spark, tmp_path, days)

    assert days == Days(date(2019, 10, 1), date(2019, 10, 1))
    assert got["lines"] == {
        "num_lines": 17_435,
        "num_events": 17_429,
        "num_rejected_lines": 1,
        "num_duplicate_lines": 5,
    }
    assert got["reasons"] == {"wrong_field_count": 1}


def test_every_line_of_taobao_is_accounted_for(spark: SparkSession, tmp_path: Path) -> None:
    path = real("taobao_userbehavior/UserBehavior.csv")
    raw = Counter(path.read_bytes().removesuffix(b"\n").split(b"\n"))
    valid = {line for line in raw if line.count(b",") == 4}

    days = loaded("taobao", path, tmp_path)
    got = balance(spark, tmp_path, days)

    assert got["lines"]["num_lines"] == raw.total() == 110_300
    assert got["lines"]["num_events"] == len(valid)
    assert got["lines"]["num_duplicate_lines"] == sum(raw[line] - 1 for line in valid)
    assert got["reasons"].total() == got["lines"]["num_rejected_lines"]
