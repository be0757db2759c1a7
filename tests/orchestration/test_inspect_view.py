import io
from pathlib import Path

import pytest
from rich.console import Console

from etl.sources.inspect import inspect
from etl.sources.mapping import read
from orchestration.inspect_view import render

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "kaufhaus.csv"
KNOWN = "user,item,event,ts\n1,2,view,1430623510\n1,2,buy,1430623535\n"


def shown(file: Path, *, mapping: Path | None = None, width: int = 100) -> str:
    given = read(mapping, format_="csv") if mapping is not None else None
    console = Console(file=io.StringIO(), width=width)
    console.print(render(inspect(file, mapping=given, max_lines=1000)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def written(folder: Path, text: str, name: str = "log.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_a_foreign_log_is_shown_with_its_draft_and_the_command_to_load_it() -> None:
    # Wide enough for the example's path, wherever the checkout lies.
    text = shown(EXAMPLE, width=400)

    for said in (
        "rows parted by semicolon, a header line",
        "61, all judged",
        "2025-12-19 … 2025-12-26, 8 with lines (UTC)",
        "35 view, 14 cart, 9 order",
        "wrong_field_count",
        "line 34",
        "8 items to recommend",
        'user = "Kundennr"',
        "kaufhaus.csv --mapping MAPPING.toml",
    ):
        assert said in text


def test_what_is_not_quite_filled_does_not_read_as_full(tmp_path: Path) -> None:
    rows = [f"1,{n},view,1430623510,{'x' if n else ''}" for n in range(900)]
    file = written(tmp_path, "\n".join(["user,item,event,time,brand", *rows]) + "\n")
    (tmp_path / "m.toml").write_text(
        'user = "user"\nitem = "item"\nevent = "event"\ntime = "time"\nbrand = "brand"\n'
        'events = {view = "view"}\n'
    )

    text = shown(file, mapping=tmp_path / "m.toml")

    brand = next(line for line in text.splitlines() if line.strip().startswith("brand"))
    assert "99.8 %" in brand
    assert "100" not in brand


def test_a_known_log_needs_no_mapping(tmp_path: Path) -> None:
    text = shown(written(tmp_path, KNOWN))

    assert "nightmarket load retailrocket" in text
    assert "mapping" not in text


def test_a_draft_that_lacks_a_key_says_so_and_shows_no_counts(tmp_path: Path) -> None:
    text = shown(written(tmp_path, "item,event,time\nx,view,1430623510\n"))

    assert "The draft lacks 'user'" in text
    assert "What it gives" not in text


def test_what_stands_in_a_log_is_never_read_as_markup(tmp_path: Path) -> None:
    text = shown(
        written(tmp_path, KNOWN + "[red],[/bold],[link=x]odd,1430623510\n", "[bold]log.csv")
    )

    assert "[bold]log.csv" in text
    assert "[red],[/bold],[link=x]odd,1430623510" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_any_terminal(width: int) -> None:
    assert max(len(line) for line in shown(EXAMPLE, width=width).splitlines()) <= width


def test_a_refusal_of_load_is_shown_before_the_command(tmp_path: Path) -> None:
    text = shown(written(tmp_path, KNOWN.replace("1430623535", "1700000000")))

    assert text.index("load would refuse this file") < text.index("nightmarket load")
