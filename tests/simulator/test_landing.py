"""A plain reader of the files counts what the truth says, day by day and line by line."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from simulator.app_log.dirt import KINDS, LOSING
from simulator.app_log.log_config import DirtConfig, LogConfig
from simulator.app_log.spelled import spelled
from simulator.landing import (
    Collector,
    Landed,
    conclude,
    flying_of,
    land,
    nothing_flying,
    remember,
)
from simulator.stage import Stage
from simulator.world.names import Names
from tests.simulator.made_days import DAY, made_day, names_of
from tests.simulator.plain_reader import contents, event_of, landed, lines_of

NUM_DAYS, NUM_EVENTS = 9, 3_000
DIRTY = LogConfig(
    dirt=DirtConfig(truncated=0.02, wrong_type=0.02, absurd_time=0.02, not_json=0.01, not_utf8=0.2)
)
TEXTS = ["naïve", 'a "quoted" one', "日本語 😀", "ночной рынок"]


@pytest.fixture(scope="module")
def names() -> Names:
    return names_of(TEXTS)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, names: Names) -> Path:
    root = tmp_path_factory.mktemp("shop")
    simulate(root, names, range(NUM_DAYS))
    return root


def simulate(root: Path, names: Names, days: range, config: LogConfig = DIRTY) -> None:
    stage = Stage(root)
    flying = flying_of(root) if (root / "truth").exists() else nothing_flying()
    done: list[Landed] = []
    to = collector(stage, names, config)
    with stage.prepared():
        for number in days:
            day = made_day(1, NUM_EVENTS, day=DAY + timedelta(number), texts=TEXTS)
            done.append(land(day, flying, to))
            remember(day, to)
            flying = done[-1].flying
        conclude(stage, done)


def collector(stage: Stage, names: Names, config: LogConfig = DIRTY) -> Collector:
    return Collector(words=spelled(names, config.seed), config=config, stage=stage)


def kind_of(line: bytes, known: set[str], *, arrival_day: str, hour: int) -> str | None:
    """What a reader of the files alone makes of a line."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return "not_utf8" if line.endswith(b"}") and line.count(b'"') % 2 == 0 else "truncated"
    try:
        said = json.loads(line)
    except ValueError:
        return "truncated" if line.startswith(b"{") else "not_json"
    return kind_of_object(said, line, known) or kind_of_time(
        event_of(line)["at_ms"], arrival_day, hour
    )


def kind_of_object(said: dict[str, Any], line: bytes, known: set[str]) -> str | None:
    times = [said.get(name) for name in ("at", "time", "ts")]
    if times == [None] * 3:
        return "renamed_field"
    is_text = isinstance(said.get("position", said.get("pos")), str)
    if is_text or any(isinstance(time, dict) for time in times):
        return "wrong_type"
    if said["id"] in known:
        return "duplicate"
    known.add(said["id"])
    return None


def kind_of_time(at_ms: int, arrival_day: str, hour: int) -> str | None:
    at = datetime.fromtimestamp(at_ms / 1_000, UTC)
    days = (date.fromisoformat(arrival_day) - at.date()).days
    if abs(days) > 30:
        return "absurd_time"
    if days > 0:
        assert days <= 5
        return "late"
    assert days == 0
    assert 0 <= hour - at.hour <= 5 + (at.minute > 0)
    return "out_of_order" if hour > at.hour else None


def test_every_kind_of_dirt_is_counted_right_on_every_day(shop: Path) -> None:
    known: set[str] = set()
    counted = {kind: Counter[str]() for kind in KINDS}

    for day, hour, line in landed(shop / "landing"):
        kind = kind_of(line, known, arrival_day=day, hour=hour)
        if kind is not None:
            counted[kind][day] += 1

    said = json.loads((shop / "truth" / "dirt.json").read_text())
    days = [str(DAY + timedelta(number)) for number in range(NUM_DAYS)]
    assert said == {kind: {day: counted[kind][day] for day in days} for kind in KINDS}
    assert all(sum(of_kind.values()) > 0 for of_kind in said.values())


def test_the_truth_names_every_line_by_file_and_number(shop: Path) -> None:
    events = pq.read_table(shop / "truth" / "events.parquet").to_pylist()

    told = {(str(e["arrival_date"]), e["file_name"], e["line_number"]): e for e in events}
    found = {
        (path.parent.parent.name, path.name, number): line
        for path in (shop / "landing").glob("*/shop/*")
        for number, line in enumerate(lines_of(path), start=1)
    }

    assert told.keys() == found.keys()
    assert len(told) == len(events)
    losing = {KINDS[code] for code in LOSING}
    for place, line in found.items():
        if told[place]["kind"] not in losing:
            event = event_of(line)
            assert event["id"] == told[place]["event_id"]
            assert event["type"] == told[place]["event_type"]
            assert event["at_ms"] == told[place]["event_at"].timestamp() * 1_000


