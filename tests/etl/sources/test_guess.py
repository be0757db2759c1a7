import tomllib
from pathlib import Path

import pytest

from etl.sources import known
from etl.sources.draft import Draft, draft
from etl.sources.mapping import of
from etl.sources.mapping_toml import said_of, toml
from etl.sources.shape import InspectError, Shape, rows_of, sample, shape_of
from etl.sources.times import units
from etl.sources.words import meaning, rank

GERMAN = """\
Zeitpunkt;Kundennr;Artikelnr;Aktion;Preis;Größe
24.12.2025 18:03;K1;A1;angesehen;12,50;M
24.12.2025 18:04;K1;A1;in den Warenkorb;1.212,50;M
25.12.2025 08:05;K2;A2;gekauft;12,50;L
"""


def drafted(text: str, encoding: str = "utf-8") -> tuple[Draft, Shape]:
    lines = text.encode(encoding).splitlines()
    shape = shape_of(lines, name="log")
    return draft(rows_of(lines, shape), shape), shape


def test_a_german_export_is_drafted_by_its_names_and_values() -> None:
    found, shape = drafted(GERMAN, "cp1252")

    assert (shape.format, shape.delimiter, shape.encoding) == ("csv", ";", "cp1252")
    assert found.missing == ()
    assert found.said == {
        "user": "Kundennr",
        "item": "Artikelnr",
        "event": "Aktion",
        "time": "Zeitpunkt",
        "price": "Preis",
        "events": {
            "view": ["angesehen"],
            "cart": ["in den Warenkorb"],
            "order": ["gekauft"],
        },
        "time_unit": "%d.%m.%Y %H:%M",
        "decimal": ",",
        "delimiter": ";",
        "encoding": "cp1252",
    }


def test_a_draft_says_that_times_without_a_zone_are_read_as_utc() -> None:
    local, _ = drafted(GERMAN)
    zoned, _ = drafted('{"user":"u","item":"i","event":"view","time":"2025-12-24T18:03:00+01:00"}')

    assert any("timezone" in doubt for doubt in local.doubts)
    assert zoned.doubts == []


def test_the_public_retailrocket_file_is_drafted_with_milliseconds() -> None:
    found, _ = drafted(
        "timestamp,visitorid,event,itemid,transactionid\n"
        "1433221332117,257597,view,355908,\n"
        "1433224214164,992329,addtocart,248676,\n"
        "1433221999827,111016,transaction,318965,4000\n"
    )

    assert found.said == {
        "user": "visitorid",
        "item": "itemid",
        "event": "event",
        "time": "timestamp",
        "time_unit": "ms",
        "events": {"view": ["view"], "cart": ["addtocart"], "order": ["transaction"]},
    }
    assert found.doubts == []


def test_nested_objects_are_drafted_by_their_paths() -> None:
    found, shape = drafted(
        '{"event":"Product Added","sentAt":"x","timestamp":"2025-12-24T17:03:00.123Z",'
        '"user":{"id":"u1"},"properties":{"product_id":"p1","price":12.5,"tags":["a"]}}\n'
        '{"event":"Order Completed","timestamp":"2025-12-24T17:04:00.123Z",'
        '"user":{"id":"u1"},"properties":{"product_id":"p1","price":12.5}}\n'
    )

    assert shape.format == "jsonl"
    assert found.said == {
        "user": "user.id",
        "item": "properties.product_id",
        "event": "event",
        "time": "timestamp",
        "price": "properties.price",
        "time_unit": "iso",
        "events": {"cart": ["Product Added"], "order": ["Order Completed"]},
    }


def test_columns_without_names_are_told_by_their_values_and_doubted() -> None:
    found, shape = drafted(
        "543462,1715,1464116,pv,1511658000\n"
        "662867,2244074,1575622,pv,1511658001\n"
        "561558,3611281,965809,buy,1511658001\n"
    )

    assert not shape.has_header
    assert found.said["header"] == [f"column_{number}" for number in range(1, 6)]
    assert found.said["event"] == "column_4"
    assert found.said["time"] == "column_5"
    assert (found.said["user"], found.said["item"]) == ("column_1", "column_2")
    assert len(found.doubts) == 4


def test_a_word_that_means_no_event_is_named_and_left_out() -> None:
    found, _ = drafted("user,item,event,time\nu,i,view,1511658000\nu,i,haggle,1511658000\n")

    assert found.said["events"] == {"view": ["view"]}
    assert any("'haggle'" in doubt for doubt in found.doubts)


def test_what_no_column_looks_like_is_missing_and_said() -> None:
    found, _ = drafted("time,item,score\n1511658000,i,0.5\n1511658001,j,0.25\n")

    assert found.missing == ("user", "event", "events")
    assert any("no column looks like event" in doubt for doubt in found.doubts)


