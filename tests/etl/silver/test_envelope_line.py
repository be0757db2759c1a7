from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.silver.envelope_line import FIELDS, read
from etl.silver.verdict import Rejected
from etl.sources.adapter import Adapter
from etl.sources.mapping import Mapping
from etl.tables.silver import EVENT_TYPES, REJECT_REASONS

NOW_US = int(datetime(2026, 1, 5, 23, tzinfo=UTC).timestamp()) * 1_000_000
DAY_US = 86_400_000_000
SHOP = Mapping(
    format="csv",
    columns={"user": "u", "item": "i", "event": "e", "time": "t"},
    events={"view": "view"},
    header=("u", "i", "e", "t"),
)
VIEW = {
    "v": 1,
    "file": "f",
    "line": 1,
    "type": "view",
    "time_us": NOW_US,
    "user": "ana",
    "item": "shoe",
}


def said(**change: object) -> bytes:
    """An envelope of a view; None takes a field away."""
    return msgspec.json.encode({k: v for k, v in {**VIEW, **change}.items() if v is not None})


def foreign(line: bytes) -> bytes:
    """A line of a foreign log in its envelope."""
    (envelope,) = Adapter(SHOP, "f").envelopes([line])
    return msgspec.json.encode(envelope)


def judged(line: bytes) -> tuple | Rejected:
    return read(line, source="app", arrival_us=NOW_US)


def event(line: bytes) -> dict[str, object]:
    found = judged(line)
    assert not isinstance(found, Rejected), found
    return dict(zip(FIELDS, found, strict=True))


PLANTED = [
    ("empty_line", b""),
    ("empty_line", b" \r"),
    ("empty_line", foreign(b"")),
    ("not_utf8", b'{"v": 1, "user": "\xff"}'),
    ("not_utf8", foreign(b"\xff,shoe,view,1")),
    ("not_json", b"ana,shoe,view"),
    ("truncated", said()[:-5]),
    ("truncated", b'{"v": 1, "user": "\xc3'),
    ("not_json", b"12"),
    ("wrong_field_count", foreign(b"ana,shoe")),
    ("not_json", b"[1, 2]"),
    ("wrong_type", said(user=7)),
    ("wrong_type", said(colour="red")),
    ("wrong_type", said(v=2)),
    ("wrong_type", said(raw_base64="A")),
    ("wrong_type", said(raw_base64="é")),
    ("wrong_type", said(problem="because")),
    ("missing_event", said(type=None)),
    ("unknown_event", said(type="sniff")),
    ("unknown_surface", said(surface="home")),
    ("missing_user", said(user=None)),
    ("missing_user", said(user="")),
    ("missing_item", said(item=None)),
    ("missing_time", said(time_us=None)),
    ("bad_time", foreign(b"ana,shoe,view,noon")),
    ("bad_time", said(time_us=10**30)),
    ("absurd_time", said(time_us=NOW_US - 30 * DAY_US - 1)),
    ("absurd_time", said(time_us=NOW_US + DAY_US + 1)),
    ("bad_value", said(price_cents=-1)),
    ("bad_value", said(price_cents=2**63)),
    ("bad_value", said(propensity=0.0)),
    ("bad_value", said(propensity=1.5)),
    ("bad_value", said(quantity=0)),
    ("bad_value", said(position=-1)),
    ("bad_value", said(item_type="hat")),
    ("id_too_long", said(user="x" * 4_097)),
    ("id_too_long", said(item="é" * 2_049)),
    ("id_too_long", said(id="x" * 5_000)),
]


@pytest.mark.parametrize(("reason", "line"), PLANTED)
def test_a_line_that_gives_no_event_says_why(reason: str, line: bytes) -> None:
    got = judged(line)

    assert isinstance(got, Rejected)
    assert got.reason == reason
    assert len(got.detail) <= 200
    assert len(got.sample) <= 200


def test_every_reason_of_the_closed_list_has_a_planted_line() -> None:
    assert {reason for reason, _ in PLANTED} | {"file_cut_off"} == set(REJECT_REASONS)


@pytest.mark.parametrize("time_us", [NOW_US - 30 * DAY_US, NOW_US + DAY_US])
def test_an_event_may_be_thirty_days_old_or_a_day_ahead(time_us: int) -> None:
    assert event(said(time_us=time_us))["event_us"] == time_us


def test_a_rejected_foreign_line_is_shown_as_it_came() -> None:
    got = judged(foreign(b"ana,\xffshoe"))

    assert isinstance(got, Rejected)
    assert got.sample == "ana,�shoe"


@pytest.mark.parametrize("kind", ["search", "follow", "personalisation_off"])
def test_some_events_are_of_no_item(kind: str) -> None:
    found = event(said(type=kind, item=None))

    assert (found["item_id"], found["item_type"]) == (None, None)


def test_a_change_of_the_catalogue_has_no_user() -> None:
    assert event(said(type="item", user=None))["user_id"] is None


@pytest.mark.parametrize(
    ("change", "item_type"),
    [
        ({}, "product"),
        ({"surface": "short_videos"}, "short_video"),
        ({"surface": "live_streams", "item_type": "product"}, "product"),
    ],
)
def test_an_item_is_what_the_line_says_else_what_its_surface_shows(
    change: dict[str, str], item_type: str
) -> None:
    assert event(said(**change))["item_type"] == item_type


def test_a_line_without_id_is_named_by_source_and_text() -> None:
    one, again, other = (
        event(foreign(text))["event_id"]
        for text in (b"ana,a,view,1767657600", b"ana,a,view,1767657600", b"b,a,view,1767657600")
    )
    elsewhere = read(foreign(b"ana,a,view,1767657600"), source="web", arrival_us=NOW_US)[0]

    assert one == again
    assert len({one, other, elsewhere}) == 3
    assert all(len(str(name)) == 32 for name in (one, other, elsewhere))


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary()
envelopes = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("time_us", "user", "raw", "raw_base64", "problem"), values)
)


@given(st.binary(max_size=60) | envelopes.map(lambda found: msgspec.json.encode({**VIEW, **found})))
@settings(max_examples=500, deadline=None)
def test_any_bytes_give_an_event_or_a_reason(line: bytes) -> None:
    got = judged(line)

    if isinstance(got, Rejected):
        assert got.reason in REJECT_REASONS
        got.sample.encode()
    else:
        assert event(line)["event_type"] in EVENT_TYPES
