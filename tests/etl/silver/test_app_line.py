"""Lines of the app's log as docs/app-log.md shows them, and what each must give."""

from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl import live_slots, surfaces
from etl.arrow import arrow_schema
from etl.silver.parse import parse_batch, schema
from etl.sources import app_log
from etl.tables import BRONZE_LINES
from etl.tables.silver import EVENT_TYPES, REJECT_REASONS

NOON_S = int(datetime(2026, 1, 2, 12, tzinfo=UTC).timestamp())
NOON_MS = NOON_S * 1_000
DAY_MS = 86_400_000
ROOM = {"type": "live_room", "id": "room-8f3a", "host": "h0012", "started_at": NOON_MS}
PRODUCT = {"type": "product", "id": "p1"}
CLICK = {"v": 3, "id": "e", "type": "click", "at": NOON_MS, "user": "ana", "item": PRODUCT}
SLATE = {**CLICK, "type": "impression", "item": None, "shown": [{**PRODUCT, "p": 0.5}]}
OLD = {"v": 2, "id": "e", "type": "click", "time": "2026-01-02T12:00:00Z", "user": "ana"}
OLDEST = {"v": 1, "id": "e", "event": "click", "ts": NOON_S, "uid": "ana"}


def said(line: dict[str, Any], **change: object) -> bytes:
    """A line with some fields changed; None takes a field away."""
    return msgspec.json.encode({k: v for k, v in {**line, **change}.items() if v is not None})


NOON = datetime.fromtimestamp(NOON_S, UTC)
PLACE = {
    "arrival_date": NOON.date(),
    "source": "shop",
    "file_name": "12-a",
    "line_number": 1,
}
COLUMNS = arrow_schema(schema())


def rows_of(*lines: bytes) -> list[dict[str, Any]]:
    """What becomes of lines that arrive at noon, nulls left out; in their order."""
    bronze = [
        {**PLACE, "line_number": n, "arrival_at": NOON, "line": line, "is_cut_off": False}
        for n, line in enumerate(lines)
    ]
    batch = pa.RecordBatch.from_pylist(bronze, arrow_schema(BRONZE_LINES.schema))
    rows = [row for made in parse_batch(batch, COLUMNS) for row in made.to_pylist()]
    rows.sort(key=lambda row: row["line_number"])
    assert [row.pop("line_number") for row in rows] == list(range(len(lines)))
    return [{k: v for k, v in row.items() if v is not None and k not in PLACE} for row in rows]


def told(line: bytes) -> dict[str, Any]:
    """What an event says, what it does not say left out."""
    (row,) = rows_of(line)
    assert "reason" not in row, row
    return row


def slate(first: int, *shown: tuple[str, float | None]) -> list[dict[str, object]]:
    return [
        {"position": first + n, "item_id": item, "propensity": chance}
        for n, (item, chance) in enumerate(shown)
    ]


