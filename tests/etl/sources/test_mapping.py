from pathlib import Path

import pytest

from etl.sources import known
from etl.sources.adapter import Adapter
from etl.sources.mapping import COLUMNS, SETTINGS, Mapping, MappingError, of, read
from etl.tables.silver import EVENT_TYPES

GUIDE = Path(__file__).parents[3] / "docs" / "your-own-logs.md"
LEAST = {
    "user": "who",
    "item": "what",
    "event": "did",
    "time": "when",
    "events": {"view": ["look", "open"], "order": "buy"},
}


def mapped(**more: object) -> Mapping:
    return of({**LEAST, **more}, format_="csv", name="shop.toml")


def test_a_mapping_file_is_read_with_defaults_for_what_it_leaves_out(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(
        'user = "who"\nitem = "what"\nevent = "did"\ntime = "when"\nprice = "cost"\n'
        'decimal = ","\nevents = {view = ["look", "open"], order = "buy"}\n'
    )

    mapping = read(file, format_="csv")

    assert mapping.columns == {
        "user": "who",
        "item": "what",
        "event": "did",
        "time": "when",
        "price": "cost",
    }
    assert mapping.events == {"look": "view", "open": "view", "buy": "order"}
    assert (mapping.time_unit, mapping.timezone, mapping.delimiter) == ("s", "UTC", ",")
    assert (mapping.decimal, mapping.price_unit, mapping.encoding) == (",", "units", "utf-8")
    assert mapping.header is None


def test_a_file_that_is_not_toml_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text("user: who\n")

    with pytest.raises(MappingError, match="is not TOML"):
        read(file, format_="csv")


@pytest.mark.parametrize("key", sorted(LEAST))
def test_a_key_that_is_needed_is_named(key: str) -> None:
    said = {k: v for k, v in LEAST.items() if k != key}

    with pytest.raises(MappingError, match=f"'{key}' is missing; needed are user, item, event"):
        of(said, format_="csv", name="shop.toml")


def test_an_unknown_key_is_named_and_the_allowed_ones_are_listed() -> None:
    with pytest.raises(MappingError) as refused:
        mapped(usr="who")

    said = str(refused.value)
    assert "shop.toml: unknown key 'usr'" in said
    for key in (*COLUMNS, "events", "surfaces", "time_unit", "timezone", "delimiter", "decimal"):
        assert key in said


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("user", 5, "'user' must be a word, found 5"),
        ("brand", "", "'brand' must be a word"),
        ("events", {}, "'events' must be a table"),
        ("events", {"view": []}, "'events' must be a table"),
        ("events", {"view": [1]}, "'events.view' must be a word, found 1"),
        ("events", {"look": ["view"]}, "events has 'look'; allowed are impression, view, click"),
        ("events", {"view": ["a"], "cart": ["a"]}, "says that 'a' is view and cart"),
        ("surfaces", {"home": ["feed"]}, "surfaces has 'home'; allowed are product_feed"),
        ("fallback", {"kind": "c"}, "fallback has 'kind'; allowed are user, item"),
        ("fallback", "c", "'fallback' must be a table"),
        ("header", "a,b", "'header' must list the columns' names"),
        ("header", ["a", "b", "a"], "'header' names 'a' twice"),
        ("time_unit", "seconds", "it is one of s, ms, us, iso or a format like"),
        ("time_unit", "%d.%m.%Q", "it is one of s, ms, us, iso or a format like"),
        ("time_unit", "%H:%M", "does not say year, month and day"),
        ("timezone", "Berlin", "no time zone 'Berlin'"),
        ("timezone", "Europe", "no time zone 'Europe'"),
        ("timezone", "../etc", "no time zone"),
        ("delimiter", "::", "'delimiter' is one character"),
        ("delimiter", "\n", "'delimiter' is one character"),
        ("decimal", ";", "'decimal' is a point or a comma"),
        ("price_unit", "euro", "'price_unit' is units or cents"),
        ("encoding", "utf8-german", "no encoding 'utf8-german'"),
        ("encoding", "utf-16-be", "cannot be read line by line"),
        ("encoding", "\0", "no encoding"),
    ],
)
def test_a_key_that_holds_something_else_is_named(key: str, value: object, what: str) -> None:
    with pytest.raises(MappingError) as refused:
        mapped(**{key: value})

    assert str(refused.value).startswith("shop.toml: ")
    assert what in str(refused.value)


