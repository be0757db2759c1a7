"""popularity-of-7-days, as the shop itself knows it: distinct users who acted on an item.

Shapes: N items.
"""

from typing import Final

import numpy as np

from etl.arrow import distinct
from simulator.ledger import items_of
from simulator.state import State
from simulator.world.world import World

_DAYS: Final = 7


def num_users(world: World, state: State) -> np.ndarray:
    """Count each item's distinct users with a click, cart or order in (D−7, D]: int64, N."""
    acted = state.ledger.acted[:_DAYS]
    pair = distinct(np.concatenate(acted)) if acted else np.zeros(0, np.int64)
    return np.bincount(items_of(pair), minlength=len(world.items))


def popular(world: World, state: State, surface: int) -> np.ndarray:
    """List a surface's showable items that anybody acted on, the most popular first.

    Args:
        world: The shop.
        state: At the end of D.
        surface: Place in ``etl.surfaces.ALL``.

    Returns:
        int64, items; ties by id.
    """
    count_N = num_users(world, state)
    may = (world.items.type_N == surface) & state.is_showable_N(world) & (count_N > 0)
    item = np.flatnonzero(may)
    return item[np.lexsort((world.id_rank_N[item], -count_N[item]))]
