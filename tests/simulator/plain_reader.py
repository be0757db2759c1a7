"""Reads lines of the app's log as docs/app-log.md says, one by one, by Python's own JSON reader."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SURFACE_TYPES = {"product_feed": "product", "short_videos": "short_video"}
OLD_TYPES = {"purchase": "order", "add_to_cart": "cart"}


def strict(line: bytes) -> dict[str, Any]:
    """One JSON object, in UTF-8, that says nothing twice and no NaN."""
    read = json.loads(line.decode(), object_pairs_hook=_once, parse_constant=_refused)
    assert isinstance(read, dict)
    return read


def event_of(line: bytes) -> dict[str, Any]:
    """What a line says, alike for every version; ``at_ms`` and so on absent where it does not."""
    said = strict(line)
    read = {1: _version_1, 2: _version_2, 3: _version_3}[said["v"]](said)
    return {name: value for name, value in read.items() if value is not None}


def lines_of(path: Path) -> list[bytes]:
    """The lines of a plain or gzip file, without newlines; the last one ends in one too."""
    raw = path.read_bytes()
    *lines, rest = (gzip.decompress(raw) if path.suffix == ".gz" else raw).split(b"\n")
    assert rest == b""
    return lines


def landed(landing: Path) -> Iterator[tuple[str, int, bytes]]:
    """Every line of the shop's files, with its arrival day and hour."""
    for path in sorted(landing.glob("*/shop/*")):
        for line in lines_of(path):
            yield path.parent.parent.name, int(path.name[:2]), line


def events_of(day: Path) -> list[dict[str, Any]]:
    """What the readable lines of a day's folder say."""
    events = []
    for path in sorted(day.glob("shop/*")):
        for line in lines_of(path):
            try:
                events.append(event_of(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # dirt
    return events


def contents(root: Path) -> dict[str, bytes]:
    """Every file's bytes, unpacked."""
    return {
        str(path.relative_to(root)): gzip.decompress(raw) if path.suffix == ".gz" else raw
        for path in root.rglob("*")
        if path.is_file()
        for raw in [path.read_bytes()]
    }


def slot_of(room: dict[str, Any]) -> str:
    started = datetime.fromtimestamp(room["started_at"] / 1_000, UTC)
    return f"{room['host']}@{WEEKDAYS[started.weekday()]}-{started.hour:02}"


def _version_3(said: dict[str, Any]) -> dict[str, Any]:
    app = said.get("app") or {}
    read = {name: app.get(name) for name in ("country", "platform", "language")}
    return (
        read
        | _nested(said)
        | {"at_ms": said["at"], "price_cents": said.get("price_cents")}
        | {
            "shown": [(_item_id(one), one["p"]) for one in said["shown"]]
            if "shown" in said
            else None
        }
    )


def _version_2(said: dict[str, Any]) -> dict[str, Any]:
    device = said.get("device") or {}
    at = datetime.fromisoformat(said["time"])
    assert said["time"].endswith("Z")
    item = dict(said.get("item") or {})
    item["price_cents"] = _cents(item.pop("price", None))
    shown = None
    if "shown" in said:
        ids = [_item_id(one) for one in said["shown"]]
        shown = list(zip(ids, said["propensities"], strict=True))
    return _nested(said | {"item": item}) | {
        "type": OLD_TYPES.get(said["type"], said["type"]),
        "country": device.get("country"),
        "platform": device.get("os"),
        "language": device.get("lang"),
        "at_ms": round(at.timestamp() * 1_000),
        "price_cents": _cents(said.get("price")),
        "shown": shown,
    }


def _version_1(said: dict[str, Any]) -> dict[str, Any]:
    shown = said.get("shown")
    is_impression = shown is not None
    return {
        "id": said["id"],
        "type": OLD_TYPES.get(said["event"], said["event"]),
        "at_ms": said["ts"] * 1_000,
        "user": said["uid"],
        "session": said.get("sid"),
        "request": said.get("req"),
        "first_position": said.get("pos", 0) if is_impression else None,
        "position": None if is_impression else said.get("pos"),
        "item_id": said.get("item_id"),
        "item_type": said.get("item_type"),
        "shown": list(zip(shown, said["propensities"], strict=True)) if is_impression else None,
        **{name: said.get(name) for name in (*_ALIKE, "country", "platform", "language")},
        "price_cents": said.get("price_cents"),
    }


_ALIKE = ("surface", "quantity", "watch_ms", "query", "comment", "host")


def _nested(said: dict[str, Any]) -> dict[str, Any]:
    item = said.get("item") or {}
    is_catalogue = said["type"] == "item"
    return {
        "id": said["id"],
        "type": said["type"],
        "user": said.get("user"),
        "session": said.get("session"),
        "request": said.get("request"),
        "first_position": said.get("first_position", 0) if "shown" in said else None,
        "position": said.get("position"),
        "item_id": _item_id(item),
        "item_type": _item_type(item),
        "catalogue": {k: v for k, v in item.items() if v is not None} if is_catalogue else None,
        **{name: said.get(name) for name in _ALIKE},
    }


def _item_id(item: dict[str, Any]) -> str | None:
    if item.get("type") == "live_room":
        return slot_of(item)
    if item.get("type") == "live_slot":
        return f"{item['host']}@{item['weekday']}-{item['hour']:02}"
    return item.get("id")


def _item_type(item: dict[str, Any]) -> str | None:
    return "live_slot" if item.get("type") == "live_room" else item.get("type")


def _cents(price: str | None) -> int | None:
    if price is None:
        return None
    units, cents = price.split(".")
    assert len(cents) == 2
    return int(units) * 100 + int(cents)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def _refused(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")