EVERY = {
    "event_id": "e",
    "event_at": NOON,
    "event_date": NOON.date(),
    "user_id": "ana",
    "session_id": "s",
    "request_id": "r",
    "country": "PT",
    "platform": "ios",
    "language": "pt",
    "surface": "live_streams",
}
SLOT = {"item_type": "live_slot", "item_id": "h0012@fri-12", "host_id": "h0012"}
EVERY_3 = {
    "v": 3,
    "id": "e",
    "at": NOON_MS,
    "user": "ana",
    "session": "s",
    "request": "r",
    "app": {"country": "PT", "platform": "ios", "language": "pt", "version": "5.1"},
    "surface": "live_streams",
}
EVERY_2 = {
    "v": 2,
    "id": "e",
    "time": "2026-01-02T12:00:00.000Z",
    "user": "ana",
    "session": "s",
    "request": "r",
    "device": {"country": "PT", "os": "ios", "lang": "pt", "model": "N-7"},
    "surface": "live_streams",
}
EVERY_1 = {
    "v": 1,
    "id": "e",
    "ts": NOON_S,
    "uid": "ana",
    "sid": "s",
    "req": "r",
    "country": "PT",
    "platform": "ios",
    "language": "pt",
    "surface": "live_streams",
}
ORDER = {"event_type": "order", **SLOT, "position": 3, "price_cents": 1999, "quantity": 2}
LISTENED = {"event_type": "watch", "item_type": "short_video", "item_id": "v7", "watch_ms": 4_000}
SEEN = slate(2, ("a", 0.25), ("b", 1.0))
FEED = {**EVERY, "surface": "product_feed", "event_type": "impression", "item_type": "product"}
SAME = [
    (
        EVERY | ORDER,
        {"type": "order", "item": ROOM, "position": 3, "price_cents": 1999, "quantity": 2},
        {"type": "purchase", "item": ROOM, "position": 3, "price": "19.99", "quantity": 2},
        {
            "event": "purchase",
            "item_type": "live_room",
            "item_id": "room-8f3a",
            "room_host": "h0012",
            "room_started": NOON_S,
            "pos": 3,
            "price_cents": 1999,
            "quantity": 2,
        },
    ),
    (
        EVERY | LISTENED,
        {"type": "watch", "item": {"type": "short_video", "id": "v7"}, "watch_ms": 4_000},
        {"type": "watch", "item": {"type": "short_video", "id": "v7"}, "watch_ms": 4_000},
        {"event": "watch", "item_type": "short_video", "item_id": "v7", "watch_ms": 4_000},
    ),
    (
        FEED | {"shown": SEEN},
        {
            "type": "impression",
            "surface": "product_feed",
            "first_position": 2,
            "shown": [
                {"type": "product", "id": "a", "p": 0.25},
                {"type": "product", "id": "b", "p": 1},
            ],
        },
        {
            "type": "impression",
            "surface": "product_feed",
            "first_position": 2,
            "shown": [{"type": "product", "id": "a"}, {"type": "product", "id": "b"}],
            "propensities": [0.25, 1],
        },
        {
            "event": "impression",
            "surface": "product_feed",
            "pos": 2,
            "shown": ["a", "b"],
            "propensities": [0.25, 1],
        },
    ),
    (
        EVERY | {"event_type": "follow", "host_id": "h0012"},
        *({word: "follow", "host": "h0012"} for word in ("type", "type", "event")),
    ),
    (
        EVERY | {"event_type": "search", "query": "blåbär 🫐"},
        *({word: "search", "query": "blåbär 🫐"} for word in ("type", "type", "event")),
    ),
    (
        EVERY | {"event_type": "personalisation_off"},
        *({word: "personalisation_off"} for word in ("type", "type", "event")),
    ),
]


@pytest.mark.parametrize(("event", "newest", "old", "oldest"), SAME)
def test_every_version_says_the_same_event(
    event: dict, newest: dict, old: dict, oldest: dict
) -> None:
    got = [told(said(EVERY_3, **newest)), told(said(EVERY_2, **old)), told(said(EVERY_1, **oldest))]

    assert got == [event] * 3


def test_a_comment_is_kept_as_it_was_said() -> None:
    line = said(CLICK, type="comment", item=ROOM, comment="so nice! ❤️")

    assert told(line)["comment"] == "so nice! ❤️"


def test_a_slate_of_rooms_is_a_slate_of_their_slots() -> None:
    later = {**ROOM, "host": "h0099", "started_at": NOON_MS + 10 * 3_600_000}

    event = told(said(SLATE, shown=[{**ROOM, "p": 0.5}, later]))

    assert event["shown"] == slate(0, ("h0012@fri-12", 0.5), ("h0099@fri-22", None))
    assert event["item_type"] == "live_slot"


@pytest.mark.parametrize(("version", "price"), [(3, {"price_cents": 1200}), (2, {"price": "12.0"})])
def test_a_catalogue_line_says_all_of_an_item(version: int, price: dict[str, object]) -> None:
    item = {
        "type": "short_video",
        "id": "v7",
        "title": "Tea",
        "text": "How to",
        "category": "kitchen.tea",
        "brand": "b",
        "seller": "s",
        "stock": 0,
        "duration_ms": 30_000,
        "host": "h0012",
        "products": ["p2", "p1"],
        **price,
    }

    line = {2: OLD, 3: CLICK}[version]

    event = told(said(line, type="item", item=item, user=None))

    assert event == {
        "event_id": "e",
        "event_type": "item",
        "event_at": NOON,
        "event_date": NOON.date(),
        "item_type": "short_video",
        "item_id": "v7",
        "title": "Tea",
        "text": "How to",
        "category": "kitchen.tea",
        "brand": "b",
        "seller_id": "s",
        "price_cents": 1200,
        "stock": 0,
        "duration_ms": 30_000,
        "host_id": "h0012",
        "product_ids": ["p2", "p1"],
    }


