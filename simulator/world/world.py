"""The world: everything about a shop that no day changes.

Shapes: U users, N items, T topics, H hosts, M rooms, P departments, G groups of users.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.config import ShopConfig
from simulator.day import NONE
from simulator.dials import Dials
from simulator.seeds import generator
from simulator.world import texts
from simulator.world.hosts import Hosts, Rooms, make_hosts, make_rooms, midnight_us, weekday
from simulator.world.items import Items, make_items
from simulator.world.names import Names
from simulator.world.renown import Renown, make_renown
from simulator.world.texts import Wording
from simulator.world.topics import Topics, make_topics
from simulator.world.users import Users, make_users
from simulator.world.words import COUNTRIES, DEPARTMENTS, LANGUAGES, PLATFORMS


@dataclass(frozen=True)
class World:
    """One shop's people and things."""

    config: ShopConfig
    topics: Topics
    hosts: Hosts
    items: Items
    users: Users
    rooms: Rooms
    cross_GP: np.ndarray
    """float32: what country × platform adds in each department, in logits."""
    renown: Renown

    @property
    def dials(self) -> Dials:
        """The dials of the shop's version."""
        return self.config.dials

    @cached_property
    def group_U(self) -> np.ndarray:
        """Each user's row of ``cross_GP``: int64."""
        return self.users.country_U.astype(np.int64) * len(PLATFORMS) + self.users.platform_U

    @cached_property
    def id_rank_N(self) -> np.ndarray:
        """Each item's place if all are sorted by id: int64."""
        order = pc.sort_indices(self.names.item_id).to_numpy()
        rank_N = np.empty(len(order), np.int64)
        rank_N[order] = np.arange(len(order))
        return rank_N

    @cached_property
    def language_LL(self) -> np.ndarray:
        """What an item's language adds for users of each language: float32, in logits."""
        taste, num = self.dials.taste, len(LANGUAGES)
        table_LL = np.full((num, num), taste.language_foreign, np.float32)
        np.fill_diagonal(table_LL, taste.language_own)
        table_LL[:, 0] = 0
        return table_LL

    @cached_property
    def wording(self) -> Wording:
        """The words that items of each topic carry."""
        return Wording(self.config, self.topics)

    @cached_property
    def names(self) -> Names:
        """What the line writer reads."""
        return _names(self)

    def midnight_us(self, day: int) -> int:
        """The shop's day ``day`` begins: UTC, microseconds of the epoch."""
        return midnight_us(self.config, day)

    def weekday(self, day: int) -> int:
        """Which weekday the shop's day ``day`` is: 0 for Monday."""
        return weekday(self.config, day)


def make_world(config: ShopConfig) -> World:
    """Draw a shop's people and things."""
    topics = make_topics(config)
    hosts = make_hosts(config, topics)
    items = make_items(config, topics, hosts)
    users = make_users(config, topics)
    return World(
        config=config,
        topics=topics,
        hosts=hosts,
        items=items,
        users=users,
        rooms=make_rooms(config, items),
        cross_GP=_crosses(config),
        renown=make_renown(config, users, items),
    )


def _crosses(config: ShopConfig) -> np.ndarray:
    rng, spread = generator(config.seed, "crosses"), config.dials.taste.cross_spread
    by_country = rng.normal(size=(len(COUNTRIES), 1, len(DEPARTMENTS)))
    by_platform = rng.normal(size=(1, len(PLATFORMS), len(DEPARTMENTS)))
    return (spread * (by_country + by_platform)).reshape(-1, len(DEPARTMENTS)).astype(np.float32)


def _names(world: World) -> Names:
    config, items, users = world.config, world.items, world.users
    categories = pa.array(world.topics.category)
    is_dark = generator(config.seed, "unknown places").random((3, len(users))) < (
        config.dials.world.unknown_share
    )
    return Names(
        user_id=texts.numbered("u", np.arange(len(users)), 7),
        country=_words(COUNTRIES, users.country_U, is_dark[0]),
        platform=_words(PLATFORMS, users.platform_U, is_dark[1]),
        language=_words(LANGUAGES, users.language_U, is_dark[2]),
        item_id=texts.item_ids(items),
        item_type_N=items.type_N,
        title=texts.titles(
            config, items, world.wording, texts.host_names(config, len(world.hosts))
        ),
        text=texts.descriptions(config, items, world.wording),
        category=categories.take(pa.array(items.topic_N)),
        brand=texts.brands(config, items, len(world.topics)),
        seller=texts.sellers(config, items),
        duration_ms=pa.array(items.duration_ms_N, mask=items.duration_ms_N == NONE),
        host_N=items.host_N,
        products=_products(items),
        host_id=texts.host_ids(len(world.hosts)),
        room_host_M=items.host_N[world.rooms.item_M],
        room_started_us_M=world.rooms.started_us_M,
    )


def _words(words: tuple[str, ...], place: np.ndarray, is_dark: np.ndarray) -> pa.StringArray:
    return pa.array(words).take(pa.array(place, mask=is_dark))


def _products(items: Items) -> pa.ListArray:
    has_one_NX = items.attached_NX != NONE
    offsets = np.r_[0, np.cumsum(has_one_NX.sum(axis=1))].astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(items.attached_NX[has_one_NX]))
