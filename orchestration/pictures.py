"""Small pictures for the UI: what people would rather look at than read.

Each is drawn after its table was written, and gives a sentence where there is nothing to draw.
"""

import base64
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from etl import tables
from etl.arrow import arrow_schema
from etl.days import Days, one_day
from etl.tables import Table
from orchestration.table_asset import Night

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN_DAYS: Final = 60
_FEW_DAYS: Final = 8
_COUNTED_DAYS: Final = 7
_WIDTH, _HEIGHT = 7.0, 2.6
NIGHT, GOLD, GREY = "#2f3e7c", "#d98e04", "#8a8f98"


def daily_volumes(night: Night) -> str:
    """Lines by arrival day: events, rejected, duplicates."""
    counts = recent(night, tables.SILVER_LINE_COUNTS)
    figure, axes = figure_of("lines by arrival day")
    days = sorted(set(counts.column("arrival_date").to_pylist()))
    below = [0] * len(days)
    parts = (("events", NIGHT), ("rejected_lines", GOLD), ("duplicate_lines", GREY))
    for name, colour in parts:
        summed = _by_day(counts, f"num_{name}", days)
        axes.bar(days, summed, bottom=below, color=colour, label=name.replace("_", " "), width=0.8)
        below = [a + b for a, b in zip(below, summed, strict=True)]
    axes.legend(frameon=False, fontsize=8, ncols=3)
    return markdown(figure)


def lateness(night: Night) -> str:
    """Events by days between happening and arriving."""
    dates = ["event_date", "arrival_date"]
    batches = _batches(night, tables.SILVER_EVENTS, columns=dates, num_days=_COUNTED_DAYS)
    found = _counted(pc.days_between(*map(batch.column, dates)) for batch in batches)
    if not found:
        return "No event arrived."
    figure, axes = figure_of(f"events of {_COUNTED_DAYS} days, by days until they arrived")
    bars = axes.bar([str(late) for late, _ in found], [n for _, n in found], color=NIGHT)
    axes.bar_label(bars, [f"{n:,}" for _, n in found], fontsize=8)
    axes.set_yscale("log")
    axes.margins(y=0.15)
    return markdown(figure)


def rejected_reasons(night: Night) -> str:
    """Rejected lines by reason, the most frequent on top."""
    table, days = tables.SILVER_REJECTED_LINES, _COUNTED_DAYS
    batches = _batches(night, table, columns=["reason"], num_days=days)
    found = _counted(batch.column("reason") for batch in batches)
    if not found:
        return f"No line of the last {days} days was rejected."
    found.sort(key=itemgetter(1))
    figure, axes = figure_of(f"rejected lines of {days} days, by reason")
    bars = axes.barh([reason for reason, _ in found], [n for _, n in found], color=GOLD)
    axes.bar_label(bars, [f"{n:,}" for _, n in found], fontsize=8, padding=2)
    return markdown(figure)


def slate_quality(night: Night) -> str:
    """Recall@20 of 7 days by evening: slates beside popularity-of-7-days."""
    rows = recent(night, tables.REPORTS_SLATES)
    wanted = (
        (pc.field("metric") == "recall@20")
        & (pc.field("horizon_days") == 7)  # noqa: PLR2004
        & (pc.field("audience") == "user")
        & (pc.field("surface") == "product_feed")
    )
    shown = rows.filter(wanted).sort_by("slate_date")
    if not shown.num_rows:
        return "No evening has been watched for 7 days yet."
    figure, axes = figure_of("recall@20 over 7 days, product feed, by evening")
    policies = (("slates", NIGHT), ("candidates", GOLD), ("popularity_7d", GREY))
    for policy, colour in policies:
        line = shown.filter(pc.field("policy") == policy)
        axes.plot(
            line.column("slate_date").to_pylist(),
            line.column("value").to_pylist(),
            color=colour,
            label=policy,
            linewidth=1.5,
        )
    axes.legend(frameon=False, fontsize=8, ncols=3)
    return markdown(figure)


