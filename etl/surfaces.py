"""The places of the app that show a slate, and what each of them recommends.

Put here what is true of a surface everywhere. How many items its slate holds is a setting
(``orchestration.settings``).
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """One place of the app that shows a slate."""

    name: str
    """As in events, table paths, and the command line."""
    item_type: str
    """What it recommends: ``silver/items.item_type``."""
    tasks: tuple[str, ...]
    """What is predicted of an item shown there (``training.tasks``); ``click`` is always one."""
    is_bought_once: bool
    """Whether who ordered an item is done with it. A live slot is a show that comes again every
    week with other things to sell: an order there settles nothing (docs/decisions/0014)."""


PRODUCT_FEED: Final = Surface(
    name="product_feed", item_type="product", tasks=("click", "order"), is_bought_once=True
)
LIVE_STREAMS: Final = Surface(
    name="live_streams", item_type="live_slot", tasks=("click", "order"), is_bought_once=False
)
SHORT_VIDEOS: Final = Surface(
    name="short_videos",
    item_type="short_video",
    tasks=("click", "cart", "watch"),
    is_bought_once=True,
)

ALL: Final = (PRODUCT_FEED, LIVE_STREAMS, SHORT_VIDEOS)
NAMES: Final = tuple(surface.name for surface in ALL)
ITEM_TYPES: Final = tuple(surface.item_type for surface in ALL)
TASKS: Final = ("click", "cart", "order", "watch")
"""Everything that is predicted somewhere."""


class UnknownSurfaceError(ValueError):
    """A surface was named that the app does not have."""


def named(name: str) -> Surface:
    """Look a surface up by name.

    Raises:
        UnknownSurfaceError: If there is none; the text lists those there are.
    """
    for surface in ALL:
        if surface.name == name:
            return surface
    raise UnknownSurfaceError(f"no surface {name!r}; there are {', '.join(NAMES)}")
