import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.features import dictionary
from etl.features.needs import NEEDS
from etl.sources import known
from etl.sources.adapter import Adapter
from etl.sources.inspect import InspectError, inspect
from etl.sources.load import lines_of, load
from etl.sources.mapping import of, read
from etl.sources.report import Contents, Report

ROOT = Path(__file__).parents[3]
DATA = ROOT / ".." / "shared" / "data"
EXAMPLE = ROOT / "docs" / "examples" / "kaufhaus.csv"
GUIDE = ROOT / "docs" / "your-own-logs.md"
ROWS = """\
user,item,event,time
u1,i1,view,2026-01-01T10:00:00Z
u1,i1,order,2026-01-01T10:05:00Z
u2,i2,view,2026-01-02T23:59:59Z
"""


def looked_at(
    folder: Path, text: str | bytes, name: str = "log.csv", max_lines: int = 1000
) -> Report:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return inspect(file, mapping=None, max_lines=max_lines)


def contents_of(report: Report) -> Contents:
    assert report.contents is not None
    return report.contents


def real(name: str) -> Path:
    file = DATA / name
    if not file.exists():
        pytest.skip(f"{name} is not beside this checkout; README says where the public original is")
    return file


def test_the_example_of_the_guide_is_read_by_its_mapping_as_the_guide_says() -> None:
    mapping = read(EXAMPLE.with_suffix(".toml"), format_="csv")

    report = inspect(EXAMPLE, mapping=mapping, max_lines=1000)

    contents = contents_of(report)
    rejected = [(r.reason, r.num_lines, r.examples[0].line_number) for r in contents.rejections]
    assert (report.num_lines, report.num_read, report.is_draft) == (61, 61, False)
    assert rejected == [("unknown_event", 1, 34), ("wrong_field_count", 1, 62)]
    assert contents.num_events + contents.num_rejected + contents.num_repeated == 61
    assert contents.event_types == (("view", 35), ("cart", 14), ("order", 9))
    assert (contents.num_users, contents.num_items, contents.num_repeated) == (6, 8, 1)
    assert (contents.first_day, contents.last_day) == (date(2025, 12, 19), date(2025, 12, 26))
    assert contents.refusal is None


def test_the_draft_for_the_example_differs_from_its_mapping_only_in_what_it_doubts() -> None:
    mapping = read(EXAMPLE.with_suffix(".toml"), format_="csv")

    report = inspect(EXAMPLE, mapping=None, max_lines=1000)

    said = [line for line in report.mapping_toml.splitlines() if not line.startswith("#")]
    wanted = inspect(EXAMPLE, mapping=mapping, max_lines=1000).mapping_toml.splitlines()
    assert set(wanted) - set(said) == {'timezone = "Europe/Berlin"'}
    assert set(said) <= set(wanted)
    assert "timezone" in " ".join(report.doubts)
    assert "umtausch" in " ".join(report.doubts)


def test_the_guide_shows_the_draft_as_it_is() -> None:
    report = inspect(EXAMPLE, mapping=None, max_lines=1000)

    assert f"```toml\n{report.mapping_toml}```" in GUIDE.read_text(encoding="utf-8")


def test_a_log_is_counted_by_day_user_item_and_type(tmp_path: Path) -> None:
    report = looked_at(tmp_path, ROWS)

    contents = contents_of(report)
    assert (report.format, report.delimiter, report.has_header) == ("csv", ",", True)
    assert report.columns == ("user", "item", "event", "time")
    assert (contents.num_events, contents.num_users, contents.num_items) == (3, 2, 2)
    assert (contents.first_day, contents.last_day) == (date(2026, 1, 1), date(2026, 1, 2))
    assert contents.num_days == 2
    assert contents.event_types == (("view", 2), ("order", 1))
    assert dict(contents.filled)["user_id"] == 1
    assert "price_cents" not in dict(contents.filled)


