"""The ``nightmarket`` command. Each subcommand lies in its own module and is imported when called.

Packages beside the product bring commands of their own by the entry point group
``nightmarket.commands``: the simulated shop does, and without it there is no ``simulate``.

Here is the one border where errors become sentences: whatever says what to do ends with exit code
1 and its text; ``--debug`` shows the trace instead.
"""

import importlib
import inspect
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from io import TextIOWrapper
from typing import Annotated, Final

import typer
from typer._click import Command, Context, HelpFormatter
from typer.core import TyperGroup

COMMANDS: Final = {
    "load": "Put a raw log's lines into landing.",
    "inspect-log": "Say what a log holds, write nothing.",
    "night": "Run one day and publish its slates.",
    "backfill": "Run a range of days; publishes nothing.",
    "top": "Print what a user is shown.",
    "similar": "Print the items most like one.",
    "why": "Explain an item in a user's slate, down to raw lines.",
    "export": "Write a day's slates into one file.",
    "report": "Print how slates fared, with intervals.",
    "publish": "Publish slates that are there.",
    "rollback": "Go back to the publication before.",
    "champion": "Choose who serves a surface, with your name and reason.",
    "tidy": "Let go of what is kept no longer; --dry-run says what.",
    "ui": "Open the Dagster UI on the home.",
    "doctor": "Say what is wrong with this installation, and how to mend it.",
}


_ADDED: Final = "nightmarket.commands"


class _Lazy(TyperGroup):
    """Imports a command's module when the command is called: ``top`` needs no Spark."""

    def list_commands(self, ctx: Context) -> list[str]:
        return [*COMMANDS, *sorted(entry_points(group=_ADDED).names)]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        function = _command(cmd_name)
        if function is None:
            return None
        one = typer.Typer(add_completion=False, rich_markup_mode=None)
        one.command(cmd_name, help=_help(cmd_name, function))(function)
        return typer.main.get_command(one)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        added = {one.name: _help(one.name, one.load()) for one in entry_points(group=_ADDED)}
        with formatter.section("Commands"):
            formatter.write_dl(list((COMMANDS | added).items()))


def _command(name: str) -> Callable[..., None] | None:
    """Import what a subcommand calls; none if there is no such subcommand."""
    if name in COMMANDS:
        return importlib.import_module(f"orchestration.commands.{name.replace('-', '_')}").command
    added = entry_points(group=_ADDED, name=name)
    return next(iter(added)).load() if added else None


def _help(name: str, function: Callable[..., None]) -> str:
    """What a subcommand does: an added one says so in its first line."""
    return COMMANDS.get(name) or (inspect.getdoc(function) or "").partition("\n")[0]


app = typer.Typer(
    cls=_Lazy,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    *, debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False
) -> None:
    """Batch recommendation for a shop app: raw logs in, slates out."""


def main() -> None:
    """Run the command line; every error is one sentence and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # An argument, an id or a file's name may be bytes that are no text.
            stream.reconfigure(errors="backslashreplace")
    if "--debug" in sys.argv[1:]:
        app()
        return
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from orchestration.border import sentence

        sys.stderr.write(f"nightmarket: {sentence(error)}\n")
        sys.exit(1)