@pytest.mark.parametrize(
    "unit", ["s", "iso", "%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S", "%Y%m%d"]
)
def test_times_may_be_written_in_many_ways(unit: str) -> None:
    assert mapped(time_unit=unit).time_unit == unit


def test_words_of_the_surface_column_are_translated_and_others_are_none_of_ours() -> None:
    mapping = mapped(surface="page", surfaces={"short_videos": ["reels"], "product_feed": "home"})
    lines = [
        b"who,what,did,when,page",
        b"u,i,look,1,reels",
        b"u,i,look,2,home",
        b"u,i,look,3,imprint",
        b"u,i,look,4,",
    ]

    envelopes = list(Adapter(mapping, "shop.csv").envelopes(lines))

    assert [e.surface for e in envelopes] == ["short_videos", "product_feed", None, None]
    assert [e.problem for e in envelopes] == [None] * 4


def test_a_column_of_nested_json_is_named_by_its_path() -> None:
    said = {**LEAST, "user": "ctx.user.id", "item": "payload.sku", "brand": "a.b", "title": "ctx.x"}
    mapping = of(said, format_="jsonl", name="shop.toml")
    line = (
        b'{"ctx":{"user":{"id":"u1"}},"payload":{"sku":17},"did":"buy","when":5,"a.b":"flat",'
        b'"a":{"b":"deep"}}'
    )

    (envelope,) = Adapter(mapping, "shop.jsonl").envelopes([line])

    assert (envelope.user, envelope.item, envelope.type) == ("u1", "17", "order")
    assert (envelope.brand, envelope.title, envelope.problem) == ("flat", None, None)


def test_a_decimal_comma_reads_thousands_and_refuses_a_decimal_point() -> None:
    mapping = mapped(price="cost", decimal=",", delimiter=";")
    prices = ["12,50", "1.299,00", "7", "1.299", "12.50", "1.2.3"]
    lines = ["who;what;did;when;cost", *(f"u;i;buy;1;{price}" for price in prices)]

    envelopes = list(Adapter(mapping, "shop.csv").envelopes(line.encode() for line in lines))

    assert [e.price_cents for e in envelopes] == [1250, 129900, 700, 129900, None, None]
    assert [e.problem for e in envelopes[4:]] == ["bad_value", "bad_value"]


def test_local_times_are_read_in_their_zone_on_both_sides_of_summer_time() -> None:
    mapping = mapped(time_unit="%d.%m.%Y %H:%M", timezone="Europe/Berlin")
    lines = [b"who,what,did,when", b"u,i,buy,24.12.2025 18:03", b"u,i,buy,01.07.2025 18:03"]

    winter, summer = Adapter(mapping, "shop.csv").envelopes(lines)

    assert winter.time_us == 1_766_595_780_000_000
    assert summer.time_us == 1_751_385_780_000_000


def test_the_known_logs_are_mappings_that_a_file_could_say() -> None:
    for name, mapping in known.BY_NAME.items():
        words: dict[str, list[str]] = {}
        for word, event_type in mapping.events.items():
            words.setdefault(event_type, []).append(word)
        said: dict[str, object] = {**mapping.columns, "events": words}
        said |= {"time_unit": mapping.time_unit, "fallback": dict(mapping.fallback)}
        said |= {"header": list(mapping.header)} if mapping.header else {}

        assert of(said, format_=mapping.format, name=name) == mapping


def test_the_guide_has_a_row_for_every_key_and_names_every_event_type() -> None:
    guide = GUIDE.read_text(encoding="utf-8")

    rows = [line.split("`")[1] for line in guide.splitlines() if line.startswith("| `")]
    keys = [*COLUMNS, *SETTINGS, "header", "events", "surfaces", "fallback"]
    assert sorted(set(rows) & set(keys)) == sorted(keys)
    assert all(f"`{event_type}`" in guide for event_type in EVENT_TYPES)
