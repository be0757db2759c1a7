"""Bad days of a small shop, night after night: each says what was found, nothing is lost, readers
keep what they had, and once it is mended a plain rerun succeeds.

The nights build on one another, in the order of this file. Other proofs: a day of garbage
(``tests/orchestration/test_night.py``), a log whose columns were renamed is not loaded
(``tests/etl/sources/test_adapter.py``), late and missing files (``tests/etl/bronze``),
an hour that did not come (``test_planted_failures``), the parts of full disks and damaged files
(``test_broken_disks``), any id in a publication (``tests/scoring/test_reader.py``).
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pyspark.sql import SparkSession

from etl import tables
from etl.features.touches import MAX_PER_DAY
from etl.home import Home
from etl.sources import app_log
from etl.sources.adapter import Adapter
from etl.sources.load import lines_of, load
from orchestration import failure_report
from orchestration.border import DISK_FULL
from orchestration.planning import EVERYTHING, selection
from orchestration.reads import key
from scoring import reader
from scoring.published import read_current
from tests.drills.small_disk import NoSmallDiskError, mounted
from tests.orchestration import tiny_shop
from tests.orchestration.nights import FEED, PUBLISHED, Shop, night
from tests.orchestration.tiny_shop import day
from tests.scoring.published_rows import offer, place, publish_feed, row

pytestmark = pytest.mark.usefixtures("drill")

STRANGE, EMPTY, CHANGED = day(1), day(2), day(3)
BEFORE = STRANGE - timedelta(days=1)
SEALED, READ = "sealed", "read"
"""Seals a day or checks what was sealed; makes bronze and silver, with their checks."""
TIMES = 20
ODD_IDS = (
    'it\'s "quoted" `x`',
    "a/b/../../c",
    "../../etc/passwd",
    "line\nbreak\ttab\r",
    "💩👩‍👩‍👧 é e\u0301 \u202e",
    "'; DROP TABLE users; --",
    " ",
    "%2e%2e%2f${HOME}",
    "nul\u0000inside",
    "\0",
    "*",
)
LONG = "x" * 4_000
"""Of a foreign log it is an id; in our app's log it is one that no app of ours would send."""


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions, spark: SparkSession
) -> Shop:
    """A lake without a night, and what its readers had."""
    home = Home(tmp_path_factory.mktemp("bad-nights"))
    home.begin(STRANGE)
    served = offer(row("user-3", [place(1)]), day=BEFORE)
    publish_feed(home.publications, surfaces={FEED: served})
    seals = dg.AssetSelection.assets(key(tables.BRONZE_FILES))
    lines = selection(*(t for t in EVERYTHING if t.layer in {"bronze", "silver"}))
    more = [
        dg.define_asset_job(SEALED, selection=seals),
        dg.define_asset_job(READ, selection=lines),
    ]
    return Shop(home, definitions, spark, jobs=more)


def said_by(shop: Shop, result: dg.ExecuteInProcessResult) -> str:
    """What a person reads of a run that failed."""
    assert not result.success
    return failure_report.write(result.dagster_run, result.all_events, shop.home).read_text()


def served_day(shop: Shop, user: str = "user-3") -> str:
    answer = reader.top(shop.home.publications, user, FEED)
    assert answer["items"]
    return answer["day"]


def assert_balanced(shop: Shop, when: date) -> dict[str, int]:
    """Every line that landed is an event, rejected or a duplicate; per file, and in all."""
    rows = shop.rows(tables.SILVER_LINE_COUNTS, night(when)).to_pylist()
    for file in rows:
        parts = ("num_events", "num_rejected_lines", "num_duplicate_lines")
        assert file["num_lines"] == sum(file[part] for part in parts)
    landed = sum(len(list(lines_of(path))) for path in (shop.home.landing / str(when)).glob("*/*"))
    counts = [name for name in tables.SILVER_LINE_COUNTS.column_names if name.startswith("num_")]
    total = {name: sum(file[name] for file in rows) for name in counts if rows}
    assert landed == total.get("num_lines", 0)
    return total


def app_event(number: int, user: str, item: str, at: datetime) -> dict[str, Any]:
    return {
        "v": 3,
        "id": f"odd-{number}",
        "type": "click",
        "at": round(at.timestamp() * 1_000),
        "user": user,
        "item": {"type": "product", "id": item},
    }


