"""What silver makes of each line is what the truth says of it: every kind, every line."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from etl.silver.app_line import read
from etl.sources.app_log import Line
from etl.sources.rows import ProblemError
from simulator.config import ShopConfig
from simulator.simulate import make
from tests.simulator.plain_reader import lines_of

REASONS = {
    "truncated": "truncated",
    "not_json": "not_json",
    "wrong_type": "wrong_type",
    "absurd_time": "absurd_time",
    "renamed_field": "missing_time",
    "not_utf8": "not_utf8",
}
"""Of kinds of dirt; all others give an event."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shop")
    make(place, ShopConfig(users=1_500, items=900, days=6, seed=3), lambda _: None)
    return place


def test_each_line_gives_its_event_or_the_reason_of_its_dirt(root: Path) -> None:
    counted: Counter[str] = Counter()
    for row in pq.read_table(root / "truth" / "events.parquet").to_pylist():
        found = judged(root, row["arrival_date"], row["file_name"], row["line_number"])
        kind = row["kind"]
        if isinstance(found, Line):
            assert kind not in REASONS
            assert (found.id, found.type) == (row["event_id"], row["event_type"])
            assert EPOCH + timedelta(milliseconds=int(found.at)) == row["event_at"]
        else:
            assert found == REASONS.get(kind)
        counted[kind] += 1

    assert all(counted[kind] > 5 for kind in REASONS)


def judged(root: Path, day: date, file_name: str, line_number: int) -> Line | str:
    """What the line says, or the reason why it says nothing."""
    text = lines_in(root / "landing" / str(day) / "shop" / file_name)[line_number - 1]
    hour = datetime(day.year, day.month, day.day, int(file_name[:2]), tzinfo=UTC)
    try:
        return read(text, (hour - EPOCH) // timedelta(microseconds=1))
    except ProblemError as problem:
        return problem.reason


@cache
def lines_in(path: Path) -> list[bytes]:
    return lines_of(path)
