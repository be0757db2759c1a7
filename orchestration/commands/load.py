"""``nightmarket load``: put a raw log's lines into landing, under the days they arrived on."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from etl.bronze.files import SOURCE_NAME, is_source_name
from etl.home import Home
from etl.sources import app_log
from etl.sources import mapping as mappings
from etl.sources.adapter import Adapter
from etl.sources.known import BY_NAME
from etl.sources.load import Loaded, lines_of, load
from etl.sources.mapping import Mapping
from orchestration.settings import Settings

_OWN = ("csv", "jsonl")


def command(
    source: Annotated[str, typer.Argument(help=f"{', '.join([*BY_NAME, *_OWN])}")],
    files: Annotated[list[Path], typer.Argument(help="The log's files, plain or gzip.")],
    mapping: Annotated[
        Path | None, typer.Option(help="For csv and jsonl: which column is what, as TOML.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Folder under each day; the source's name by default.")
    ] = None,
) -> None:
    """Load each file; loading the same bytes twice changes nothing."""
    chosen = _mapping(source, mapping)
    _require_usable(name)
    home = Settings().at_home
    console = Console(stderr=False)
    for path in files:
        _require_file(path)
        with console.status(f"loading {path.name} …"):
            adapter = Adapter(chosen, file_name=path.name)
            loaded = load(adapter, lines_of(path), source=name or source, landing=home.landing)
        home.begin(loaded.days[0])
        console.print(_said(path, loaded))
    _say_next(console, home)


def _mapping(source: str, path: Path | None) -> Mapping:
    if source in BY_NAME:
        return BY_NAME[source]
    if source not in _OWN:
        raise typer.BadParameter(f"no source {source!r}; there are {', '.join([*BY_NAME, *_OWN])}")
    if path is None:
        raise typer.BadParameter(
            f"{source} needs --mapping FILE.toml; `nightmarket inspect-log FILE` drafts one"
        )
    return mappings.read(path, format_=source)


def _require_usable(name: str | None) -> None:
    if name == app_log.SOURCE:
        raise typer.BadParameter(
            f"--name {name} is the app's own log, whose lines are read as they are "
            "(docs/app-log.md); give the log another name"
        )
    if name is not None and not is_source_name(name):
        raise typer.BadParameter(f"--name {name!r} cannot be a folder; a name is {SOURCE_NAME}")


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise typer.BadParameter(f"{path} is not a file")


def _said(path: Path, loaded: Loaded) -> str:
    days = f"{loaded.days[0]} … {loaded.days[-1]}, {len(loaded.days)} days with lines"
    known = len(loaded.known_files)
    again = (
        f"; {known} of {known + len(loaded.new_files)} files were there already" if known else ""
    )
    unread = f", {loaded.num_problems:,} of them unreadable" if loaded.num_problems else ""
    return f"{path.name}: {loaded.num_lines:,} lines{unread}; {days}{again}"


def _say_next(console: Console, home: Home) -> None:
    landed = sorted(folder.name for folder in home.landing.glob("????-??-??"))
    first = home.first_day()
    early = [day for day in landed if day < str(first)]
    if early:
        console.print(
            f"{len(early)} days lie before the lake's first, {first}, and will not be read: "
            "load older logs first, into a new home (NIGHTMARKET_HOME).",
            style="yellow",
        )
    last = date.fromisoformat(landed[-1])
    if last > first:
        before = last - timedelta(days=1)
        console.print(f"next: nightmarket backfill --from {first} --to {before}")
    console.print(f"then: nightmarket night --day {last}")
