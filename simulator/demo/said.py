"""What the demo prints at its end: slates in plain words, their quality, the dirt, what next."""

from datetime import timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etl import surfaces, tables
from etl.days import Days, one_day
from etl.home import Home
from etl.lake_files import LakeFiles
from etl.tables.silver import REJECT_REASONS
from scoring import reader
from simulator.simulate import Made, shop_at
from simulator.truth.measures import Standard
from simulator.truth.product import Evening
from simulator.truth.worth import value
from training.rankers.ranker import NONE

NUM_ITEMS: Final = 4
"""Places of each slate that are printed."""
_METRICS: Final = ("recall@20", "ndcg@20")
_OF_RANKERS: Final = ("log_loss", "auc", "ndcg@10")
_ITEM: Final = 15
_TITLE: Final = 30
"""Characters of their columns."""


def say(home: Home, made: Made, console: Console, *, seconds: float) -> None:
    """Print what came of the demo.

    Args:
        home: The demo's home.
        made: Its shop.
        console: Where it is printed.
        seconds: How long it took.
    """
    files = LakeFiles(home.lake, home.first_day())
    evening = Evening.of(files, shop_at(home.root, made), made.last)
    users = _two_users(evening)
    for user in users:
        _slates(home, user, console)
    _rankers(files, made, console)
    _quality(evening, console)
    _rejected(files, made, console)
    _next(home, made, users[0], console)
    console.print(f"[dim]{seconds:.0f} s in all[/]")


def _two_users(evening: Evening) -> list[str]:
    """Choose a regular and a newcomer: the most clicks of a month, and the youngest with a few."""
    columns = ["user_id", "num_clicks_28d", "age_days"]
    rows = evening.rows(tables.FEATURES_USER_DAILY, columns=columns)
    people = evening.numbers.names.user_id.take(pa.array(evening.users))
    rows = rows.filter(pc.is_in(rows["user_id"], value_set=people))
    rows = rows.filter(pc.greater_equal(rows["num_clicks_28d"], 3))
    regular = rows.sort_by([("num_clicks_28d", "descending"), ("user_id", "ascending")])
    newcomer = rows.sort_by([("age_days", "ascending"), ("user_id", "ascending")])
    return [one["user_id"][0].as_py() for one in (regular, newcomer)]


def _slates(home: Home, user: str, console: Console) -> None:
    console.print(f"\n[bold]What {user} is shown[/]")
    for surface in surfaces.NAMES:
        console.print(f"  {surface.replace('_', ' ')}", style="cyan")
        for place in reader.top(home.publications, user, surface)["items"][:NUM_ITEMS]:
            title = (place["title"] or "")[:_TITLE]
            said = f"  {place['item']:<{_ITEM}}{title:<{_TITLE + 2}}"
            console.print(escape(said), f"[dim]{place['reason']}[/]", soft_wrap=True, sep="")