def test_surfaces_are_taken_only_in_our_own_words() -> None:
    ours, _ = drafted(
        "user,item,event,time,page\nu,i,view,1511658000,product_feed\nu,j,view,1511658000,\n"
    )
    theirs, _ = drafted("user,item,event,time,page\nu,i,view,1511658000,home\n")

    assert ours.said["surface"] == "page"
    assert "surface" not in theirs.said
    assert any("'home'" in doubt and "surfaces" in doubt for doubt in theirs.doubts)


def test_positions_that_begin_at_1_are_doubted() -> None:
    from_1, _ = drafted(
        "user,item,event,time,position\nu,i,imp,1511658000,1\nu,j,imp,1511658000,2\n"
    )
    from_0, _ = drafted(
        "user,item,event,time,position\nu,i,imp,1511658000,0\nu,j,imp,1511658000,1\n"
    )

    assert any("position" in doubt for doubt in from_1.doubts)
    assert from_0.doubts == []


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("1766595780", "s"),
        ("1766595780.25", "s"),
        ("1766595780000", "ms"),
        ("1766595780000000", "us"),
        ("2025-12-24", "iso"),
        ("2025-12-24T18:03:00Z", "iso"),
        ("2025-12-24 18:03:00 UTC", "%Y-%m-%d %H:%M:%S UTC"),
        ("24.12.2025 18:03:59", "%d.%m.%Y %H:%M:%S"),
        ("24/12/2025 18:03", "%d/%m/%Y %H:%M"),
        ("12/24/2025 18:03", "%m/%d/%Y %H:%M"),
        ("24/Dec/2025:18:03:00 +0100", "%d/%b/%Y:%H:%M:%S %z"),
        ("20251224", "%Y%m%d"),
    ],
)
def test_a_way_to_write_times_is_recognised(value: str, unit: str) -> None:
    assert units([value] * 3) == (unit,)


@pytest.mark.parametrize("value", ["17", "12.50", "view", "A-1001", "44600062", ""])
def test_what_is_no_time_is_not_taken_for_one(value: str) -> None:
    assert units([value] * 3) == ()


def test_a_day_that_may_be_a_month_is_doubted() -> None:
    found, _ = drafted("user,item,event,time\nu,i,view,03/04/2025 18:03\n")

    assert found.said["time_unit"] == "%d/%m/%Y %H:%M"
    assert any("%m/%d/%Y %H:%M" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(
    ("word", "event_type"),
    [
        ("PageView", "view"),
        ("add_to_cart", "cart"),
        ("remove_from_cart", "uncart"),
        ("Order Completed", "order"),
        ("zurückgeschickt", "cancel"),
        ("acheté", "order"),
        ("view_cart", None),
        ("begin_checkout", None),
    ],
)
def test_a_word_means_one_event_type_or_none(word: str, event_type: str | None) -> None:
    assert meaning(word) == event_type


def test_a_column_is_known_by_its_name_whatever_its_spelling() -> None:
    assert rank("user", "User-ID") is not None
    assert rank("user", "context.user_id") is not None
    assert rank("item", "Artikel Nr.") is not None
    assert rank("user", "colour") is None


@pytest.mark.parametrize("name", sorted(known.BY_NAME))
def test_a_mapping_written_as_toml_reads_as_itself(name: str) -> None:
    mapping = known.BY_NAME[name]

    read = of(tomllib.loads(toml(said_of(mapping))), format_=mapping.format, name=name)

    assert read == mapping


def test_toml_keeps_odd_words_and_comments_apart() -> None:
    said = {"user": 'a"b\\c\td\x7f', "header": ["ü", "#"], "events": {"view": ["x = 1"]}}

    text = toml(said, ["two\nlines", "user = 'no'"])

    assert tomllib.loads(text) == said


def test_a_sample_is_evenly_spaced_and_keeps_the_first_line(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_bytes(b"".join(b"%d\n" % number for number in range(1, 1001)))

    found = sample(file, max_lines=100)

    steps = {b - a for a, b in zip(found.numbers, found.numbers[1:], strict=False)}
    assert found.num_lines == 1000
    assert found.numbers[0] == 1
    assert len(steps) == 1
    assert 50 <= len(found.lines) <= 100
    assert [int(line) for line in found.lines] == list(found.numbers)


def test_rows_without_any_delimiter_are_no_log() -> None:
    with pytest.raises(InspectError, match="neither one JSON object a line nor rows"):
        shape_of([b"0 1 2 3", b"1 5 6"], name="train.txt")