def test_a_catalogue_line_of_a_slot_names_it_by_its_parts() -> None:
    slot = {"type": "live_slot", "host": "h0012", "weekday": "sun", "hour": 7, "title": "Tea time"}

    event = told(said(CLICK, type="item", user=None, item=slot))

    assert (event["item_id"], event["host_id"]) == ("h0012@sun-07", "h0012")


def test_fields_that_nobody_knows_are_passed_over() -> None:
    assert told(said(CLICK, network={"hops": [1, 2.5, None]}, title="x")) == told(said(CLICK))


def test_null_says_no_more_than_nothing() -> None:
    line = msgspec.json.encode({**CLICK, "shown": None, "app": {"country": None}, "position": None})

    assert told(line) == told(said(CLICK))


def test_a_line_without_id_is_named_by_its_text() -> None:
    named, again, other = (told(said(CLICK, id=None, user=u))["event_id"] for u in "aab")

    assert named == again != other


REJECTED = [
    ("empty_line", b"  "),
    ("truncated", b"{"),
    ("truncated", said(CLICK)[:-1]),
    ("truncated", said(SLATE)[: said(SLATE).index(b"p1")]),
    ("truncated", said(CLICK, user="é")[: said(CLICK, user="é").index("é".encode()) + 1]),
    ("truncated", said({"title": "é", **CLICK})[: len(b'{"title":"') + 1]),
    ("not_json", b"java.lang.NullPointerException"),
    ("not_json", b"nul"),
    ("not_json", b"[1, 2]"),
    ("not_json", b'"a'),
    ("not_json", said(CLICK) + b"}"),
    ("not_utf8", said(CLICK, user="ana").replace(b"ana", b"\xab\xbb")),
    ("not_utf8", said(CLICK, unknown="ana").replace(b'n":"ana', b'n":"\xab\xbb')),
    ("not_utf8", said(CLICK) + b"\xc3"),
    ("wrong_type", b"{}"),
    ("wrong_type", said(CLICK, v=4)),
    ("wrong_type", said(CLICK, v="3")),
    ("wrong_type", said(CLICK, at={"ms": NOON_MS})),
    ("wrong_type", said(CLICK, at=float(NOON_MS))),
    ("wrong_type", said(CLICK, position="3")),
    ("wrong_type", said(CLICK, item="p1")),
    ("wrong_type", said(SLATE, shown=[{**PRODUCT, "p": "0.5"}])),
    ("wrong_type", said(OLD, item=PRODUCT, time=NOON_MS)),
    ("wrong_type", said(OLD, item=PRODUCT, price=19.99)),
    ("missing_event", said(CLICK, type=None)),
    ("unknown_event", said(CLICK, type="sniff")),
    ("unknown_event", said(CLICK, type="purchase")),
    ("unknown_event", said(OLD, type="order", item=PRODUCT)),
    ("unknown_event", said(OLDEST, event="item", item_type="product", item_id="p1")),
    ("unknown_surface", said(CLICK, surface="home")),
    ("unknown_surface", said(OLDEST, event="impression", surface="live_streams", shown=["r"])),
    ("unknown_surface", said(OLDEST, event="impression", shown=["p1"])),
    ("missing_user", said(CLICK, user=None)),
    ("missing_user", said(CLICK, user="")),
    ("missing_item", said(CLICK, item=None)),
    ("missing_item", said(CLICK, item={"type": "product"})),
    ("missing_item", said(CLICK, item={"id": "p1"})),
    ("missing_item", said(CLICK, item={**ROOM, "host": None})),
    ("missing_item", said(CLICK, item={"type": "live_room", "host": "h0012"})),
    ("missing_item", said(CLICK, type="follow", item=None)),
    ("missing_item", said(CLICK, type="item", item={"type": "live_slot", "host": "h", "hour": 1})),
    ("missing_item", said(SLATE, shown=None)),
    ("missing_item", said(SLATE, shown=[])),
    ("missing_item", said(SLATE, shown=[PRODUCT, {"type": "product"}])),
    ("missing_time", said(CLICK, at=None)),
    ("missing_time", said(CLICK, at=None, timestamp=NOON_MS)),
    ("bad_time", said(CLICK, at=10**30)),
    ("bad_time", said(OLD, item=PRODUCT, time="noon")),
    ("bad_time", said(OLD, item=PRODUCT, time="2026-01-02T12:00:00")),
    ("absurd_time", said(CLICK, at=NOON_MS - 30 * DAY_MS - 1)),
    ("absurd_time", said(CLICK, at=NOON_MS + DAY_MS + 1)),
    ("bad_value", said(CLICK, price_cents=-1)),
    ("bad_value", said(CLICK, price_cents=2**63)),
    ("bad_value", said(CLICK, quantity=0)),
    ("bad_value", said(CLICK, position=-1)),
    ("bad_value", said(CLICK, item={**PRODUCT, "type": "hat"})),
    (
        "bad_value",
        said(CLICK, item={"type": "live_slot", "host": "h", "weekday": "mon", "hour": 1}),
    ),
    ("bad_value", said(CLICK, type="item", item=ROOM)),
    ("bad_value", said(CLICK, type="item", item={"type": "live_slot", "host": "h", "hour": 24})),
    ("bad_value", said(OLD, item=PRODUCT, price="cheap")),
    ("bad_value", said(OLD, item=PRODUCT, price="19.999")),
    ("bad_value", said(SLATE, shown=[PRODUCT, {**PRODUCT, "p": 0}])),
    ("bad_value", said(SLATE, shown=[PRODUCT, {**PRODUCT, "p": 1.5}])),
    ("bad_value", said(SLATE, shown=[PRODUCT] * 1_001)),
    ("bad_value", said(SLATE, shown=[PRODUCT, ROOM])),
    ("bad_value", said(OLD, type="impression", shown=[PRODUCT], propensities=[])),
    ("id_too_long", said(CLICK, user="x" * 1_025)),
    ("id_too_long", said(CLICK, item={**PRODUCT, "id": "x" * 1_025})),
    ("id_too_long", said(SLATE, shown=[{**PRODUCT, "id": "x" * 1_025}])),
]


