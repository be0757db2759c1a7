"""What the commands that make days share: arguments, the home's lock, the console."""

from datetime import date

import typer
from rich.console import Console

from etl.days import Days
from etl.home import Home


def day_of(text: str) -> date:
    """Read a day as the command line gives it."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day like 2026-01-31") from error


def require_within(home: Home, days: Days) -> None:
    """Refuse days before the lake's first."""
    if days.first < home.first_day():
        raise typer.BadParameter(f"the lake's first day is {home.first_day()}")


def console() -> Console:
    """Where progress is said."""
    return Console(stderr=True)
