"""``nightmarket report``: how slates fared, pooled over evenings, with intervals by user."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from etl import surfaces
from etl.days import Days
from orchestration.commands._days import console, day_of
from orchestration.settings import Settings


def command(
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First slate day.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last slate day.")],
    *,
    surface: Annotated[str, typer.Option(help="Which surface.")] = "product_feed",
    horizon: Annotated[int, typer.Option(min=1, max=28, help="Days watched after each.")] = 7,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print it unformatted.")] = False,
) -> None:
    """Slates beside popularity-of-7-days, co-visitation and the fused candidate order."""
    from experiments.backtest import BacktestConfig, markdown, pool
    from orchestration.bucketing import num_buckets
    from orchestration.judged_slates import evidence
    from orchestration.workspace import Workspace
    from scoring.reports import ReportsConfig, by_user
    from scoring.shown_lists import Watched

    settings = Settings()
    days = Days(day_of(first), day_of(last))
    watched = [Watched(day, horizon) for day in days]
    of_surface = surfaces.named(surface)
    with console().status("judging every user on every evening …"):
        lake = Workspace(home_path=str(settings.at_home.root)).lake("report", num_days=len(days))
        buckets = settings.buckets or num_buckets(
            lake.files, days, num_candidates=settings.candidates
        )
        values = by_user(
            evidence(lake, of_surface, watched),
            surface=of_surface,
            watched=watched,
            config=ReportsConfig(num_buckets=buckets),
        )
        config = BacktestConfig(horizon_days=horizon, seed=settings.seed)
        text = markdown(pool(values, slate_days=days, config=config))
    title = f"Slates of {days} on {surface}, the {horizon} days after each\n\n"
    if as_markdown:
        typer.echo(title + text)
    else:
        Console().print(Markdown(title + text))
