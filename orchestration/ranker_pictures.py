"""Pictures of rankers for the UI: how well they order, and how true what they predict is.

Each is drawn after its table was written, and gives a sentence where there is nothing to draw.
"""

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pyarrow.compute as pc

from etl import tables
from orchestration.pictures import GOLD, GREY, NIGHT, figure_of, figures, markdown, recent
from orchestration.table_asset import Night
from training.evaluate import ALL, POPULARITY
from training.rankers.ranker import NONE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RANKERS: Final = (NIGHT, "#0f8b8d", "#a23b72", "#5a7d2a", "#b5533c", "#6b4fa0")
"""One after another, for rankers and for tasks."""


def learning(night: Night) -> str:
    """NDCG@10 of clicks by night: the rankers beside the fused order and popularity-of-7-days."""
    rows = recent(night, tables.RANKERS_REPORTS)
    wanted = (pc.field("metric") == "ndcg@10") & (pc.field("task") == "click")
    wanted &= pc.field("segment") == ALL
    shown = rows.filter(wanted & (pc.field("surface") == "product_feed")).sort_by("arrival_date")
    if not shown.num_rows:
        return "No ranker has been judged yet."
    figure, axes = figure_of("NDCG@10 of clicks, product feed, by night")
    fitted = sorted(set(shown.column("ranker").to_pylist()) - {NONE, POPULARITY})
    colours = dict(zip(fitted, _RANKERS, strict=False)) | {NONE: GOLD, POPULARITY: GREY}
    for ranker, colour in colours.items():
        line = shown.filter(pc.field("ranker") == ranker)
        axes.plot(
            line.column("arrival_date").to_pylist(),
            line.column("value").to_pylist(),
            ".-",
            color=colour,
            label="fused order" if ranker == NONE else ranker,
            linewidth=1,
        )
    axes.legend(frameon=False, fontsize=8)
    return markdown(figure)


def reliability(night: Night) -> str:
    """Predicted beside observed of who serves, on the newest day that each task was judged on."""
    points = _points(night)
    if not points:
        return "Nobody who predicts probabilities has been judged yet."
    names = list(dict.fromkeys(surface for surface, _ in points))
    figure, plots = figures(len(names), "predicted (across) beside observed, by tenths")
    for axes, name in zip(plots, names, strict=True):
        _reliability(axes, name, {t: of for (surface, t), of in points.items() if surface == name})
    return markdown(figure)


def _points(night: Night) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """By surface and task the bins of who served on the newest day that was judged."""
    champions = {
        (row["arrival_date"], row["surface"]): (row["ranker"], row["model_date"])
        for row in recent(night, tables.RANKERS_CHAMPIONS).to_pylist()
    }
    is_bin = pc.starts_with(pc.field("segment"), "bin=")
    rows = recent(night, tables.RANKERS_REPORTS).filter(is_bin).to_pylist()
    found: dict[tuple[str, str], dict[date, dict[str, dict[str, Any]]]] = {}
    for row in rows:
        day = row["examples_date"]
        if champions.get((day, row["surface"])) == (row["ranker"], row["model_date"]):
            of_task = found.setdefault((row["surface"], row["task"]), {})
            of_task.setdefault(day, {}).setdefault(row["segment"], {})[row["metric"]] = row
    return {what: [*by_day[max(by_day)].values()] for what, by_day in sorted(found.items())}


def _reliability(axes: "Axes", surface: str, by_task: dict[str, list[dict[str, Any]]]) -> None:
    ends = []
    for (task, points), colour in zip(by_task.items(), _RANKERS, strict=False):
        known = [one for one in points if one["predicted"]["value"] and one["observed"]["high"]]
        across = [one["predicted"]["value"] for one in known]
        up = [one["observed"]["value"] for one in known]
        # An interval that reaches down to 0 has no end on a logarithmic axis.
        least = min([*across, *(value for value in up if value)], default=1.0) / 4
        low = [max(one["observed"]["low"], least) for one in known]
        shown = [max(value, bottom) for value, bottom in zip(up, low, strict=True)]
        apart = [
            [value - bottom for value, bottom in zip(shown, low, strict=True)],
            [one["observed"]["high"] - value for one, value in zip(known, shown, strict=True)],
        ]
        axes.errorbar(
            across, shown, apart, fmt="o", color=colour, label=task, markersize=3, linewidth=1
        )
        ends += [*across, *shown]
    axes.plot(*[[min(ends), max(ends)]] * 2, color=GREY, linestyle="--", linewidth=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(surface.replace("_", " "), fontsize=9, loc="left")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
