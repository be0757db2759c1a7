"""The items: products, short videos and live slots, of the start and new ones of each day.

Items are numbered in the order in which they come, so that a shop of more days begins with the
items of fewer. Prices and stock change: here they are as an item comes (``simulator.state``).

Shapes: N items, C items of one day's cohort and type, D style dimensions, H hosts, T topics.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.config import ShopConfig
from simulator.day import NONE
from simulator.seeds import generator
from simulator.world.hosts import Hosts
from simulator.world.topics import Topics
from simulator.world.users import directions
from simulator.world.words import LANGUAGES

PRODUCT, SLOT, VIDEO = range(3)
"""Places in ``etl.surfaces.ITEM_TYPES``: surface s recommends items of type s."""
NUM_ATTACHED: Final = (0, 6, 3)
"""Attached products of a product, a slot, a video, at most."""
BRANDS_PER_TOPIC: Final = 3
PRODUCTS_PER_SELLER: Final = 25
_SLOT_MS: Final = 3_600_000
_OLDEST_DAYS: Final = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """N items as they came."""

    type_N: np.ndarray
    """int8: place in ``etl.surfaces.ITEM_TYPES``."""
    number_N: np.ndarray
    """int32: its number among the items of its type, from 0."""
    topic_N: np.ndarray
    """int16."""
    department_N: np.ndarray
    """int16."""
    language_N: np.ndarray
    """int8: what its words are in; 0 (English) for most."""
    quality_N: np.ndarray
    """float32, logits."""
    style_ND: np.ndarray
    """float32, of length 1."""
    born_N: np.ndarray
    """int32: the shop's day on which it came into being; before 0 for those of the start."""
    brand_N: np.ndarray
    """int32: of products; ``NONE`` elsewhere."""
    seller_N: np.ndarray
    """int32: of products; ``NONE`` elsewhere."""
    price_log_N: np.ndarray
    """float32: log of price in cents, of videos and slots that of a typical attached product."""
    stock_N: np.ndarray
    """int64: pieces of products; ``NONE`` elsewhere, which never sells out."""
    duration_ms_N: np.ndarray
    """int64: of videos and slots; ``NONE`` elsewhere."""
    host_N: np.ndarray
    """int32: of videos and slots; ``NONE`` elsewhere."""
    weekday_N: np.ndarray
    """int8: of slots, 0 for Monday; ``NONE`` elsewhere."""
    hour_N: np.ndarray
    """int8: of slots, UTC; ``NONE`` elsewhere."""
    attached_NX: np.ndarray
    """int32: attached products, as items; ``NONE`` behind the last."""

    def __len__(self) -> int:
        return len(self.type_N)

    def num_until(self, day: int) -> int:
        """How many there are on a day: items 0 … that, since they are numbered as they come."""
        return int(np.searchsorted(np.maximum.accumulate(self.born_N), max(day, -1), "right"))

    @classmethod
    def joined(cls, parts: list["Items"]) -> "Items":
        """Put items one behind another."""
        return cls(
            **{
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in cls.__slots__
            }
        )


@dataclass(frozen=True, slots=True)
class _Cohort:
    """Which items come on one day."""

    day: int
    num_X: tuple[int, int, int]
    """How many of each type."""
    first_X: tuple[int, int, int]
    """How many of each type came before."""


def make_items(config: ShopConfig, topics: Topics, hosts: Hosts) -> Items:
    """Draw the items of the start and of every day."""
    parts: list[Items] = []
    for cohort in _cohorts(config, hosts):
        products = _products(config, cohort, topics)
        shelf = products if not parts else parts[0]
        others = [_hosted(config, cohort, (topics, hosts, shelf), kind) for kind in (VIDEO, SLOT)]
        parts += [products, *others]
    return Items.joined(parts)