def sources(night: Night) -> str:
    """Recall of each source alone and what is lost without it, product feed, newest day."""
    own = (pc.field("surface") == "product_feed") & (pc.field("user_group") == "all")
    rows = recent(night, tables.REPORTS_SOURCES).filter(own)
    if not rows.num_rows:
        return "Nobody who came has been proposed anything yet."
    newest = pc.max(rows.column("arrival_date"))
    shown = rows.filter(pc.equal(rows.column("arrival_date"), newest)).sort_by("recall_alone")
    names = [name.replace("_", " ") for name in shown.column("source").to_pylist()]
    figure, axes = figure_of(f"share of visits on {newest} that candidates held, product feed")
    figure.set_size_inches(_WIDTH, 0.9 + 0.24 * len(names))
    alone, lost = (shown.column(name).to_pylist() for name in ("recall_alone", "lost_without"))
    axes.barh(names, alone, color=NIGHT, height=0.7, label="the source alone")
    axes.barh(names, lost, color=GOLD, height=0.3, label="lost where it is left out")
    axes.axvline(shown.column("recall")[0].as_py(), color=GREY, linestyle="--", label="all")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return markdown(figure)


def recent(night: Night, table: Table) -> pa.Table:
    """The rows of the shown days that were made, of a table that stays small."""
    return pa.Table.from_batches(
        _batches(night, table, columns=table.column_names, num_days=_SHOWN_DAYS),
        arrow_schema(table.schema),
    )


def _batches(
    night: Night, table: Table, *, columns: Sequence[str], num_days: int
) -> Iterator[pa.RecordBatch]:
    """The rows of the last days that were made, batch by batch: events are too many to hold."""
    days = Days(night.days.last, night.days.last).reaching_back(num_days - 1)
    for day in sorted(night.lake.made_days(table) & set(days)):
        yield from night.lake.files.batches(table, one_day(day), columns=columns)


def _counted(parts: Iterable[pa.Array]) -> list[tuple[Any, int]]:
    """Count values over all parts, by value."""
    found: Counter[Any] = Counter()
    for part in parts:
        for pair in pc.value_counts(part).to_pylist():
            found[pair["values"]] += pair["counts"]
    return sorted(found.items())


def _by_day(rows: pa.Table, column: str, days: Sequence[date]) -> list[int]:
    summed = rows.group_by("arrival_date").aggregate([(column, "sum")]).to_pylist()
    by_day = {row["arrival_date"]: row[f"{column}_sum"] for row in summed}
    return [by_day.get(day, 0) for day in days]


def figure_of(title: str) -> "tuple[Figure, Axes]":
    """One wide plot, without axes drawn, under its title."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return figure, axes


def figures(num: int, title: str) -> "tuple[Figure, list[Axes]]":
    """Several square plots beside each other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * num, 3.4), layout="constrained")
    figure.suptitle(title, fontsize=9)
    plots = list(figure.subplots(1, num, squeeze=False)[0])
    for axes in plots:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    return figure, plots


def _whole_days(axes: "Axes") -> None:
    """Name days and not hours where an axis has few of them, in words that leave room between."""
    from matplotlib.dates import AutoDateLocator, DateFormatter, DayLocator

    if not isinstance(axes.xaxis.get_major_locator(), AutoDateLocator):
        return
    first, last = axes.get_xlim()
    if last - first < _FEW_DAYS:
        axes.xaxis.set_major_locator(DayLocator())
    axes.xaxis.set_major_formatter(DateFormatter("%m-%d"))


def markdown(figure: "Figure") -> str:
    """Write a figure as the UI shows it."""
    for axes in figure.axes:
        _whole_days(axes)
        for label in axes.get_xticklabels():
            label.set_rotation(0)
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110)
    return f"![picture](data:image/png;base64,{base64.b64encode(written.getvalue()).decode()})"