def _rankers(files: LakeFiles, made: Made, console: Console) -> None:
    """Print how rankers foretold the clicks of the evening of their fit, and who won."""
    days = Days(made.start, made.last)
    champions = files.arrow(tables.RANKERS_CHAMPIONS, days).to_pylist()
    fits = [row["arrival_date"] for row in champions if row["challenged"]]
    if not fits:
        console.print("\nNo ranker was fitted: the fused order of all sources stands.")
        return
    fitted = max(fits)
    won = {row["surface"]: row for row in champions if row["arrival_date"] == fitted}
    of_clicks = (pc.field("task") == "click") & (pc.field("segment") == "all")
    rows = files.arrow(tables.RANKERS_REPORTS, one_day(fitted), where=of_clicks).to_pylist()
    values = {(r["surface"], r["ranker"], r["metric"]): r["value"] for r in rows}
    table = Table(
        title=f"Who orders the slates: judged by the clicks of {fitted}",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("surface", "ranker", *_OF_RANKERS, ""):
        table.add_column(name, justify="right" if name in _OF_RANKERS else "left")
    judged = {key[:2] for key in values}
    for surface in (name for name in surfaces.NAMES if won[name]["challenged"]):
        for ranker in sorted(ranker for where, ranker in judged if where == surface):
            found = (values.get((surface, ranker, name)) for name in _OF_RANKERS)
            said = ["–" if value is None else f"{value:.4f}" for value in found]
            named = "the fused order" if ranker == NONE else ranker
            serves = "serves" if won[surface]["ranker"] == ranker else ""
            table.add_row(surface, named, *said, serves)
    console.print("", table)


def _quality(evening: Evening, console: Console) -> None:
    """Print what the night's report measured, and what the shop's truth says."""
    rows = evening.rows(tables.REPORTS_SLATES)
    rows = rows.filter((pc.field("horizon_days") == 1) & (pc.field("audience") == "user"))
    values = {(r["surface"], r["policy"], r["metric"]): r["value"] for r in rows.to_pylist()}
    table = Table(
        title="Quality, beside popularity of 7 days (in brackets)",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("surface", *_METRICS, "value", "lift share [95 %]"):
        table.add_column(name, justify="left" if name == "surface" else "right")
    for surface in surfaces.NAMES:
        pairs = [
            (values[surface, "slates", name], values[surface, "popularity_7d", name])
            for name in _METRICS
        ]
        table.add_row(surface, *map(_pair, pairs), *_truth(evening, surface))
    console.print("", table)
    console.print(
        "[dim]value: clicks that a slate is worth by the shop's own probabilities; lift share: 0 "
        "is popularity's slate, 1 the best that the logs allow to know[/]",
        soft_wrap=True,
    )


def _pair(both: tuple[float | None, float | None]) -> str:
    ours, popular = ("–" if value is None else f"{value:.3f}" for value in both)
    return f"{ours} ({popular})"


def _truth(evening: Evening, surface: str) -> tuple[str, str]:
    """The value of the evening's slates, and their lift share."""
    world, state = evening.shop.world, evening.shop.state
    truth = evening.truth(surface)
    shown_UK = evening.shown(surface, evening.slates(surface), truth.foresight_UK.shape[1])
    ours_U = value(world, state, evening.users, shown_UK)
    standard = Standard.of(world, state, evening.users, truth)
    share = standard.lift_share(ours_U, seed=world.config.seed)
    said = f"{share.mean:.2f} [{share.low:.2f}, {share.high:.2f}]"
    return f"{ours_U.mean():.2f} ({standard.popular_U.mean():.2f})", said


def _rejected(files: LakeFiles, made: Made, console: Console) -> None:
    days = Days(made.start, made.last)
    reasons = files.arrow(tables.SILVER_REJECTED_LINES, days, columns=["reason"])["reason"]
    num_again = sum(files.num_rows(tables.SILVER_DUPLICATE_LINES, days).values())
    table = Table(
        title=f"Of {made.num_lines:,} lines: rejected, and why",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("lines", "reason", ""):
        table.add_column(name, justify="right" if name == "lines" else "left")
    found = sorted(pc.value_counts(reasons).to_pylist(), key=lambda one: -one["counts"])
    for one in found:
        table.add_row(
            f"{one['counts']:,}", one["values"], f"[dim]{REJECT_REASONS[one['values']]}[/]"
        )
    table.add_row(f"{num_again:,}", "sent again", "[dim]counted once, kept with a pointer[/]")
    console.print("", table)


def _next(home: Home, made: Made, user: str, console: Console) -> None:
    given = "" if home.root.name == ".nightmarket" else f"NIGHTMARKET_HOME={home.root} "
    item = reader.top(home.publications, user, surfaces.NAMES[0])["items"][0]["item"]
    tomorrow = made.last + timedelta(days=1)
    one_more = f"nightmarket simulate --one-more-day && {given}nightmarket night --day {tomorrow}"
    commands = {
        f"nightmarket why {user} {item}": "why he got that, down to raw lines",
        "nightmarket ui": "the runs, the tables, their checks and pictures",
        one_more: "the shop goes on",
    }
    console.print(f"\nPictures: in the UI on each asset's page; reports: {home.reports}\nNext:")
    for command, what in commands.items():
        console.print(f"  [bold]{given}{command}[/]  [dim]{what}[/]", soft_wrap=True)
