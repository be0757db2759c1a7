"""Silver reads a simulated shop: every line, its dirt and every outcome as the shop knows them.

The shop's truth is made of its numbers, before anything is written; silver sees the files alone.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.app_log.dirt import KINDS
from tests.simulator.dirty_shop import Silver

REASONS = {
    "truncated": "truncated",
    "not_json": "not_json",
    "wrong_type": "wrong_type",
    "absurd_time": "absurd_time",
    "renamed_field": "missing_time",
    "not_utf8": "not_utf8",
}
"""Silver's answer to each kind of dirt that loses a line."""
LINE = ("arrival_date", "file_name", "line_number")
Places = dict[tuple[Any, ...], Any]


def known(shop: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(shop / "truth" / f"{name}.parquet").to_pylist()


def dirt(shop: Path) -> dict[str, dict[str, int]]:
    """dirt.json without the days on which there was none of a kind."""
    said = json.loads((shop / "truth" / "dirt.json").read_text())
    return {kind: {day: n for day, n in of.items() if n} for kind, of in said.items()}


def places(rows: pa.Table, value: str) -> Places:
    """A column's values by their line."""
    columns = [rows[name].to_pylist() for name in (*LINE, value)]
    return {tuple(line): said for *line, said in zip(*columns, strict=True)}


def by_day(days: Iterator[date]) -> dict[str, int]:
    return {str(day): count for day, count in Counter(days).items()}


def test_every_line_is_what_the_shop_made_of_it(shop: Path, silver: Silver) -> None:
    told = known(shop, "events")

    places_of: dict[str, Places] = {"events": {}, "rejected_lines": {}, "duplicate_lines": {}}
    for line in told:
        place = tuple(line[name] for name in LINE)
        if line["kind"] in REASONS:
            places_of["rejected_lines"][place] = REASONS[line["kind"]]
        elif line["kind"] == "duplicate":
            places_of["duplicate_lines"][place] = line["event_id"]
        else:
            places_of["events"][place] = line["event_id"]

    assert places(silver.rejected_lines, "reason") == places_of["rejected_lines"]
    assert places(silver.duplicate_lines, "event_id") == places_of["duplicate_lines"]
    assert places(silver.events, "event_id") == places_of["events"]


def test_every_kind_of_dirt_is_counted_right_on_every_day(shop: Path, silver: Silver) -> None:
    rejected = silver.rejected_lines.to_pylist()
    read = silver.events.select(["arrival_date", "event_date", "event_at", "file_name"]).to_pylist()

    found = {
        kind: by_day(row["arrival_date"] for row in rejected if row["reason"] == reason)
        for kind, reason in REASONS.items()
    }
    found["duplicate"] = by_day(iter(silver.duplicate_lines["arrival_date"].to_pylist()))
    found["late"] = by_day(e["arrival_date"] for e in read if e["event_date"] < e["arrival_date"])
    found["out_of_order"] = by_day(
        e["arrival_date"]
        for e in read
        if e["event_date"] == e["arrival_date"] and e["event_at"].hour < int(e["file_name"][:2])
    )

    assert found == dirt(shop)
    assert all(found[kind] for kind in KINDS)


def test_every_files_lines_are_events_rejected_or_duplicates(shop: Path, silver: Silver) -> None:
    counts = silver.line_counts.to_pylist()

    parts = ("num_events", "num_rejected_lines", "num_duplicate_lines")
    assert [c for c in counts if c["num_lines"] != sum(c[part] for part in parts)] == []
    found = {(c["arrival_date"], c["file_name"]): c["num_lines"] for c in counts}
    assert found == Counter((e["arrival_date"], e["file_name"]) for e in known(shop, "events"))


def test_every_event_has_the_type_and_instant_that_it_had(shop: Path, silver: Silver) -> None:
    kept = ("event_id", "event_type", "event_at")

    lost = {*REASONS, "duplicate"}
    told = {tuple(e[n] for n in kept) for e in known(shop, "events") if e["kind"] not in lost}
    rows = zip(*(silver.events[name].to_pylist() for name in kept), strict=True)

    assert set(rows) == told


def test_every_outcome_is_attributed_to_what_the_shop_knows_it_followed(
    shop: Path, silver: Silver
) -> None:
    kept = ("event_id", "event_type", "event_arrival_date", "is_organic")
    pointer = ("impression_event_id", "impression_position")

    decided = [one for one in known(shop, "outcomes") if not one["is_waiting"]]
    told = {tuple(one[n] for n in ("attributed_date", *kept, *pointer)) for one in decided}
    found = silver.outcomes.to_pylist()

    assert {tuple(row[n] for n in ("arrival_date", *kept, *pointer)) for row in found} == told
    assert len(found) == len(told)
    assert {row["is_organic"] for row in found} == {True, False}


def test_no_room_survives_and_every_slot_is_its_hosts(silver: Silver) -> None:
    found = silver.items.to_pylist()

    named = [row["item_id"] for row in found]
    slots = [row for row in found if row["item_type"] == "live_slot"]
    assert [name for name in named if name.startswith("room-")] == []
    assert slots
    assert [s for s in slots if s["item_id"].rpartition("@")[0] != s["host_id"]] == []


def test_shown_items_have_their_place_and_propensity(silver: Silver) -> None:
    rows = silver.impressions.to_pylist()

    assert {row["surface"] for row in rows} == {"product_feed", "live_streams", "short_videos"}
    keys = [(row["event_id"], row["position"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert all(0 < row["propensity"] <= 1 for row in rows)
    shown = {(row["item_type"], row["item_id"]) for row in rows}
    assert shown <= {(row["item_type"], row["item_id"]) for row in silver.items.to_pylist()}
