"""One day's behaviour, from what is shown to what is left behind: how the parts fit together.

Shapes: as in ``simulator.day``.
"""

from datetime import timedelta
from typing import Final

import numpy as np

from simulator.behaviour import morning, orders, outcomes, searches
from simulator.behaviour.evening import Deeds, close
from simulator.behaviour.events import Part, merged
from simulator.behaviour.shown import Published
from simulator.behaviour.visits import FIRST_MS, LAST_MS
from simulator.behaviour.walk import Walk, walk_through
from simulator.day import EVENT_TYPES, Day
from simulator.ledger import Columns
from simulator.state import State
from simulator.world.world import World

_IMPRESSION: Final = EVENT_TYPES.index("impression")


def simulate(world: World, evening: State, published: Published) -> tuple[Day, State]:
    """Simulate the day that follows an evening.

    Args:
        world: The shop.
        evening: The state at the end of the day before.
        published: The current publication, and who is served from it.

    Returns:
        The day, and the state at its end.
    """
    now = morning.wake(world, evening)
    walk = walk_through(world, evening, now, published)
    events, deeds = _follow(evening, now, walk)
    after = close(world, now, deeds)
    catalogue = [*morning.announced(world, evening, now), morning.restocked(world, now, after)]
    day = _day(walk, [*catalogue, *events])
    return day, after.hearing(day)


def _follow(evening: State, now: State, walk: Walk) -> tuple[list[Part], Deeds]:
    """Draw all that follows what was shown."""
    world, clicked = walk.world, walk.clicked()
    followed, to_come = outcomes.follow_up(world, now, clicked)
    searched, more = searches.search(world, now, (walk.steps, walk.timeline, walk.shown))
    queue = orders.joined(evening.ledger.pending, [to_come, more])
    due, waiting = orders.split(queue, walk.day, LAST_MS)
    clicks = walk.clicks(clicked.acts)
    ordered = orders.outcomes(world, walk.day, due, (clicks, *evening.ledger.clicks), FIRST_MS)
    hides, off = walk.hides(), walk.opting_out(now)
    events = [walk.impressions(), clicked.acts, hides, *followed, *searched, *ordered, off]
    is_kept_I = walk.is_kept_I()
    deeds = Deeds(
        user_I=walk.user_I()[is_kept_I],
        item_I=walk.shown.item_I[is_kept_I],
        is_examined_I=walk.looks.is_examined_I[is_kept_I],
        is_clicked_I=walk.looks.is_clicked_I[is_kept_I],
        clicks=clicks,
        events=events,
        waiting=waiting,
    )
    return events, deeds


def _day(walk: Walk, parts: list[Part]) -> Day:
    columns, text = merged(parts)
    impressions = np.flatnonzero(columns["type"] == _IMPRESSION)
    by_number = np.argsort(columns["request"][impressions])
    return Day(
        date=walk.world.config.start + timedelta(days=walk.day),
        at_us_E=walk.world.midnight_us(walk.day) + 1000 * columns["at_ms"],
        text_E=text,
        requests=walk.requests(impressions[by_number]),
        **_named(columns),
    )


def _named(columns: Columns) -> Columns:
    """Name columns as ``Day`` does."""
    return {f"{name}_E": column for name, column in columns.items() if name != "at_ms"}