def land(shop: Shop, when: date, name: str, lines: list[dict[str, Any]]) -> Path:
    path = shop.home.landing / str(when) / app_log.SOURCE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    return path


def load_tiny(home: Home, when: date, *, times: int = 1) -> int:
    rows = [row for seed in range(7, 7 + times) for row in tiny_shop.rows_of(when, seed)]
    rows.append((LONG, LONG, *rows[0][2:]))
    lines = [",".join(row).encode() for row in (tiny_shop.COLUMNS, *rows)]
    adapter = Adapter(tiny_shop.MAPPING, file_name="shop.csv")
    load(adapter, lines, source="tiny", landing=home.landing)
    return len(rows)


def test_twenty_times_the_lines_clocks_years_off_and_odd_ids_are_a_night_like_others(
    shop: Shop,
) -> None:
    noon = datetime(STRANGE.year, STRANGE.month, STRANGE.day, 12, tzinfo=UTC)
    odd = [
        app_event(number, user, item, noon + timedelta(seconds=number))
        for number, (user, item) in enumerate(product((*ODD_IDS, LONG), repeat=2))
    ]
    years_off = [
        app_event(1_000 + number, f"user-{number}", "item-1", noon.replace(year=noon.year + years))
        for number, years in enumerate((-56, -10, -1, 1, 3, 30) * 5)
    ]
    land(shop, STRANGE, "12-odd.jsonl", odd)
    bot = [
        app_event(number, "bot", f"item-{number % 30}", noon)
        for number in range(10_000, 10_000 + MAX_PER_DAY + 500)
    ]
    land(shop, STRANGE, "13-clocks.jsonl", years_off)
    land(shop, STRANGE, "14-bot.jsonl", bot)
    num_usual = load_tiny(shop.home, STRANGE, times=TIMES)

    result = shop.run("nightly", night(STRANGE))

    assert result.success, said_by(shop, result)
    total = assert_balanced(shop, STRANGE)
    assert num_usual > (TIMES - 1) * len(tiny_shop.rows_of(STRANGE))
    assert total["num_lines"] == num_usual + len(odd) + len(years_off) + len(bot)
    [history] = result.asset_materializations_for_node("features_user_history")
    assert "500 events left out: 1 users did more than 2,000" in history.metadata["left_out"].value
    rejected = shop.rows(tables.SILVER_REJECTED_LINES, night(STRANGE)).to_pylist()
    assert {(line["reason"], line["file_name"]) for line in rejected} == {
        ("absurd_time", "13-clocks.jsonl"),
        ("id_too_long", "12-odd.jsonl"),
    }
    clocks = [line["detail"] for line in rejected if line["reason"] == "absurd_time"]
    assert all(re.fullmatch(r"[\d,.]+ days (before|after) it arrived", said) for said in clocks)
    assert served_day(shop) == str(STRANGE)
    for user in (*ODD_IDS, LONG):
        answer = reader.top(shop.home.publications, user, FEED)
        assert (answer["user"], answer["served_from"]) == (user, "own")
    known = shop.rows(tables.SILVER_ITEMS, night(STRANGE))["item_id"].to_pylist()
    assert {*ODD_IDS, LONG} <= set(known)
    names = {path.name for path in shop.home.root.rglob("*")}
    assert [name for name in names if not re.fullmatch(r"[\w.=%-]+", name)] == []


def test_a_day_of_which_nothing_came_is_a_night_and_is_told(shop: Shop) -> None:
    result = shop.run("nightly", night(EMPTY))

    assert result.success, said_by(shop, result)
    assert assert_balanced(shop, EMPTY) == {}
    assert served_day(shop) == str(EMPTY)
    warned = {
        check.asset_key.to_user_string(): str(check.description)
        for check in result.get_asset_check_evaluations()
        if not check.passed
    }
    assert "something arrived: 0 rows" in warned["bronze/files"]


