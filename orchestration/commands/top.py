"""``nightmarket top``: print what a user is shown. No Spark, no lake: the publication alone."""

import json
from pathlib import Path
from typing import Annotated

import typer

from orchestration.place import publications
from scoring import reader


def command(
    user: Annotated[str, typer.Argument(help="The user, as the log names him.")],
    *,
    surface: Annotated[str, typer.Option(help="Which surface.")] = "product_feed",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    exclude_file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Item ids to leave out, a line each."),
    ] = None,
) -> None:
    """An unknown user gets the default slate; excluded items are replaced from the reserve."""
    excluded = frozenset(_lines(exclude_file) if exclude_file else ())
    found = reader.top(publications(), user, surface, exclude=excluded)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    short = f", short: {found['short_reason']}" if found["short_reason"] else ""
    typer.echo(f"{user} · {surface} · {found['day']} · {found['served_from']}{short}")
    for item in found["items"]:
        title = f"  {item['title']}" if item["title"] else ""
        typer.echo(
            f"{item['rank']:>4}  {item['item']:<16}{title}  {item['score']:.4f}  {item['reason']}"
        )


def _lines(path: Path) -> list[str]:
    """Read ids; what is no text is no id that anybody knows."""
    return path.read_text(encoding="utf-8", errors="replace").split("\n")
