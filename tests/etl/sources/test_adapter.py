from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.sources.adapter import Adapter, HeaderError
from etl.sources.envelope import Envelope
from etl.sources.known import REES46, RETAILROCKET, TAOBAO
from etl.sources.mapping import Mapping
from etl.tables.silver import REJECT_REASONS

SHOP = Mapping(
    format="csv",
    columns={
        "user": "who",
        "item": "what",
        "event": "did",
        "time": "at",
        "price": "price",
        "propensity": "chance",
        "position": "place",
    },
    events={"look": "view", "buy": "order"},
    header=("who", "what", "did", "at", "price", "chance", "place"),
)


def read(line: bytes, mapping: Mapping = SHOP) -> Envelope:
    (envelope,) = Adapter(mapping, "shop.csv").envelopes([line])
    return envelope


def test_a_row_becomes_typed_fields_and_keeps_its_line() -> None:
    line = b"ana,shoe-7,buy,1767225600.5,12.50,0.25,3"

    got = read(line)

    at = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000_000) + 500_000
    assert got == Envelope(
        v=1,
        file="shop.csv",
        line=1,
        raw=line.decode(),
        user="ana",
        item="shoe-7",
        type="order",
        time_us=at,
        price_cents=1250,
        propensity=0.25,
        position=3,
    )


def test_a_header_is_not_a_line_but_is_counted() -> None:
    lines = [b"\xef\xbb\xbfuser,item,event,ts\r", b"u,i,view,0\r", b"u,j,cart,1\r"]

    got = list(Adapter(RETAILROCKET, "events.csv").envelopes(lines))

    assert [(e.line, e.user, e.item, e.type) for e in got] == [
        (2, "u", "i", "view"),
        (3, "u", "j", "cart"),
    ]


def test_a_header_without_a_mapped_column_is_refused_by_name() -> None:
    with pytest.raises(HeaderError, match=r"events\.csv has no column 'ts'"):
        list(Adapter(RETAILROCKET, "events.csv").envelopes([b"user,item,event,when"]))


def test_a_first_line_that_is_no_csv_is_refused() -> None:
    with pytest.raises(HeaderError, match="column names"):
        list(Adapter(RETAILROCKET, "events.csv").envelopes([b"user,item\revent,ts"]))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"", "empty_line"),
        (b"\xff\xfe,i,look,0,,,", "not_utf8"),
        (b"ana,i,look,0", "wrong_field_count"),
        (b'ana,"i,look,0,,,', "wrong_field_count"),
        (b"ana,i,look,0,,,,", "wrong_field_count"),
        (b"ana,i,,0,,,", "missing_event"),
        (b"ana,i,sniff,0,,,", "unknown_event"),
        (b"ana,i,look,,,,", "missing_time"),
        (b"ana,i,look,yesterday,,,", "bad_time"),
        (b"ana,i,look,1e999999,,,", "bad_time"),
        (b"ana,i,look,1e999999999,,,", "bad_time"),
        (b"ana,i,look,nan,,,", "bad_time"),
        (b"ana,i,look,0,dear,,", "bad_value"),
        (b"ana,i,look,0,1e999999999,,", "bad_value"),
        (b"ana,i,look,0,,NaN,", "bad_value"),
        (b"ana,i,look,0,,1e999,", "bad_value"),
        (b"ana,i,look,0,,,1.5", "bad_value"),
        (b"ana,i,look,0,,,1e999999999", "bad_value"),
    ],
)
def test_what_cannot_be_read_is_said_and_the_line_goes_through(line: bytes, problem: str) -> None:
    got = read(line)

    assert (got.problem, got.original()) == (problem, line)


def test_what_was_read_before_a_problem_is_kept() -> None:
    got = read(b"ana,i,sniff,60,,,")

    assert (got.time_us, got.user) == (60_000_000, "ana")


@given(st.binary(max_size=80) | st.text('anlook,"\r.e0159-', max_size=40).map(str.encode))
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_one_envelope_that_reads_back(line: bytes) -> None:
    got = read(line.replace(b"\n", b""))

    again = msgspec.json.decode(msgspec.json.encode(got), type=Envelope)
    assert again == got
    assert again.original() == line.replace(b"\n", b"")
    assert got.problem is None or got.problem in REJECT_REASONS


JSONL = Mapping(
    format="jsonl",
    columns={"user": "u", "item": "i", "event": "e", "time": "t"},
    events={"view": "view"},
    time_unit="ms",
)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"u": 7, "i": "x", "e": "view", "t": 1000}', None),
        (b"{", "truncated"),
        (b"[1]", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"u": [7], "i": "x", "e": "view", "t": 1000}', "wrong_type"),
        (b'{"u": true, "i": "x", "e": "view", "t": 1000}', "wrong_type"),
    ],
)
def test_a_json_line_is_one_object_of_plain_values(line: bytes, problem: str | None) -> None:
    assert read(line, JSONL).problem == problem


def test_times_are_read_in_the_mappings_zone() -> None:
    mapping = Mapping(
        format="csv",
        columns={"user": "u", "item": "i", "event": "e", "time": "t"},
        events={"view": "view"},
        header=("u", "i", "e", "t"),
        time_unit="%d.%m.%Y %H:%M",
        timezone="Europe/Berlin",
    )

    got = read(b"u,i,view,01.07.2026 02:30", mapping)

    at = datetime(2026, 7, 1, 0, 30, tzinfo=UTC)
    assert got.time_us == int(at.timestamp()) * 1_000_000


def test_the_named_logs_are_read() -> None:
    rees = b"2019-10-01 00:00:00 UTC,view,44,2103,,shiseido,35.79,541,72d7"
    header = (
        b"event_time,event_type,product_id,category_id,category_code,brand,price,user_id,"
        b"user_session"
    )
    (shop,) = Adapter(REES46, "f").envelopes([header, rees])
    (tao,) = Adapter(TAOBAO, "f").envelopes([b"1,2,3,fav,1511658000"])

    assert (shop.category, shop.brand, shop.price_cents, shop.session) == (
        "2103",
        "shiseido",
        3579,
        "72d7",
    )
    assert (tao.user, tao.item, tao.category, tao.type) == ("1", "2", "3", "like")
