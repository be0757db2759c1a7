"""``nightmarket why``: explain an item in a user's slate, down to raw lines. No Spark."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from etl import surfaces
from orchestration.commands._days import day_of
from orchestration.explaining import explanation, published_day
from orchestration.settings import Settings
from orchestration.why_view import render


def command(
    user: Annotated[str, typer.Argument(help="The user, as the log names him.")],
    item: Annotated[str, typer.Argument(help="The item, as the log names it.")],
    *,
    day: Annotated[
        str | None,
        typer.Option("--day", metavar="YYYY-MM-DD", help="The slates' day; the published one."),
    ] = None,
    surface: Annotated[str, typer.Option(help="Which surface.")] = "product_feed",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Place, value, sources, features, events and raw lines; or why it is not shown."""
    settings, where = Settings(), surfaces.named(surface)
    evening = day_of(day) if day else published_day(settings.at_home.publications, where)
    found = explanation(user, item, surface=where, day=evening, settings=settings)
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, default=str))
        return
    Console().print(render(found))
