"""``nightmarket simulate`` and ``nightmarket demo``; what they need is imported when they run."""

import shlex
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from simulator.landing import Landed
    from simulator.simulate import Made


def demo() -> None:
    """Run the whole of Nightmarket on a small simulated shop."""
    from simulator.demo.run import run

    run()


def simulate(  # noqa: PLR0913 - the command line's options
    ctx: typer.Context,
    *,
    users: Annotated[int, typer.Option(min=1, help="Users, bots among them.")] = 5000,
    items: Annotated[int, typer.Option(min=10, help="Products at the start.")] = 3000,
    days: Annotated[int, typer.Option(min=1, help="Days.")] = 21,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 7,
    start: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="First day.")] = "2026-01-01",
    out: Annotated[Path | None, typer.Option(help="Folder; the home by default.")] = None,
    one_more_day: Annotated[
        bool, typer.Option("--one-more-day", help="Go on, served from what is published.")
    ] = False,
    served_share: Annotated[
        float, typer.Option(min=0, max=1, help="With --one-more-day: of users.")
    ] = 0.5,
) -> None:
    """Make a shop's log whose truth is known; the same call again changes nothing."""
    from rich.console import Console

    from orchestration.commands._days import day_of
    from orchestration.settings import Settings
    from simulator.config import ShopConfig
    from simulator.simulate import add_day, made_in, make

    if one_more_day:
        _refuse_other_sizes(ctx)
    root, console = (out or Settings().home).absolute(), Console()
    config = ShopConfig(users=users, items=items, days=days, seed=seed, start=day_of(start))
    before = made_in(root)
    with console.status("making the shop …") as status:

        def told(landed: "Landed") -> None:
            status.update(f"simulated {landed.date}, {len(landed.events):,} lines")

        if one_more_day:
            made = add_day(root, share=served_share, told=told)
        else:
            made = make(root, config, told)
    _say(console, root, made, is_new=made != before)
    _say_next(
        console, made, where="" if out is None else f"NIGHTMARKET_HOME={shlex.quote(str(out))} "
    )


def _refuse_other_sizes(ctx: typer.Context) -> None:
    """Refuse what a shop that is there already cannot be asked for: it goes on as it is."""
    given = [
        f"--{name}"
        for name in ("users", "items", "days", "seed", "start")
        if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]
    if given:
        raise typer.BadParameter(f"{', '.join(given)}: --one-more-day goes on with the shop's own")


def _say(console: "Console", root: Path, made: "Made", *, is_new: bool) -> None:
    from rich.table import Table

    facts = Table.grid(padding=(0, 2))
    if not is_new:
        facts.add_row("unchanged", "the same shop was there already")
    facts.add_row("shop", f"{made.users:,} users, {made.items:,} products, seed {made.seed}")
    facts.add_row("days", f"{made.start} … {made.last}")
    facts.add_row("lines", f"{made.num_lines:,}, {made.num_bytes / 1e6:,.0f} MB uncompressed")
    kinds = (f"{number:,} {kind}" for kind, number in made.dirt.items())
    facts.add_row("dirt", ", ".join(kinds))
    for day, serving in made.served.items():
        facts.add_row(day, f"{serving.share:.0%} of users served from {serving.publication_id}")
    facts.add_row("log", f"{root / 'landing'}")
    facts.add_row("truth", f"{root / 'truth'}")
    console.print(facts)


def _say_next(console: "Console", made: "Made", where: str) -> None:
    before = made.last - timedelta(days=1)
    if before >= made.start and not made.served:
        _say_command(console, f"{where}nightmarket backfill --from {made.start} --to {before}")
    _say_command(console, f"{where}nightmarket night --day {made.last}")
    _say_command(console, f"{where}nightmarket simulate --one-more-day")


def _say_command(console: "Console", line: str) -> None:
    console.print(f"next: {line}", soft_wrap=True, highlight=False)
