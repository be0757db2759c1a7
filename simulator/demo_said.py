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
from simulator.measures import lift
from simulator.oracle import active_users, slated
from simulator.product import Numbers, shown
from simulator.shop import Shop
from simulator.simulate import Made, shop_at

NUM_ITEMS: Final = 4
"""Places of each slate that are printed."""
_METRICS: Final = ("recall@20", "ndcg@20")
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
    shop = shop_at(home.root, made)
    users = _two_users(files, made, shop)
    for user in users:
        _slates(home, user, console)
    _quality(files, made, shop, console)
    _rejected(files, made, console)
    _next(home, made, users[0], console)
    console.print(f"[dim]{seconds:.0f} s in all[/]")


def _two_users(files: LakeFiles, made: Made, shop: Shop) -> list[str]:
    """Choose a regular and a newcomer: the most clicks of a month, and the youngest with a few."""
    columns = ["user_id", "num_clicks_28d", "age_days", "is_personalisation_off"]
    rows = files.arrow(tables.FEATURES_USER_DAILY, one_day(made.last), columns=columns)
    people = shop.world.names.user_id.take(pa.array(active_users(shop.world, shop.state)))
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


def _quality(files: LakeFiles, made: Made, shop: Shop, console: Console) -> None:
    """Print what the night's report measured, and what the shop's truth says."""
    rows = files.arrow(tables.REPORTS_SLATES, one_day(made.last))
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
        table.add_row(surface, *map(_pair, pairs), *_truth(files, made, shop, surface))
    console.print("", table)
    console.print(
        "[dim]value: clicks that a slate is worth by the shop's own probabilities; lift share: 0 "
        "is popularity's slate, 1 the best that the logs allow to know[/]",
        soft_wrap=True,
    )


def _pair(both: tuple[float | None, float | None]) -> str:
    ours, popular = ("–" if value is None else f"{value:.3f}" for value in both)
    return f"{ours} ({popular})"


def _truth(files: LakeFiles, made: Made, shop: Shop, surface: str) -> tuple[str, str]:
    """The value of the last evening's slates, and their lift share."""
    evening, place = one_day(made.last), surfaces.NAMES.index(surface)
    numbers = Numbers.of(shop.world.names, files.arrow_as_of(tables.SILVER_ITEMS, made.last))
    is_meant = (pc.field("surface") == surface) & (pc.field("scope") == "all")
    popular = files.arrow(tables.RETRIEVAL_POPULARITY, evening, where=is_meant).sort_by("rank")
    users = active_users(shop.world, shop.state)
    truth = slated(
        shop.world,
        shop.state,
        place,
        users,
        numbers.item_of_no[popular["item_no"].to_numpy()],
    )
    rows = files.arrow(tables.SLATES[surface], evening)
    shown_UK = shown(rows, shop.world.names, place, users, truth.foresight_UK.shape[1])
    ours, of_popular, share = lift(
        shop.world, shop.state, users, truth=truth, shown_UK=shown_UK, seed=made.seed
    )
    said = f"{share.mean:.2f} [{share.low:.2f}, {share.high:.2f}]"
    return f"{ours:.2f} ({of_popular:.2f})", said


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
