"""What a simulated shop's log says of its product feed by an evening, as features of examples.

Belongs here: counts and what examples read of them. Only what lines of the log hold is counted:
impressions with their places, clicks, orders, the catalogue; nothing of the truth.

Shapes: U users, T topics, N items, I impressions of a day, M examples.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa

from etl.features import examination, rates
from etl.features.examination import ANYWHERE, Examination, ExaminationConfig, Shown
from simulator.day import EVENT_TYPES, Day
from simulator.world.items import PRODUCT
from simulator.world.words import LANGUAGES
from simulator.world.world import World
from training.inputs import Inputs, Layout

_CLICK: Final = EVENT_TYPES.index("click")
_ORDER: Final = EVENT_TYPES.index("order")
_PRIOR_LOOKS: Final = 20.0
"""Looks at everybody's rate that a rate is drawn by."""
_PRIOR_CLICKS: Final = 20.0
"""Clicks likewise, of orders per click."""
_PRIOR_PRICES: Final = 3.0
"""Clicks at the usual price that a user's price is drawn by."""
LAYOUT: Final = Layout(
    (
        "position",
        "item_age_days",
        "item_price_to_category_ratio",
        "item_looks",
        "item_click_rate",
        "item_order_rate",
        "category_click_rate",
        "category_order_rate",
        "user_num_clicks_28d",
        "user_looks",
        "user_click_rate",
        "user_price_ratio",
        "user_category_looks",
        "user_category_clicks",
        "user_category_lift",
        "price_apart",
    ),
    ("item_category", "item_language", "user_country", "user_platform", "user_language"),
)
"""What examples read; calibrations know some of the names (``training.example_parts``)."""


@dataclass(frozen=True, slots=True)
class Impressions:
    """I impressions of a day."""

    user_I: np.ndarray
    """int64."""
    item_I: np.ndarray
    """int64."""
    place_I: np.ndarray
    """int64: counted from 0."""
    propensity_I: np.ndarray
    """float64."""
    is_clicked_I: np.ndarray
    """bool."""
    attraction_I: np.ndarray
    """float64: p(click | examined). Truth only."""
    key_I: np.ndarray
    """int64, ascending: names one within its day, as ``keys_of``."""
    surface_I: np.ndarray
    """int64: place in ``etl.surfaces.ALL``."""

    @classmethod
    def of(cls, world: World, day: Day) -> "Impressions":
        """Read those of the product feed and of people."""
        seen = cls.of_all(day)
        is_meant_I = (seen.surface_I == PRODUCT) & ~world.users.is_bot_U[seen.user_I]
        return seen.taken(np.flatnonzero(is_meant_I))

    @classmethod
    def of_all(cls, day: Day) -> "Impressions":
        """Read all surfaces' off a day's requests and clicks."""
        asked = day.requests
        request_I = np.repeat(np.arange(len(asked.event_R)), np.diff(asked.start_R))
        place_I = asked.first_position_R[request_I] + (
            np.arange(len(request_I)) - asked.start_R[request_I]
        )
        clicked = (day.type_E == _CLICK) & (day.request_E >= 0)
        key_I = keys_of(request_I, place_I)
        is_clicked_I = np.isin(key_I, keys_of(day.request_E[clicked], day.position_E[clicked]))
        return cls(
            day.user_E[asked.event_R][request_I].astype(np.int64),
            asked.item_I.astype(np.int64),
            place_I,
            asked.propensity_I,
            is_clicked_I,
            asked.attraction_I,
            key_I,
            asked.surface_R[request_I].astype(np.int64),
        )

    def taken(self, rows: np.ndarray) -> "Impressions":
        """Keep some of them, in another order."""
        return Impressions(*(getattr(self, name)[rows] for name in self.__slots__))