def test_a_file_that_changed_after_it_was_sealed_stops_its_night_until_it_is_put_back(
    shop: Shop,
) -> None:
    path = shop.home.landing / str(STRANGE) / app_log.SOURCE / "12-odd.jsonl"
    sealed = path.read_bytes()
    path.write_bytes(sealed + b"{}\n")

    changed = shop.run("nightly", night(STRANGE))
    path.write_bytes(sealed)

    said = said_by(shop, changed)
    assert f"{STRANGE} was sealed with shop/12-odd.jsonl, which has changed since" in said
    assert "Put the sealed bytes back" in said
    assert f"nightmarket night --day {STRANGE}" in said
    assert served_day(shop) == str(EMPTY)
    assert shop.run(SEALED, night(STRANGE)).success


def test_a_schema_that_changed_blocks_its_day_until_its_file_is_mended(shop: Shop) -> None:
    noon = datetime(CHANGED.year, CHANGED.month, CHANGED.day, 12, tzinfo=UTC)
    good = [app_event(n, f"user-{n % 12}", f"item-{n % 30}", noon) for n in range(2_000, 2_200)]
    renamed = [{**line, "timestamp": line["at"]} for line in good[:100]]
    retyped = [{**line, "user": {"id": line["user"]}} for line in good[100:]]
    for line in renamed:
        del line["at"]
    path = land(shop, CHANGED, "12-app.jsonl", renamed + retyped)

    blocked = shop.run("nightly", night(CHANGED))

    said = said_by(shop, blocked)
    assert "`silver/line_counts` was blocked" in said
    assert "at most 90% of the day's lines are rejected" in said
    assert "mend, replace or remove its files in landing" in said
    assert assert_balanced(shop, CHANGED)["num_rejected_lines"] == 200
    reasons = shop.rows(tables.SILVER_REJECTED_LINES, night(CHANGED))["reason"].to_pylist()
    assert set(reasons) == {"missing_time", "wrong_type"}
    assert served_day(shop) == str(EMPTY)
    land(shop, CHANGED, path.name, good)
    load_tiny(shop.home, CHANGED)


@pytest.fixture
def full_lake(shop: Shop) -> Iterator[Any]:
    yield from _on_disk(shop.home.lake)


@pytest.fixture
def full_publications(shop: Shop) -> Iterator[Any]:
    yield from _on_disk(shop.home.publications)


def _on_disk(folder: Path) -> Iterator[Any]:
    try:
        with mounted(folder) as disk:
            yield disk
    except NoSmallDiskError as error:
        pytest.skip(str(error))


def test_a_lake_on_a_full_disk_stops_its_night(shop: Shop, full_lake: Any) -> None:  # noqa: ANN401
    full_lake.fill_up(but=100_000)

    result = shop.run("nightly", night(CHANGED))

    assert DISK_FULL in said_by(shop, result)
    assert not [e for e in result.all_events if e.event_type_value == "STEP_UP_FOR_RETRY"]
    assert served_day(shop) == str(EMPTY)
    full_lake.resize()


def test_a_damaged_log_of_a_table_stops_its_night(shop: Shop) -> None:
    logs = shop.home.lake / tables.SILVER_ITEMS.path / "_delta_log"
    newest = sorted(logs.glob("*.json"))[-1]
    content = newest.read_bytes()
    newest.write_bytes(content[: len(content) // 2])

    result = shop.run("nightly", night(CHANGED))
    newest.write_bytes(content)

    said = said_by(shop, result)
    assert f"silver/items cannot be read: {logs} is damaged" in said
    assert "Put that folder back from a copy" in said
    assert served_day(shop) == str(EMPTY)
    assert shop.run(READ, night(CHANGED)).success
    assert assert_balanced(shop, CHANGED)["num_rejected_lines"] == 0


def test_publications_on_a_full_disk_keep_the_last_one_and_a_rerun_publishes(
    shop: Shop,
    full_publications: Any,  # noqa: ANN401
) -> None:
    full_publications.fill_up(but=30_000)

    before = read_current(shop.home.publications).publication_id

    result = shop.run(PUBLISHED, night(EMPTY))

    said = said_by(shop, result)
    assert "publications__log" in said
    assert "Readers see what they saw; mend that (df -h shows the space left)" in said
    assert served_day(shop) == str(EMPTY)
    assert read_current(shop.home.publications).publication_id == before
    full_publications.resize()
    assert shop.run(PUBLISHED, night(EMPTY)).success
    assert read_current(shop.home.publications).publication_id > before
    assert served_day(shop) == str(EMPTY)
