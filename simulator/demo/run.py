"""``nightmarket demo``: a simulated shop from its first raw line to slates, in one process.

Simulates a shop, makes its nights by one backfill, publishes the last one's slates, lets a day of
the shop be served from them, and runs the night that reports on it. A second call finds all that is
there and only says it again.
"""

import os
from datetime import date, timedelta
from typing import Final

from rich.console import Console

from etl.days import Days
from etl.home import Home
from orchestration.holding import hold
from orchestration.settings import Settings
from simulator.config import ShopConfig
from simulator.demo.steps import Steps
from simulator.simulate import Made, SimulateError, add_day, made_in, make

CONFIG: Final = ShopConfig(users=500, items=400, days=8, seed=7, start=date(2026, 1, 1))
"""Small enough for four minutes on two fast cores; rankers are fitted on its last evening."""
SETTINGS: Final = {
    "NIGHTMARKET_RANKERS": "gbdt,deep",
    "NIGHTMARKET_NETWORK_STEPS": "150",
    "NIGHTMARKET_CANDIDATES": "140",
}
"""Who competes, how long a network learns, and how many items are ranked, unless the environment
says otherwise: some more than the longest slate and its reserve hold, so that there is something to
explore."""
SERVED_SHARE: Final = 0.7
"""Of users, whose next day is served from the publication."""


def run() -> None:
    """Make what is missing of the demo, and say what came of it."""
    home, console = Settings().at_home, Console()
    _require_own(home)
    hold(home, "make demo")
    os.environ["NIGHTMARKET_HOME"] = str(home.root)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    steps = Steps(home, console)
    steps.take("a shop and its raw logs", lambda: _simulate(home, steps))
    # Only now: the calendar of Dagster's partitions is read from the home when it is imported.
    from simulator.demo.nights import backfill, night, publish
    from simulator.demo.said import say

    first, last = CONFIG.start, CONFIG.start + timedelta(days=CONFIG.days - 1)
    served = last + timedelta(days=1)
    steps.take(f"nights {first} … {last}", lambda: backfill(home, Days(first, last), steps))
    steps.take(f"the slates of {last}, published", lambda: publish(home, last))
    steps.take(f"a day of the shop, served from it: {served}", lambda: _serve(home, served, steps))
    steps.take(f"the night of {served}, with its report", lambda: night(home, served, steps))
    made = made_in(home.root)
    if made is not None:
        say(home, made, console, seconds=steps.seconds)


def _require_own(home: Home) -> None:
    """Refuse a home with anything but the demo's shop.

    Raises:
        SimulateError: It names another home.
    """
    found = made_in(home.root)
    if found is None and not any((home.root / n).exists() for n in ("nightmarket.toml", "landing")):
        return
    if found is None or found.config != CONFIG:
        raise SimulateError(
            f"{home.root} holds other data than the demo's shop, and is left alone. Run the demo "
            "in a home of its own: NIGHTMARKET_HOME=demo-home make demo"
        )


def _simulate(home: Home, steps: Steps) -> bool:
    is_new = made_in(home.root) is None
    make(home.root, CONFIG, lambda landed: steps.told(str(landed.date)))
    return is_new


def _serve(home: Home, day: date, steps: Steps) -> bool:
    made: Made | None = made_in(home.root)
    if made is not None and made.last >= day:
        return False
    add_day(home.root, share=SERVED_SHARE, told=lambda landed: steps.told(str(landed.date)))
    return True
