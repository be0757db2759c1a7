import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from etl.sources.adapter import Adapter
from etl.sources.envelope import Envelope
from etl.sources.load import LoadError, lines_of, load
from etl.sources.mapping import Mapping

MAPPING = Mapping(
    format="csv",
    columns={"user": "u", "item": "i", "event": "e", "time": "t"},
    events={"view": "view"},
    time_unit="iso",
)
HEADER = b"u,i,e,t"
LINES = [
    HEADER,
    b"cut off at the start",
    b"ana,a,view,2026-01-01 23:59:59",
    b"no time at all",
    b"ben,b,view,2026-01-02T00:00:00Z",
]


def landed(landing: Path) -> dict[str, list[Envelope]]:
    """The lines of each arrival day, in the order of their file."""
    found: dict[str, list[Envelope]] = {}
    for path in sorted(landing.glob("*/*/*")):
        lines = gzip.decompress(path.read_bytes()).splitlines()
        read = [msgspec.json.decode(line, type=Envelope) for line in lines]
        found.setdefault(path.parts[-3], []).extend(read)
    return found


def test_a_line_lands_on_its_events_day_and_an_undated_one_with_the_line_before(
    tmp_path: Path,
) -> None:
    got = load(Adapter(MAPPING, "shop.csv"), LINES, source="web", landing=tmp_path)

    days = landed(tmp_path)
    assert {day: [e.original() for e in lines] for day, lines in days.items()} == {
        "2026-01-01": LINES[1:4],
        "2026-01-02": LINES[4:],
    }
    assert (got.num_lines, got.num_problems) == (4, 2)
    assert got.days == (date(2026, 1, 1), date(2026, 1, 2))


def test_a_cut_row_goes_through_untouched(tmp_path: Path) -> None:
    cut = b"cleo,c,vi\xc3"

    load(Adapter(MAPPING, "shop.csv"), [*LINES, cut], source="web", landing=tmp_path)

    last = landed(tmp_path)["2026-01-02"][-1]
    assert (last.original(), last.line, last.problem) == (cut, 6, "not_utf8")


def test_loading_a_file_again_adds_nothing(tmp_path: Path) -> None:
    first = load(Adapter(MAPPING, "shop.csv"), LINES, source="web", landing=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    again = load(Adapter(MAPPING, "shop.csv"), LINES, source="web", landing=tmp_path)

    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert (again.new_files, again.known_files) == ((), first.new_files)
    assert after == before


def test_files_are_named_by_hour_and_lines_and_nothing_else_is_left(tmp_path: Path) -> None:
    got = load(Adapter(MAPPING, "shop.csv"), LINES, source="web", landing=tmp_path)

    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert files == sorted(got.new_files)
    assert all(path.name.startswith("23-") and path.suffix == ".gz" for path in files)


def test_a_file_without_any_date_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    lines = [HEADER, b"ana,a,view,never"]

    with pytest.raises(LoadError, match="no line that could be dated"):
        load(Adapter(MAPPING, "shop.csv"), lines, source="web", landing=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_broken_clock_lands_on_the_nearest_day_of_the_log(tmp_path: Path) -> None:
    good = [f"u{n},a,view,2026-01-0{n % 2 + 1}".encode() for n in range(200)]
    stray = b"zoe,a,view,1970-01-01"

    got = load(Adapter(MAPPING, "f"), [HEADER, *good, stray], source="web", landing=tmp_path)

    assert got.days == (date(2026, 1, 1), date(2026, 1, 2))
    assert stray in [e.original() for e in landed(tmp_path)["2026-01-01"]]


def test_a_log_of_two_far_parts_is_refused(tmp_path: Path) -> None:
    lines = [HEADER, b"u,a,view,2026-01-01", b"u,a,view,1970-01-01"]

    with pytest.raises(LoadError, match="time_unit"):
        load(Adapter(MAPPING, "f"), lines, source="web", landing=tmp_path)


def test_more_days_than_open_files_land_whole(tmp_path: Path) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC).toordinal()
    days = [date.fromordinal(start + n) for n in [*range(90), *range(90)]]
    lines = [HEADER, *(f"u{n},a,view,{day}".encode() for n, day in enumerate(days))]

    got = load(Adapter(MAPPING, "f"), lines, source="web", landing=tmp_path)

    assert (got.num_lines, len(got.days)) == (180, 90)
    assert {len(lines) for lines in landed(tmp_path).values()} == {2}


@pytest.mark.parametrize("is_gzip", [False, True])
def test_lines_are_split_at_newline_only(tmp_path: Path, is_gzip: bool) -> None:  # noqa: FBT001
    content = b"a\rb\x0cc\xe2\x80\xa8d\n\nlast"
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(content) if is_gzip else content)

    assert list(lines_of(path)) == [b"a\rb\x0cc\xe2\x80\xa8d", b"", b"last"]


def test_a_cut_gzip_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(b"line\n" * 1000)[:-9])

    with pytest.raises(LoadError, match=r"log\.gz is cut off"):
        list(lines_of(path))