def test_packing_a_file_changes_nothing_of_what_it_gives(tmp_path: Path) -> None:
    plain = looked_at(tmp_path, ROWS)
    packed = looked_at(tmp_path, gzip.compress(ROWS.encode()), "log.csv.gz")

    assert (plain.is_gzip, packed.is_gzip) == (False, True)
    assert contents_of(packed).event_types == contents_of(plain).event_types


def test_every_line_is_an_event_a_rejection_or_a_repetition(tmp_path: Path) -> None:
    odd = (
        "u1,i1,view,2026-01-01T10:00:00Z\n"  # repeats the first
        ",i1,view,2026-01-01T10:00:00Z\n"
        "u1,,view,2026-01-01T10:00:00Z\n"
        "u1,i1,,2026-01-01T10:00:00Z\n"
        "u1,i1,view,\n"
        "u1,i1,view,noon\n"
        "u1,i1,view\n"
        "\n"
    )

    report = looked_at(tmp_path, ROWS + 30 * "u3,i3,view,2026-01-01T10:00:00Z\n" + odd)

    contents = contents_of(report)
    reasons = {rejection.reason: rejection.num_lines for rejection in contents.rejections}
    assert reasons == {
        "missing_user": 1,
        "missing_item": 1,
        "missing_event": 1,
        "missing_time": 1,
        "bad_time": 1,
        "wrong_field_count": 1,
        "empty_line": 1,
    }
    assert contents.num_repeated == 30
    assert contents.num_events == 4
    assert report.num_lines == contents.num_events + contents.num_repeated + contents.num_rejected


def test_at_most_three_lines_are_shown_of_a_reason_by_their_numbers(tmp_path: Path) -> None:
    text = ROWS + 5 * ",i1,view,2026-01-01T10:00:00Z\n"

    report = looked_at(tmp_path, text)

    (rejection,) = contents_of(report).rejections
    assert (rejection.reason, rejection.num_lines) == ("missing_user", 5)
    assert [example.line_number for example in rejection.examples] == [5, 6, 7]
    assert rejection.examples[0].sample == ",i1,view,2026-01-01T10:00:00Z"


def test_a_broken_clock_is_rejected_as_absurd_as_after_a_load(tmp_path: Path) -> None:
    good = [f"u{n},i1,view,2026-01-01T10:00:00Z" for n in range(200)]
    text = "\n".join(["user,item,event,time", *good, "u1,i1,view,1999-01-01T00:00:00Z"]) + "\n"

    report = looked_at(tmp_path, text)

    contents = contents_of(report)
    assert [(r.reason, r.num_lines) for r in contents.rejections] == [("absurd_time", 1)]
    assert contents.num_days == 1
    assert contents.refusal is None


def test_what_load_would_refuse_is_said(tmp_path: Path) -> None:
    apart = looked_at(tmp_path, ROWS + ROWS.replace("2026", "2019").partition("\n")[2])
    mapping = of(
        {
            "user": "user",
            "item": "item",
            "event": "event",
            "time": "item",
            "events": {"view": "view"},
        },
        format_="csv",
        name="wrong.toml",
    )
    undated = inspect(tmp_path / "log.csv", mapping=mapping, max_lines=1000)

    assert "days apart" in str(contents_of(apart).refusal)
    assert "no line says when" in str(contents_of(undated).refusal)
    assert contents_of(undated).first_day is None
    assert contents_of(undated).rejections[0].reason == "bad_time"