def num_sellers(config: ShopConfig) -> int:
    """How many sellers a shop has."""
    return max(2, config.items // PRODUCTS_PER_SELLER)


def _cohorts(config: ShopConfig, hosts: Hosts) -> Iterable[_Cohort]:
    world = config.dials.world
    at_start = np.array(
        [config.items, hosts.num_at_start, world.videos_per_root_product * config.items**0.5]
    )
    at_start = np.maximum(at_start.round().astype(int), 1)
    before = np.zeros(3, int)
    for day in range(config.days):
        total = at_start + np.floor(day * world.births_per_day * at_start).astype(int)
        total[SLOT] = min(total[SLOT], len(hosts.slot_host_S))
        yield _Cohort(day, tuple(total - before), tuple(before))
        before = total


def _products(config: ShopConfig, cohort: _Cohort, topics: Topics) -> Items:
    rng, dials = generator(config.seed, "products", cohort.day), config.dials.world
    num = cohort.num_X[PRODUCT]
    topic = rng.choice(len(topics), num, p=topics.weight_T).astype(np.int16)
    z = rng.normal(size=num) * dials.price_spread_items
    return Items(
        **_common(config, cohort, PRODUCT, rng),
        **_about(topic, topics),
        quality_N=_quality(dials.quality_spread * rng.normal(size=num), topic, topics),
        price_log_N=(topics.price_log_T[topic] + z).astype(np.float32),
        stock_N=rng.geometric(1 / dials.stock_mean, num).astype(np.int64),
        brand_N=(topic * BRANDS_PER_TOPIC + rng.integers(BRANDS_PER_TOPIC, size=num)).astype(
            np.int32
        ),
        seller_N=np.floor(num_sellers(config) * rng.random(num) ** 1.5).astype(np.int32),
        duration_ms_N=np.full(num, NONE, np.int64),
        host_N=np.full(num, NONE, np.int32),
        weekday_N=np.full(num, NONE, np.int8),
        hour_N=np.full(num, NONE, np.int8),
        attached_NX=np.full((num, max(NUM_ATTACHED)), NONE, np.int32),
    )


def _hosted(
    config: ShopConfig, cohort: _Cohort, around: tuple[Topics, Hosts, Items], kind: int
) -> Items:
    """Draw videos or slots: their host first, then what he shows."""
    topics, hosts, shelf = around
    rng = generator(config.seed, f"hosted {kind}", cohort.day)
    num = cohort.num_X[kind]
    which = np.arange(cohort.first_X[SLOT], cohort.first_X[SLOT] + num)
    host = hosts.slot_host_S[which] if kind == SLOT else rng.integers(len(hosts), size=num)
    topic = hosts.topic_HX[host, rng.integers(hosts.topic_HX.shape[1], size=num)]
    attached_NX = _attached(topic, shelf, NUM_ATTACHED[kind], rng)
    seconds = np.exp(np.log(20.0) + 0.6 * rng.normal(size=num)).clip(5, 120)
    own = 0.8 * config.dials.world.quality_spread * rng.normal(size=num)
    none = np.full(num, NONE)
    return Items(
        **_common(config, cohort, kind, rng),
        **_about(topic, topics),
        quality_N=_quality(0.6 * hosts.quality_H[host] + own, topic, topics),
        price_log_N=shelf.price_log_N[attached_NX[:, 0]],
        stock_N=none.astype(np.int64),
        brand_N=none.astype(np.int32),
        seller_N=none.astype(np.int32),
        duration_ms_N=_ms(seconds) if kind == VIDEO else np.full(num, _SLOT_MS, np.int64),
        host_N=host.astype(np.int32),
        weekday_N=(hosts.slot_weekday_S[which] if kind == SLOT else none).astype(np.int8),
        hour_N=(hosts.slot_hour_S[which] if kind == SLOT else none).astype(np.int8),
        attached_NX=attached_NX,
    )


def _common(
    config: ShopConfig, cohort: _Cohort, kind: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    num, dials = cohort.num_X[kind], config.dials.world
    is_foreign = rng.random(num) < dials.foreign_share
    age = 0 if cohort.day else rng.integers(1, _OLDEST_DAYS, num)
    return {
        "type_N": np.full(num, kind, np.int8),
        "number_N": np.arange(cohort.first_X[kind], cohort.first_X[kind] + num, dtype=np.int32),
        "style_ND": directions(num, dials.style_dims, rng),
        "language_N": np.where(is_foreign, rng.integers(1, len(LANGUAGES), num), 0).astype(np.int8),
        "born_N": np.broadcast_to(cohort.day - age, num).astype(np.int32),
    }


def _quality(own: np.ndarray, topic: np.ndarray, topics: Topics) -> np.ndarray:
    """Add what the topic's items have in common: float32, C."""
    return (own + topics.appeal_T[topic]).astype(np.float32)


def _about(topic: np.ndarray, topics: Topics) -> dict[str, np.ndarray]:
    return {"topic_N": topic.astype(np.int16), "department_N": topics.department_T[topic]}


def _attached(topic_C: np.ndarray, shelf: Items, most: int, rng: np.random.Generator) -> np.ndarray:
    """Attach products of the start and of the same topic, or any where there are none."""
    by_topic = np.argsort(shelf.topic_N, kind="stable")
    edges = np.searchsorted(shelf.topic_N[by_topic], [topic_C, topic_C + 1])
    first, size = edges[0][:, None], (edges[1] - edges[0])[:, None]
    draw = rng.random((len(topic_C), most))
    place = np.where(size > 0, first + np.floor(draw * size), np.floor(draw * len(shelf)))
    attached_NX = np.full((len(topic_C), max(NUM_ATTACHED)), NONE, np.int32)
    attached_NX[:, :most] = by_topic[place.astype(np.int64)]
    attached_NX[:, :most][_is_repeated(attached_NX[:, :most])] = NONE
    return attached_NX


def _is_repeated(of_NX: np.ndarray) -> np.ndarray:
    """Mark what stands further left in the same row already: bool, same shape."""
    return np.tril(of_NX[:, :, None] == of_NX[:, None, :], k=-1).any(axis=2)


def _ms(seconds: np.ndarray) -> np.ndarray:
    return (seconds * 1000).astype(np.int64)
