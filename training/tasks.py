"""What rankers predict: the one place that says what a task means, and which surface has which.

A task's label is of one example and is known only in time: what followed by the night that asks.
How it is read from outcomes is ``training.labels``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from etl import surfaces


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One thing that is predicted of an item shown to a user."""

    name: str
    """As in reports: one of ``surfaces.TASKS``."""
    column: str
    """Of labelled examples: a boolean, or a share from 0 to 1 that is null where not known."""
    is_share: bool = False
    """Whether an amount is expected and not a chance."""
    is_delayed: bool = False
    """Whether it may follow days later: then a day is judged only when its labels are mature."""


CLICK: Final = Task(name="click", column="is_click")
"""He clicks (on a video: opens it; on a live slot: visits it)."""
CART: Final = Task(name="cart", column="is_cart")
"""He carts it or, on a video, what it shows."""
ORDER: Final = Task(name="order", column="is_order", is_delayed=True)
"""He orders and does not cancel: an order taken back is worth nothing to anybody."""
WATCH: Final = Task(name="watch", column="watch_share", is_share=True)
"""The share of the video's duration that he watches, all watches of the impression together."""

_BY_NAME: Final = {task.name: task for task in (CLICK, CART, ORDER, WATCH)}


def named(names: Sequence[str]) -> tuple[Task, ...]:
    """Look tasks up, in the order given: of ``Surface.tasks``, or the keys of a label."""
    return tuple(_BY_NAME[name] for name in names)


def of_surface(surface: str) -> tuple[Task, ...]:
    """List what is predicted on a surface."""
    return named(surfaces.named(surface).tasks)