@pytest.mark.parametrize(("reason", "line"), REJECTED)
def test_a_line_that_gives_no_event_says_why(reason: str, line: bytes) -> None:
    (got,) = rows_of(line)

    assert got["reason"] == reason, got["detail"]
    assert got.keys() == {"reason", "detail", "sample"}
    assert 0 < len(got["detail"]) <= 200


def test_the_closed_lists_of_the_log_are_the_products() -> None:
    every = {word for kinds in app_log.Type3.__args__ for word in (kinds,)}

    assert every == set(EVENT_TYPES) - {"view"}
    assert get_args(app_log.Surface) == surfaces.NAMES
    assert set(get_args(app_log.ItemType)) == {*surfaces.ITEM_TYPES, "live_room"}
    assert get_args(app_log.Weekday) == live_slots.WEEKDAYS


words = st.text(max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
known = st.sampled_from(
    [*app_log.Line3.__struct_encode_fields__, *app_log.Line1.__struct_encode_fields__]
)
lines = st.builds(
    lambda line, change: {**line, **change},
    st.sampled_from([CLICK, SLATE, {**OLD, "item": PRODUCT}, OLDEST]),
    st.dictionaries(known, values, max_size=2),
).map(msgspec.json.encode)


@given(
    st.binary(max_size=60)
    | lines
    | st.tuples(lines, st.integers(0, 300)).map(lambda c: c[0][: c[1]])
)
@settings(max_examples=1_000, deadline=None)
def test_any_bytes_give_exactly_one_verdict(line: bytes) -> None:
    (got,) = rows_of(line)

    if "reason" in got:
        assert got["reason"] in REJECT_REASONS
        assert got.keys() == {"reason", "detail", "sample"}
    else:
        assert got["event_type"] in EVENT_TYPES


@given(lines, st.data())
@settings(max_examples=300, deadline=None)
def test_a_whole_line_that_loses_its_end_is_truncated(line: bytes, data: st.DataObject) -> None:
    end = data.draw(st.integers(1, len(line) - 1))

    whole, cut = rows_of(line, line[:end])

    assert "reason" in whole or cut["reason"] == "truncated"
