"""The hosts, their weekly slots, and the rooms that live for minutes inside a slot.

Shapes: H hosts, S slots in the order in which they come, M rooms.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.config import ShopConfig
from simulator.seeds import generator
from simulator.world.topics import Topics

if TYPE_CHECKING:
    from simulator.world.items import Items

DAY_US: Final = 86_400_000_000
_TOPICS_PER_HOST: Final = 2
_HOUR_WEIGHTS: Final = np.array(
    [3, 2, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 6, 7, 8, 9, 9, 8, 7, 5, 4]
)
"""How many slots begin in each UTC hour, relative to one another."""
_BREAKS_OFF: Final = 0.5
"""Rooms that break off and are opened again, if the slot has time left."""
_MOST_GROWTH: Final = 4
"""Slots that are ever planned, relative to those of the start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hosts:
    """H hosts and all slots that they will ever open, those of the start first."""

    topic_HX: np.ndarray
    """int16, H × 2: what a host shows; may be one topic twice."""
    quality_H: np.ndarray
    """float32, logits."""
    num_at_start: int
    """Slots there are when the shop opens."""
    slot_host_S: np.ndarray
    """int32."""
    slot_weekday_S: np.ndarray
    """int8, 0 for Monday."""
    slot_hour_S: np.ndarray
    """int8, UTC."""

    def __len__(self) -> int:
        return len(self.quality_H)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rooms:
    """M live rooms of all days, in the order of days and slots."""

    item_M: np.ndarray
    """int32: the slot."""
    started_us_M: np.ndarray
    """int64, UTC, microseconds of the epoch, a multiple of a second."""
    ended_us_M: np.ndarray
    """int64: within the slot's hour."""
    first_of_day: np.ndarray
    """int64, days + 1: day d has the rooms first_of_day[d] … first_of_day[d + 1]."""

    def __len__(self) -> int:
        return len(self.item_M)


def make_hosts(config: ShopConfig, topics: Topics) -> Hosts:
    """Draw the hosts and their weeks; no host is in two slots at a time."""
    rng, dials = generator(config.seed, "hosts"), config.dials.world
    num_slots = max(7, round(dials.slots_per_root_product * config.items**0.5))
    num = max(2, round(num_slots / dials.slots_per_host))
    popularity = rng.dirichlet(np.full(num, 3.0))
    wanted = _MOST_GROWTH * num_slots
    slot = np.stack(
        [
            rng.choice(num, wanted, p=popularity),
            rng.integers(7, size=wanted),
            rng.choice(24, wanted, p=_HOUR_WEIGHTS / _HOUR_WEIGHTS.sum()),
        ]
    )
    _, first = np.unique(slot, axis=1, return_index=True)
    host, weekday, hour = slot[:, np.sort(first)]
    return Hosts(
        topic_HX=rng.choice(len(topics), (num, _TOPICS_PER_HOST), p=topics.weight_T).astype(
            np.int16
        ),
        quality_H=(dials.quality_spread * rng.normal(size=num)).astype(np.float32),
        num_at_start=min(num_slots, len(host)),
        slot_host_S=host.astype(np.int32),
        slot_weekday_S=weekday.astype(np.int8),
        slot_hour_S=hour.astype(np.int8),
    )


def make_rooms(config: ShopConfig, items: "Items") -> Rooms:
    """Open the rooms of every day: one in each of its slots, and a second where it broke off."""
    days = [_rooms_of_day(config, items, day) for day in range(config.days)]
    item, started, ended = (np.concatenate(column) for column in zip(*days, strict=True))
    return Rooms(
        item_M=item.astype(np.int32),
        started_us_M=started,
        ended_us_M=ended,
        first_of_day=np.cumsum([0, *(len(day[0]) for day in days)]),
    )


def midnight_us(config: ShopConfig, day: int) -> int:
    """The shop's day ``day`` begins: UTC, microseconds of the epoch."""
    start = datetime.combine(config.start, time(), UTC)
    return int(start.timestamp()) * 1_000_000 + day * DAY_US


def weekday(config: ShopConfig, day: int) -> int:
    """Which weekday the shop's day ``day`` is: 0 for Monday."""
    return (config.start.weekday() + day) % 7


def _rooms_of_day(
    config: ShopConfig, items: "Items", day: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Item, start and end of a day's rooms; new slots open on the day after they were announced."""
    rng = generator(config.seed, "rooms", day)
    is_today = (items.weekday_N == weekday(config, day)) & (items.born_N < max(day, 1))
    item = np.flatnonzero(is_today)
    hour_us = midnight_us(config, day) + items.hour_N[item].astype(np.int64) * (DAY_US // 24)
    first = rng.integers(0, 6 * 60, len(item))
    length = rng.integers(15 * 60, 50 * 60, len(item))
    pause = rng.integers(60, 4 * 60, len(item))
    again = first + length + pause
    end = np.minimum(again + rng.integers(10 * 60, 30 * 60, len(item)), 58 * 60)
    has_second = (rng.random(len(item)) < _BREAKS_OFF) & (end - again > 5 * 60)
    started = np.r_[first, again[has_second]]
    ended = np.r_[first + length, end[has_second]]
    of = np.r_[np.arange(len(item)), np.flatnonzero(has_second)]
    order = np.lexsort((started, of))
    at = hour_us[of[order]]
    return item[of[order]], at + started[order] * 1_000_000, at + ended[order] * 1_000_000