def test_of_a_large_file_a_spaced_sample_is_judged_and_lines_keep_their_numbers(
    tmp_path: Path,
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [f"u{n},i{n % 7},view,{(start + timedelta(minutes=n)).isoformat()}" for n in range(4999)]
    rows[4095] = ",i,view,2026-01-03T00:00:00Z"

    report = looked_at(tmp_path, "\n".join(["user,item,event,time", *rows]) + "\n", max_lines=600)

    contents = contents_of(report)
    assert report.is_sample
    assert report.num_lines == 4999
    assert 300 <= report.num_read <= 600
    assert contents.num_events + contents.num_rejected == report.num_read
    assert contents.last_day == date(2026, 1, 4)
    for rejection in contents.rejections:
        assert [example.line_number for example in rejection.examples] == [4097]


def test_nothing_is_written(tmp_path: Path) -> None:
    looked_at(tmp_path, ROWS)

    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]
    assert (tmp_path / "log.csv").read_text() == ROWS


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n\n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (gzip.compress(1000 * ROWS.encode(), mtime=0)[:-200], "cut off or damaged"),
        (b"\x1f\x8b" + bytes(100), "cut off or damaged"),
        (b"PK\x03\x04" + bytes(100), "a zip archive"),
        (b"PAR1" + bytes(100), "a Parquet file"),
        (bytes(range(256)) * 10, "is not text"),
        (ROWS.encode("utf-16"), "UTF-16"),
        (b'[{"user": 1}]', "one JSON array"),
        (b"just some prose\nand more of it\n", "neither one JSON object a line nor rows"),
    ],
)
def test_what_is_no_log_is_turned_away_with_a_sentence(
    tmp_path: Path, content: bytes, said: str
) -> None:
    with pytest.raises(InspectError) as refused:
        looked_at(tmp_path, content, "thing")

    assert said in str(refused.value)
    assert "thing" in str(refused.value)


@settings(max_examples=150, deadline=None)
@given(
    start=st.sampled_from([b"", ROWS.encode(), b'{"user": 1, "item": 2}\n' * 3, b"a;b\n1;2\n"]),
    odd=st.binary(max_size=60),
    max_lines=st.integers(1, 5),
)
def test_any_bytes_give_a_report_or_a_sentence(start: bytes, odd: bytes, max_lines: int) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "thing"
        file.write_bytes(start + odd)
        try:
            report = inspect(file, mapping=None, max_lines=max_lines)
        except InspectError:
            return

    found = report.contents
    assert found is None or found.num_events + found.num_repeated + found.num_rejected == (
        report.num_read
    )


def test_a_folder_and_a_missing_file_are_turned_away(tmp_path: Path) -> None:
    with pytest.raises(InspectError, match="is a folder; name one of its files"):
        inspect(tmp_path, mapping=None, max_lines=1000)
    with pytest.raises(InspectError, match="there is no file"):
        inspect(tmp_path / "absent.csv", mapping=None, max_lines=1000)


