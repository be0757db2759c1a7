"""``nightmarket similar``: print the items most like one."""

import json
from typing import Annotated

import typer

from orchestration.place import publications
from scoring import reader


def command(
    item: Annotated[str, typer.Argument(help="The item, as the log names it.")],
    *,
    surface: Annotated[str, typer.Option(help="Which surface.")] = "product_feed",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Nearest first."""
    found = reader.similar(publications(), item, surface)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    typer.echo(f"{item} · {surface} · {found['day']}")
    for other in found["items"]:
        title = f"  {other['title']}" if other["title"] else ""
        typer.echo(f"{other['rank']:>4}  {other['item']:<16}{title}  {other['score']:.4f}")
