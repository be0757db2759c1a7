"""Says what the demo is doing, step by step."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

from rich.console import Console

from etl.home import Home


class Steps:
    """Says what is being done, and how long it took."""

    def __init__(self, home: Home, console: Console) -> None:
        home.reports.mkdir(parents=True, exist_ok=True)
        self.console = console
        self.log: Path = home.reports / "demo.log"
        """All that the runs said."""
        self.seconds = 0.0
        self._status = console.status("")
        self._what = ""

    def take(self, what: str, do: Callable[[], bool]) -> None:
        """Do one step; ``do`` tells whether there was anything to do."""
        start = monotonic()
        self._what = what
        with self._status:
            self.told("")
            is_new = do()
        took = monotonic() - start
        self.seconds += took
        self.console.print(f"[green]✓[/] {what}  [dim]{f'{took:.0f} s' if is_new else 'there'}[/]")

    def told(self, detail: str) -> None:
        """Show what the step at hand is at."""
        self._status.update(f"{self._what}  [dim]{detail}[/]")
