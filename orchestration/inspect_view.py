"""Shows what ``etl.sources.inspect`` found out about a log, to read in a terminal.

Only the look is here; every number and every judgement comes with the report.
"""

import shlex
from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from etl.sources.report import Contents, Report
from etl.tables.silver import REJECT_REASONS

_DELIMITERS: Final = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
_HIDDEN: Final = ("event_id", "event_type", "event_us", "item_type")
"""Columns that every event fills."""
_FEW_FEATURES: Final = 4
_LEAST: Final = 0.001
_FEW_MINUTES: Final = 2
_KILO: Final = 1_000


def render(report: Report) -> RenderableType:
    """Lay a report out.

    Args:
        report: What ``inspect`` returned.
    """
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in _parts(report)))


def _parts(report: Report) -> Iterator[RenderableType]:
    yield _file(report)
    if report.contents is not None:
        yield _overview(report, report.contents)
        yield _filled(report.contents)
        if report.contents.rejections:
            yield _rejections(report, report.contents)
        yield _outlook(report.contents)
    yield from _mapping(report)
    yield _next_step(report)


def _grid(title: str) -> Table:
    table = Table.grid(padding=(0, 2))
    table.title, table.title_justify, table.title_style = title, "left", "bold"
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _listed(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2))
    for place, heading in enumerate(headings):
        table.add_column(heading, header_style="dim", overflow="fold", no_wrap=place == 0)
    return table


def _file(report: Report) -> RenderableType:
    grid = _grid(escape(report.file_name))
    packing = "gzip" if report.is_gzip else "plain"
    grid.add_row("file", f"{_bytes(report.num_bytes)}, {packing}, {report.encoding}")
    grid.add_row("format", _format(report))
    grid.add_row("columns", Text(", ".join(report.columns[:20])))
    read = (
        f"{report.num_read:,} of them judged, evenly spaced" if report.is_sample else "all judged"
    )
    grid.add_row("lines", f"{report.num_lines:,}, {read}")
    return grid


def _format(report: Report) -> str:
    if report.format == "jsonl":
        return "one JSON object a line"
    sign = _DELIMITERS.get(report.delimiter or "", repr(report.delimiter))
    header = "a header line" if report.has_header else "no header line"
    name = f"{report.source}: " if report.source != report.format else ""
    return f"{name}rows parted by {sign}, {header}"


def _overview(report: Report, contents: Contents) -> RenderableType:
    grid = _grid("What it gives" + (" (counts are of the sample)" if report.is_sample else ""))
    rejected = Text(f"{contents.num_rejected:,}", "red" if contents.num_rejected else "")
    grid.add_row("events", f"{contents.num_events:,}")
    grid.add_row("rejected", rejected)
    grid.add_row("repeated", f"{contents.num_repeated:,}")
    if contents.first_day is not None:
        days = f"{contents.first_day} … {contents.last_day}, {contents.num_days:,} with lines (UTC)"
        grid.add_row("days", days)
    grid.add_row("users, items", f"{contents.num_users:,}, {contents.num_items:,}")
    types = ", ".join(f"{num:,} {name}" for name, num in contents.event_types)
    grid.add_row("by type", types or "none")
    return grid


def _filled(contents: Contents) -> RenderableType:
    table = _listed("How much of each field is filled", "field", "share")
    for name, share in contents.filled:
        if name not in _HIDDEN:
            table.add_row(name, f"{'█' * round(10 * share):<10} {_percent(share)}")
    return table


def _rejections(report: Report, contents: Contents) -> RenderableType:
    table = _listed("Lines that would be rejected", "reason", "lines", "for example")
    for rejection in contents.rejections:
        share = _percent(rejection.num_lines / max(1, report.num_read))
        reason = Text(rejection.reason, "red")
        table.add_row(
            reason, f"{rejection.num_lines:,} ({share})", REJECT_REASONS[rejection.reason]
        )
        for example in rejection.examples:
            said = Text(f"{example.detail}\n", "dim") + Text(example.sample[:100], "dim italic")
            table.add_row("", Text(f"line {example.line_number:,}", "dim"), said)
    return table


def _outlook(contents: Contents) -> RenderableType:
    grid = _grid("What it is enough for")
    for surface in contents.surfaces:
        shown = f", {surface.num_impressions:,} impressions" if surface.num_impressions else ""
        said = f"{surface.num_items:,} items to recommend{shown}"
        none = Text("nothing to recommend: an empty slate table, nothing published", "yellow")
        grid.add_row(surface.surface, said if surface.num_items else none)
    for lack in contents.lacks:
        few = ", ".join(lack.features[:_FEW_FEATURES])
        more = len(lack.features) - _FEW_FEATURES
        others = f" and {more} more" if more > 0 else ""
        grid.add_row(f"no {lack.what}", f"null or 0 for all: {few}{others}")
    return grid


def _mapping(report: Report) -> Iterator[RenderableType]:
    if report.source != report.format:
        return
    title = "A mapping, drafted: read it, correct it, save it" if report.is_draft else "The mapping"
    for missing in report.missing:
        yield Text(f"The draft lacks {missing!r}: nothing can be read until it is there.", "red")
    yield Text(title, "bold")
    yield Syntax(report.mapping_toml, "toml", background_color="default", word_wrap=True)


def _next_step(report: Report) -> RenderableType:
    grid = _grid("What comes next")
    refusal = report.contents.refusal if report.contents is not None else None
    if refusal is not None:
        grid.add_row("refused", Text(f"load would refuse this file: {refusal}", "red"))
    grid.add_row("load", Text(_command(report), "cyan"))
    cost = report.cost
    times = (
        f"{_seconds(cost.load_seconds)} to load, {_seconds(cost.backfill_seconds)} to make features"
    )
    grid.add_row("roughly", f"{times}, {_bytes(cost.disk_bytes)} of disk, on two cores")
    return grid


def _command(report: Report) -> str:
    file = shlex.quote(report.path)
    if report.source != report.format:
        return f"nightmarket load {report.source} {file}"
    return f"nightmarket load {report.format} {file} --mapping MAPPING.toml"


def _percent(share: float) -> str:
    """Write a share, rounded down: what is not quite all does not read as all."""
    if 0 < share < _LEAST:
        return f"< {_LEAST:.1%}".replace("%", " %")
    return f"{int(share / _LEAST + 1e-9) * _LEAST:.1%}".replace("%", " %")


def _seconds(seconds: float) -> str:
    minutes = seconds / 60
    return f"{seconds:,.0f} s" if minutes < _FEW_MINUTES else f"{minutes:,.0f} min"


def _bytes(num: float) -> str:
    for unit in ("B", "kB", "MB"):
        if num < _KILO:
            return f"{num:,.0f} {unit}"
        num /= _KILO
    return f"{num:,.1f} GB"