def keys_of(request: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Name impressions of one day by request and place: int64."""
    return request.astype(np.int64) << 16 | place.astype(np.int64)


@dataclass(frozen=True, slots=True)
class Counts:
    """What all days up to an evening say."""

    looks_UT: np.ndarray
    """float64: impressions, each as far as its place is looked at, or whole."""
    clicks_UT: np.ndarray
    """float64, as all that follow."""
    looks_N: np.ndarray
    clicks_N: np.ndarray
    orders_N: np.ndarray
    """Ordered by then, whatever they followed."""
    price_U: np.ndarray
    """Sum over his clicks of the logarithm of price to category's mean."""
    shown_4P: np.ndarray
    """Rows of ``etl.features.examination.Shown``."""
    by_looks: bool
    """Whether impressions count as far as their place is looked at, by the curve of the log."""

    @classmethod
    def empty(cls, world: World, *, by_looks: bool) -> "Counts":
        """Before the first day."""
        no_UT = np.zeros((len(world.users), len(world.topics)))
        no_N, no_U = np.zeros(len(world.items)), np.zeros(len(world.users))
        return cls(no_UT, no_UT, no_N, no_N, no_N, no_U, np.zeros((4, 0)), by_looks)

    def curve(self) -> Examination:
        """Fit how far down people look, off what chance placed."""
        return examination.fit(Shown(*self.shown_4P), ExaminationConfig())

    def after(self, world: World, day: Day, seen: Impressions) -> "Counts":
        """Add a day."""
        config, clicked = ExaminationConfig(), seen.is_clicked_I
        of_chance = seen.propensity_I < config.max_chance_propensity
        parts = (np.ones(len(clicked)), clicked, of_chance, clicked & of_chance)
        shown_4P = np.stack([np.bincount(seen.place_I, part) for part in parts])
        grown = replace(self, shown_4P=examination.added(self.shown_4P, shown_4P))
        looks_I = (grown.curve() if self.by_looks else ANYWHERE).at(seen.place_I)
        num_users, num_topics = self.looks_UT.shape
        cell_I = seen.user_I * num_topics + world.items.topic_N[seen.item_I]

        def by_cell(value_I: np.ndarray) -> np.ndarray:
            return np.bincount(cell_I, value_I, self.looks_UT.size).reshape(num_users, num_topics)

        num_items = len(self.looks_N)
        ordered = day.item_E[day.type_E == _ORDER]
        prices_I = clicked * _price_log(world)[seen.item_I]
        return replace(
            grown,
            looks_UT=self.looks_UT + by_cell(looks_I),
            clicks_UT=self.clicks_UT + by_cell(clicked),
            looks_N=self.looks_N + np.bincount(seen.item_I, looks_I, num_items),
            clicks_N=self.clicks_N + np.bincount(seen.item_I, clicked, num_items),
            orders_N=self.orders_N + np.bincount(ordered, minlength=num_items),
            price_U=self.price_U + np.bincount(seen.user_I, prices_I, num_users),
        )

    def inputs(
        self, world: World, day: int, pairs: tuple[np.ndarray, np.ndarray], place_M: np.ndarray
    ) -> Inputs:
        """Lay users and items out as a ranker reads them.

        Args:
            world: The shop.
            day: The shop's day on which they are shown.
            pairs: int64, M users and M items.
            place_M: Where each stands, counted from 0.
        """
        user_M, item_M = pairs
        topic_M = world.items.topic_N[item_M].astype(np.int64)
        numbers = {"position": place_M, **self._of_items(world, day, item_M, topic_M)}
        numbers |= self._of_users(user_M, topic_M)
        ratio = numbers["item_price_to_category_ratio"]
        numbers["price_apart"] = np.abs(np.log(ratio) - np.log(numbers["user_price_ratio"]))
        lift = self.clicks_UT[user_M, topic_M] + 1
        expected = self.looks_UT[user_M, topic_M] * numbers["category_click_rate"] + 1
        numbers["user_category_lift"] = lift / expected
        numeric_MF = np.stack([numbers[name] for name in LAYOUT.numeric], axis=1)
        words = _words(world, user_M, item_M)
        return Inputs(numeric_MF.astype(np.float32), words, item_M, LAYOUT)

    def _of_items(
        self, world: World, day: int, item_M: np.ndarray, topic_M: np.ndarray
    ) -> dict[str, np.ndarray]:
        topic_N, num_topics = world.items.topic_N, len(world.topics)
        looks_T, clicks_T, orders_T = (
            np.bincount(topic_N, value_N, num_topics)
            for value_N in (self.looks_N, self.clicks_N, self.orders_N)
        )
        usual = rates.overall(clicks_T.sum(), looks_T.sum())
        usual_order = rates.overall(orders_T.sum(), clicks_T.sum())
        clicks = rates.drawn(clicks_T, looks_T, usual, _PRIOR_LOOKS)
        orders = rates.drawn(orders_T, clicks_T, usual_order, _PRIOR_CLICKS)
        of_item = (self.clicks_N[item_M], self.looks_N[item_M])
        of_order = (self.orders_N[item_M], self.clicks_N[item_M])
        return {
            "item_age_days": day - np.maximum(world.items.born_N[item_M], 0),
            "item_price_to_category_ratio": np.exp(_price_log(world)[item_M]),
            "item_looks": self.looks_N[item_M],
            "item_click_rate": rates.drawn(*of_item, clicks[topic_M], _PRIOR_LOOKS),
            "item_order_rate": rates.drawn(*of_order, orders[topic_M], _PRIOR_CLICKS),
            "category_click_rate": clicks[topic_M],
            "category_order_rate": orders[topic_M],
        }

    def _of_users(self, user_M: np.ndarray, topic_M: np.ndarray) -> dict[str, np.ndarray]:
        looks_U, clicks_U = self.looks_UT.sum(axis=1), self.clicks_UT.sum(axis=1)
        usual = rates.overall(clicks_U.sum(), looks_U.sum())
        return {
            "user_num_clicks_28d": clicks_U[user_M],
            "user_looks": looks_U[user_M],
            "user_click_rate": rates.drawn(clicks_U, looks_U, usual, _PRIOR_LOOKS)[user_M],
            "user_price_ratio": np.exp(self.price_U / (clicks_U + _PRIOR_PRICES))[user_M],
            "user_category_looks": self.looks_UT[user_M, topic_M],
            "user_category_clicks": self.clicks_UT[user_M, topic_M],
        }


def _price_log(world: World) -> np.ndarray:
    """Logarithm of items' prices to the mean of their category's: float64, N."""
    items = world.items
    num_T = np.maximum(np.bincount(items.topic_N, minlength=len(world.topics)), 1)
    mean_T = np.bincount(items.topic_N, items.price_log_N, len(world.topics)) / num_T
    price_log_N: np.ndarray = items.price_log_N - mean_T[items.topic_N]
    return price_log_N


def _words(world: World, user_M: np.ndarray, item_M: np.ndarray) -> dict[str, pa.DictionaryArray]:
    names = world.names
    language = pa.array(LANGUAGES).take(pa.array(world.items.language_N))
    of_item = {"item_category": names.category, "item_language": language}
    of_user = {
        "user_country": names.country,
        "user_platform": names.platform,
        "user_language": names.language,
    }
    told = [(of_item, pa.array(item_M)), (of_user, pa.array(user_M))]
    return {
        name: column.dictionary_encode().take(rows)
        for columns, rows in told
        for name, column in columns.items()
    }