def test_a_gzip_file_damaged_far_in_is_turned_away_by_line(tmp_path: Path) -> None:
    rows = [f"u{n},i{n * n},view,2026-01-01T10:00:00Z" for n in range(100_000)]
    packed = gzip.compress("\n".join(["user,item,event,time", *rows]).encode())

    with pytest.raises(InspectError, match=r"after line [0-9,]+: .*fetch it again"):
        looked_at(tmp_path, packed[: len(packed) // 2], "log.csv.gz")


def test_a_mapping_for_another_file_is_refused_by_column(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(ROWS)

    with pytest.raises(InspectError, match="has no column 'ts'"):
        inspect(tmp_path / "log.csv", mapping=known.RETAILROCKET, max_lines=1000)


def test_a_draft_that_lacks_a_column_gives_no_contents(tmp_path: Path) -> None:
    report = looked_at(tmp_path, "item,event,time\nx,view,1767261600\nx,view,1767261601\n")

    assert report.missing == ("user",)
    assert report.contents is None
    assert any("no column looks like user" in doubt for doubt in report.doubts)


def test_json_lines_with_nested_fields_are_drafted_and_judged(tmp_path: Path) -> None:
    report = looked_at(
        tmp_path,
        '{"event":"purchase","ts":1767261600,"user":{"id":"u1"},"product":{"sku":"p1","price":9.5}}\n'
        '{"event":"view","ts":1767261601,"user":{"id":"u2"},"product":{"sku":"p1","price":9.5}}\n'
        '{"event":"view","ts":1767261602,"user":{},"product":{"sku":"p1"}}\n'
        "{not json\n",
        "log.jsonl",
    )

    contents = contents_of(report)
    assert (report.format, report.delimiter) == ("jsonl", None)
    assert report.columns == ("event", "ts", "user.id", "product.sku", "product.price")
    assert contents.event_types == (("order", 1), ("view", 1))
    assert {r.reason for r in contents.rejections} == {"missing_user", "not_json"}
    assert dict(contents.filled)["price_cents"] == 1


def test_a_surface_can_be_served_only_with_items_of_its_kind(tmp_path: Path) -> None:
    report = looked_at(
        tmp_path,
        "user,item,event,time,surface\n"
        "u,i,impression,1767261600,product_feed\nu,i,click,1767261601,product_feed\n"
        "u,v,view,1767261602,short_videos\n",
    )

    found = [(s.surface, s.num_items, s.num_impressions) for s in contents_of(report).surfaces]
    assert found == [("product_feed", 1, 1), ("live_streams", 0, 0), ("short_videos", 1, 0)]


def test_features_that_stay_empty_are_named_by_what_is_lacking(tmp_path: Path) -> None:
    lacks = {lack.what: lack.features for lack in contents_of(looked_at(tmp_path, ROWS)).lacks}

    assert "views or clicks" not in lacks
    assert "orders" not in lacks
    assert "usual_price_cents" in lacks["price"]
    assert "price_to_category_ratio" in lacks["price"]
    assert "price_to_category_ratio" in lacks["category"]
    assert "num_impressions_7d" in lacks["impressions"]
    assert "brand_pair_affinity" in lacks["brand"]


def test_needs_name_features_of_the_dictionary_and_never_none() -> None:
    names = set(dictionary.names((*dictionary.USER, *dictionary.ITEM, *dictionary.PAIR)))

    for need in NEEDS:
        assert need.features
        assert set(need.features) <= names


def test_more_lines_cost_more() -> None:
    small = inspect(EXAMPLE, mapping=None, max_lines=1000).cost
    large = inspect(real("rees46/2019-Oct.csv"), mapping=None, max_lines=1000).cost

    assert large.load_seconds > small.load_seconds
    assert large.backfill_seconds > small.backfill_seconds > 0
    assert large.disk_bytes > small.disk_bytes > 0


@pytest.mark.parametrize(
    ("name", "source", "event_types", "num_users"),
    [
        (
            "retailrocket/events.csv",
            "retailrocket",
            {"view": 75_374, "cart": 12_456, "order": 9_551},
            2_174,
        ),
        # Of 17,435 lines 5 are sent twice and the last is cut off.
        ("rees46/2019-Oct.csv", "rees46", {"view": 17_051, "order": 214, "cart": 164}, 4_504),
    ],
)
def test_a_public_log_is_recognised_and_counted(
    name: str, source: str, event_types: dict[str, int], num_users: int
) -> None:
    report = inspect(real(name), mapping=None, max_lines=200_000)

    contents = contents_of(report)
    assert (report.source, report.is_draft, report.doubts) == (source, False, ())
    assert dict(contents.event_types) == event_types
    assert contents.num_users == num_users


def test_taobao_is_recognised_without_a_header_and_sampled() -> None:
    report = inspect(real("taobao_userbehavior/UserBehavior.csv"), mapping=None, max_lines=20_000)

    assert (report.source, report.has_header) == ("taobao", False)
    assert report.num_lines == 110_300
    assert report.is_sample
    assert {name for name, _ in contents_of(report).event_types} == {
        "view",
        "cart",
        "like",
        "order",
    }
    assert contents_of(report).rejections == ()


def test_a_load_lands_on_the_days_and_with_the_problems_that_were_foretold(tmp_path: Path) -> None:
    mapping = read(EXAMPLE.with_suffix(".toml"), format_="csv")
    foretold = contents_of(inspect(EXAMPLE, mapping=mapping, max_lines=1000))

    loaded = load(
        Adapter(mapping, EXAMPLE.name),
        lines_of(EXAMPLE),
        source="csv",
        landing=tmp_path / "landing",
    )

    assert (loaded.days[0], loaded.days[-1]) == (foretold.first_day, foretold.last_day)
    assert len(loaded.days) == foretold.num_days
    assert loaded.num_problems == foretold.num_rejected
