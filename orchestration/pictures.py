"""Small pictures for the UI: what people would rather look at than read."""

import base64
import io
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from etl import tables
from etl.days import Days
from etl.tables import Table
from orchestration.table_asset import Night

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN_DAYS: Final = 60
_WIDTH, _HEIGHT = 7.0, 2.6
_NIGHT, _GOLD, _GREY = "#2f3e7c", "#d98e04", "#8a8f98"


def daily_volumes(night: Night) -> str:
    """Lines by arrival day: events, rejected, duplicates."""
    counts = _recent(night, tables.SILVER_LINE_COUNTS)
    figure, axes = _figure("lines by arrival day")
    days = sorted(set(counts.column("arrival_date").to_pylist()))
    below = [0] * len(days)
    parts = (("events", _NIGHT), ("rejected_lines", _GOLD), ("duplicate_lines", _GREY))
    for name, colour in parts:
        summed = _by_day(counts, f"num_{name}", days)
        axes.bar(days, summed, bottom=below, color=colour, label=name.replace("_", " "), width=0.8)
        below = [a + b for a, b in zip(below, summed, strict=True)]
    axes.legend(frameon=False, fontsize=8, ncols=3)
    return _markdown(figure)


def lateness(night: Night) -> str:
    """Events by days between happening and arriving."""
    rows = _recent(night, tables.SILVER_EVENTS, columns=["arrival_date", "event_date"])
    late = pc.days_between(rows.column("event_date"), rows.column("arrival_date"))
    found = sorted((pair["values"], pair["counts"]) for pair in pc.value_counts(late).to_pylist())
    figure, axes = _figure("events by days until they arrived")
    axes.bar([str(n) for n, _ in found], [count for _, count in found], color=_NIGHT)
    axes.set_yscale("log")
    return _markdown(figure)


def rejected_reasons(night: Night) -> str:
    """Rejected lines by reason."""
    rows = _recent(night, tables.SILVER_REJECTED_LINES, columns=["arrival_date", "reason"])
    found = sorted(
        (pair["counts"], pair["values"])
        for pair in pc.value_counts(rows.column("reason")).to_pylist()
    )
    if not found:
        return "No line was rejected."
    figure, axes = _figure("rejected lines by reason")
    axes.barh([reason for _, reason in found], [count for count, _ in found], color=_GOLD)
    return _markdown(figure)


def slate_quality(night: Night) -> str:
    """Recall@20 of 7 days by evening: slates beside popularity-of-7-days."""
    rows = _recent(night, tables.REPORTS_SLATES)
    wanted = (
        (pc.field("metric") == "recall@20")
        & (pc.field("horizon_days") == 7)  # noqa: PLR2004
        & (pc.field("audience") == "user")
        & (pc.field("surface") == "product_feed")
    )
    shown = rows.filter(wanted).sort_by("slate_date")
    if not shown.num_rows:
        return "No evening has been watched for 7 days yet."
    figure, axes = _figure("recall@20 over 7 days, product feed, by evening")
    policies = (("slates", _NIGHT), ("candidates", _GOLD), ("popularity_7d", _GREY))
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
    return _markdown(figure)


def learning(night: Night) -> str:
    """NDCG@10 of clicks by night: the rankers beside the fused order."""
    rows = _recent(night, tables.RANKERS_REPORTS)
    wanted = (pc.field("metric") == "ndcg@10") & (pc.field("task") == "click")
    shown = rows.filter(wanted & (pc.field("surface") == "product_feed")).sort_by("arrival_date")
    if not shown.num_rows:
        return "No ranker has been judged yet."
    figure, axes = _figure("NDCG@10 of clicks, product feed, by night")
    for ranker, colour in (("gbdt", _NIGHT), ("none", _GREY)):
        line = shown.filter(pc.field("ranker") == ranker)
        axes.plot(
            line.column("arrival_date").to_pylist(),
            line.column("value").to_pylist(),
            ".-",
            color=colour,
            label="fused order" if ranker == "none" else ranker,
            linewidth=1,
        )
    axes.legend(frameon=False, fontsize=8)
    return _markdown(figure)


def _recent(night: Night, table: Table, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of the shown days that were made."""
    days = Days(night.days.last - timedelta(days=_SHOWN_DAYS - 1), night.days.last)
    made = sorted(night.lake.made_days(table) & set(days))
    parts = [night.lake.files.arrow(table, Days(day, day), columns=columns) for day in made]
    return pa.concat_tables(parts)


def _by_day(rows: pa.Table, column: str, days: Sequence[date]) -> list[int]:
    summed = rows.group_by("arrival_date").aggregate([(column, "sum")]).to_pylist()
    by_day = {row["arrival_date"]: row[f"{column}_sum"] for row in summed}
    return [by_day.get(day, 0) for day in days]


def _figure(title: str) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return figure, axes


def _markdown(figure: "Figure") -> str:
    for axes in figure.axes:
        for label in axes.get_xticklabels():
            label.set_rotation(0)
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110)
    return f"![picture](data:image/png;base64,{base64.b64encode(written.getvalue()).decode()})"
