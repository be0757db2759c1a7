"""What makers are to people: loved in some countries and tongues, and not in others.

An item's maker is its brand and its seller, or whoever hosts it. A maker's name and people's hearts
are places in a space of few dimensions, so that what one country thinks of one brand follows from
what the log says of each elsewhere.

Shapes: U users, N items, D dimensions.
"""

from dataclasses import dataclass

import numpy as np

from simulator.config import ShopConfig
from simulator.day import NONE
from simulator.seeds import generator
from simulator.world.items import Items
from simulator.world.users import Users
from simulator.world.words import COUNTRIES, LANGUAGES, PLATFORMS


@dataclass(frozen=True, slots=True)
class Renown:
    """What an item's maker is to a user is the product of two rows, in logits."""

    people_UD: np.ndarray
    """float32: of users, 0 on average; alike for all of one country, platform and language."""
    name_ND: np.ndarray
    """float32: of items' makers."""


def make_renown(config: ShopConfig, users: Users, items: Items) -> Renown:
    """Draw where people's hearts are, and makers' names."""
    rng, taste = generator(config.seed, "renown"), config.dials.taste
    num_dims = taste.renown_dims

    def drawn(place: np.ndarray, num: int) -> np.ndarray:
        """Give each place a row of its own, and ``NONE`` none at all."""
        rows = np.vstack([rng.normal(size=(num, num_dims)), np.zeros(num_dims)])
        found: np.ndarray = rows[place]
        return found

    of_places = (
        (users.country_U, COUNTRIES),
        (users.platform_U, PLATFORMS),
        (users.language_U, LANGUAGES),
    )
    people_UD = np.sum([drawn(place, len(words)) for place, words in of_places], axis=0)
    people_UD -= people_UD.mean(axis=0)
    people_UD /= np.maximum(people_UD.std(axis=0), 1e-6)
    makers = (items.brand_N, items.seller_N, items.host_N)
    name_ND = sum(drawn(maker_N, int(maker_N.max(initial=NONE)) + 1) for maker_N in makers)
    num_makers_N = sum((maker_N != NONE).astype(float) for maker_N in makers)
    name_ND = name_ND / np.sqrt(num_makers_N)[:, None]
    scale = taste.renown_spread / num_dims**0.5
    return Renown((scale * people_UD).astype(np.float32), name_ND.astype(np.float32))
