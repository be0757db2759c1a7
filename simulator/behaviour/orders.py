"""Orders and cancels: minutes to days after the click, attributed to what was clicked last.

Shapes: O orders, Q outcomes that fall due.
"""

from typing import Final

import numpy as np

from simulator.behaviour.events import Part, part, taken
from simulator.day import NONE
from simulator.dials import VisitDials
from simulator.ledger import Clicks, Columns, pairs
from simulator.world.hosts import DAY_US
from simulator.world.world import World

_DAY_MS: Final = DAY_US // 1000
_MINUTE_MS: Final = 60_000
_WINDOW_MS: Final = 7 * _DAY_MS
ORDER, CANCEL = 0, 1


def placed(world: World, day: int, orders: Part, rng: np.random.Generator) -> Columns:
    """Draw when orders come, and which are cancelled when.

    Args:
        world: The shop.
        day: The shop's day.
        orders: What was decided on, with ``at_ms`` of the cart.
        rng: Draws.

    Returns:
        user, item, room, surface, price_cents, quantity, what (0 order, 1 cancel) and due_ms:
        milliseconds since the shop's start.
    """
    dials, num = world.dials.visit, len(orders["at_ms"])
    at_ms = day * _DAY_MS + orders["at_ms"]
    order_ms = at_ms + _delay_ms(num, dials, rng)
    cancelled = np.flatnonzero(rng.random(num) < dials.cancel)
    wait = rng.uniform(0.02, dials.cancel_days_max, len(cancelled)) * _DAY_MS
    row = np.r_[np.arange(num), cancelled]
    pending = taken({k: v for k, v in orders.items() if k != "at_ms"}, row)
    pending["what"] = np.repeat([ORDER, CANCEL], [num, len(cancelled)]).astype(np.int8)
    pending["due_ms"] = np.r_[order_ms, order_ms[cancelled] + wait.astype(np.int64)]
    return pending


def _delay_ms(num: int, dials: VisitDials, rng: np.random.Generator) -> np.ndarray:
    """Minutes for some, hours to days for the others: int64."""
    soon = rng.uniform(1, 20, num) * _MINUTE_MS
    later = np.minimum(
        np.exp(np.log(10 * 60) + 1.2 * rng.standard_normal(num)) * _MINUTE_MS,
        dials.order_days_max * _DAY_MS,
    )
    return np.where(rng.random(num) < dials.order_soon, soon, later).astype(np.int64)


def joined(pending: Columns, more: list[Columns]) -> Columns:
    """Put queues one behind another."""
    queues = [queue for queue in (pending, *more) if queue]
    if not queues:
        return {}
    return {name: np.concatenate([queue[name] for queue in queues]) for name in queues[0]}


def split(pending: Columns, day: int, last_ms: int) -> tuple[Columns, Columns]:
    """Part what falls due on a day from what waits; what is due after its last moment waits.

    Args:
        pending: A queue.
        day: The shop's day.
        last_ms: The day's last moment, milliseconds of the day.
    """
    if not pending:
        return {}, {}
    is_due = pending["due_ms"] < day * _DAY_MS + last_ms
    return taken(pending, np.flatnonzero(is_due)), taken(pending, np.flatnonzero(~is_due))


def outcomes(
    world: World, day: int, due: Columns, clicks: tuple[Clicks, ...], first_ms: int
) -> list[Part]:
    """Make events of what falls due.

    Each follows the last impression of its user and item that was shown before it, at most 7 days
    ago, and was clicked. It never comes between such an impression and its click: then it waits
    for the click.

    Args:
        world: The shop.
        day: The shop's day.
        due: What falls due.
        clicks: The clicks of this day and of the days before, the newest first.
        first_ms: The day's first moment.
    """
    if not due:
        return []
    midnight_us = world.midnight_us(day)
    at_ms = np.maximum(due["due_ms"] - day * _DAY_MS, first_ms)
    cause = _causes(pairs(due["user"], due["item"]), midnight_us + at_ms * 1000, clicks)
    at_ms = np.maximum(at_ms, (cause.pop("clicked_us") - midnight_us) // 1000 + 1)
    is_of_today = cause["cause_day"] == midnight_us // DAY_US
    columns = {
        **{name: due[name] for name in ("user", "item", "room", "surface", "price_cents")},
        "quantity": due["quantity"],
        "request": np.where(is_of_today, cause["cause_request"], NONE),
        **cause,
    }
    kinds = (("order", ORDER), ("cancel", CANCEL))
    return [
        part(kind, **taken({"at_ms": at_ms, **columns}, np.flatnonzero(due["what"] == code)))
        for kind, code in kinds
    ]


def _causes(pair_Q: np.ndarray, at_us_Q: np.ndarray, clicks: tuple[Clicks, ...]) -> Columns:
    """Find what each outcome followed; ``NONE`` where it is organic."""
    found = {
        "cause_day": np.full(len(pair_Q), NONE, np.int64),
        "cause_request": np.full(len(pair_Q), NONE, np.int64),
        "position": np.full(len(pair_Q), NONE, np.int64),
        "clicked_us": np.zeros(len(pair_Q), np.int64),
    }
    for of_day in clicks:
        open_Q = np.flatnonzero(found["cause_day"] == NONE)
        # Seconds are all that the oldest apps tell of.
        second_Q = at_us_Q[open_Q] // 1_000_000 * 1_000_000 + 999_999
        place = of_day.last_before(pair_Q[open_Q], second_Q)
        is_new = (
            (place != NONE) & (of_day.shown_us_C[place] > at_us_Q[open_Q] - _WINDOW_MS * 1000)
            if len(of_day.pair_C)
            else np.zeros(len(open_Q), bool)
        )
        at, place = open_Q[is_new], place[is_new]
        found["cause_day"][at] = of_day.day
        found["cause_request"][at] = of_day.request_C[place]
        found["position"][at] = of_day.position_C[place]
        found["clicked_us"][at] = of_day.clicked_us_C[place]
    return found