def test_rates_are_those_of_the_config(shop: Path) -> None:
    said = json.loads((shop / "truth" / "dirt.json").read_text())

    num_events = NUM_DAYS * NUM_EVENTS
    assert sum(said["truncated"].values()) == pytest.approx(0.02 * num_events, rel=0.2)
    assert sum(said["out_of_order"].values()) == pytest.approx(0.02 * num_events, rel=0.2)
    assert sum(said["not_json"].values()) == pytest.approx(0.01 * num_events, rel=0.1)


def test_there_is_a_file_an_hour_some_of_them_packed_none_of_them_half(shop: Path) -> None:
    for day in (shop / "landing").iterdir():
        files = sorted(path.name for path in (day / "shop").iterdir())
        assert [name[:3] for name in files] == [f"{hour:02}-" for hour in range(24)]
        assert {name[3 + 16 :] for name in files} == {".jsonl", ".jsonl.gz"}
    assert not list(shop.rglob("*.part"))
    assert not (shop / ".simulating").exists()


def test_the_same_seed_gives_the_same_bytes(shop: Path, names: Names, tmp_path: Path) -> None:
    simulate(tmp_path, names, range(NUM_DAYS))

    assert contents(tmp_path) == contents(shop)


def test_a_shop_that_goes_on_is_the_shop_that_never_stopped(
    shop: Path, names: Names, tmp_path: Path
) -> None:
    for start, end in ((0, 5), (5, 6), (6, NUM_DAYS)):
        simulate(tmp_path, names, range(start, end))

    assert contents(tmp_path / "landing") == contents(shop / "landing")
    assert contents(tmp_path / "truth") == contents(shop / "truth")


def test_another_seed_gives_other_ids_and_other_dirt(names: Names, tmp_path: Path) -> None:
    for seed in (1, 2):
        simulate(tmp_path / str(seed), names, range(1), LogConfig(seed=seed))

    ids = [
        set(pq.read_table(tmp_path / seed / "truth" / "events.parquet")["event_id"].to_pylist())
        for seed in ("1", "2")
    ]
    assert ids[0] & ids[1] == {None}


def test_one_that_is_stopped_leaves_nothing(names: Names, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        stopped(Stage(tmp_path), names)

    assert list(tmp_path.iterdir()) == []


def stopped(stage: Stage, names: Names) -> None:
    with stage.prepared():
        land(made_day(1, 50), nothing_flying(), collector(stage, names))
        raise KeyboardInterrupt


def test_one_that_is_killed_leaves_what_the_next_call_throws_away(
    names: Names, tmp_path: Path
) -> None:
    killed = Stage(tmp_path)
    killed.truth.mkdir(parents=True)
    land(made_day(1, 50), nothing_flying(), collector(killed, names))

    simulate(tmp_path, names, range(1))

    simulate(tmp_path / "whole", names, range(1))
    for name in ("landing", "truth"):
        assert contents(tmp_path / name) == contents(tmp_path / "whole" / name)
    assert not killed.folder.exists()


def test_one_that_is_killed_while_moving_is_finished_by_the_next_call(
    names: Names, tmp_path: Path
) -> None:
    simulate(tmp_path / "whole", names, range(2))
    simulate(tmp_path / "killed", names, range(2))
    stage = Stage(tmp_path / "killed")
    stage.landing.mkdir(parents=True)
    stage.truth.mkdir()
    (stage.folder / "ready").touch()
    (stage.root / "landing" / "2026-01-02").rename(stage.landing / "2026-01-02")
    (stage.root / "truth" / "dirt.json").rename(stage.truth / "dirt.json")

    stage.finish()

    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_lines_of_an_hour_lie_in_order_of_arrival_within_seconds(shop: Path) -> None:
    events = pq.read_table(shop / "truth" / "events.parquet").to_pylist()
    clean = [e for e in events if e["kind"] is None]

    for before, after in pairwise(clean):
        is_same_file = before["file_name"] == after["file_name"]
        assert not is_same_file or after["event_at"] - before["event_at"] > timedelta(seconds=-92)
