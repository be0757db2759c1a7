"""Makes features/item_appeal: how often an item is clicked where a usual user looks at it.

Clicks per look mix what an item is with who was shown it: whoever lists items shows them to those
who like their kind, and a poor item among its lovers passes for a good one. So both are found
together. Of what the panel looked at in ``AppealConfig.num_days``

    clicks(user, item) ~ Poisson(looks · rate(surface) · taste(user, category) · appeal(item)),

taste and appeal being gamma: each is drawn towards 1, an appeal towards its category's. Given the
one, the other's mean is clicks to what was expected, both with the prior's added; by turns they
settle in some rounds (coordinate ascent on gamma–Poisson factors; Gopalan, Hofman, Blei, UAI 2015,
§ 2.2, with given factors for all but one).

Tastes are forgotten: users' own are counted in features/user_pairs against appeals as they were
known when his looks arrived.

Shapes: L looks (a user's at an item on a day), P pairs of a user and a category, I items, K kinds
of items: a category of one type.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl import surfaces
from etl.arrow import codes_of, flat_lists
from etl.features.positions import PARTS
from etl.tables import FEATURES_ITEM_APPEAL

ITEM_COLUMNS: Final = ("item_no", "item_type", "category")
"""What is read of ``tables.SILVER_ITEMS``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AppealConfig:
    """How few looks are trusted."""

    num_days: int = 28
    """Arrival days whose looks count."""
    num_rounds: int = 6
    """Turns of tastes and appeals."""
    taste_clicks: float = 1.5
    """Clicks added to a user's own in a category and to what was expected of him."""
    appeal_clicks: float = 3.0
    """Clicks added to an item's at its category's appeal, and to what was expected."""
    category_clicks: float = 5.0
    """Clicks added to a category's at appeal 1, and to what was expected."""
    surface_clicks: float = 1.0
    """Clicks added to a surface's, and at ``surface_looks``: it may be new."""
    surface_looks: float = 20.0
    """Looks added to a surface's."""


@dataclass(frozen=True, slots=True)
class Looks:
    """L looks, those of one user and day together."""

    user_L: np.ndarray
    """int64."""
    item_L: np.ndarray
    """int64: item_no."""
    looks_L: np.ndarray
    """float64, >= 0."""
    clicks_L: np.ndarray
    """float64, >= 0."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """I items as known at the end of a day."""

    item_I: np.ndarray
    """int64, ascending: item_no."""
    category_I: np.ndarray
    """int64 from 0: one code a category, one for none."""
    type_I: np.ndarray
    """int64: place in ``surfaces.ITEM_TYPES``."""

    @classmethod
    def of(cls, items: pa.Table) -> "Catalogue":
        """Read item_no, item_type and category off ``tables.SILVER_ITEMS`` as of the day."""
        rows = items.sort_by("item_no")
        category = rows.column("category").fill_null("")
        _, [category_I] = codes_of(category)
        types = pa.array(surfaces.ITEM_TYPES)
        type_I = pc.index_in(rows.column("item_type").combine_chunks(), value_set=types)
        item_I = rows.column("item_no").to_numpy().astype(np.int64)
        return cls(item_I, category_I, type_I.to_numpy().astype(np.int64))


@dataclass(frozen=True, slots=True)
class Appeal:
    """What was found of I items."""

    appeal_I: np.ndarray
    """float64, > 0."""
    click_rate_I: np.ndarray
    """float64: clicks per look of a usual user; NaN where nobody looked at the item's surface."""
    expected_I: np.ndarray
    """float64, >= 0."""


def found(looks: Looks, items: Catalogue, config: AppealConfig) -> Appeal:
    """Find tastes and appeals by turns.

    Args:
        looks: What the panel looked at, in a fixed order: sums follow it.
        items: The day's items; looks at others are passed over.
        config: How few looks are trusted.
    """
    at_L = pc.index_in(pa.array(looks.item_L), value_set=pa.array(items.item_I))
    place_L = at_L.fill_null(-1).to_numpy()
    is_known_L = place_L >= 0
    item_L, clicks_L = place_L[is_known_L], looks.clicks_L[is_known_L]
    looks_L, num_items = looks.looks_L[is_known_L], len(items.item_I)
    rate_T = _rates(looks_L, clicks_L, items.type_I[item_L], config)
    usual_L = looks_L * rate_T[items.type_I[item_L]]
    pair_L = looks.user_L[is_known_L] << 32 | items.category_I[item_L]
    pair_L = np.unique(pair_L, return_inverse=True)[1]
    kind_I = np.unique(items.category_I << 8 | items.type_I, return_inverse=True)[1]
    clicks_P = np.bincount(pair_L, clicks_L)
    clicks_I = np.bincount(item_L, clicks_L, num_items)
    appeal_I: np.ndarray = np.ones(num_items)
    expected_I: np.ndarray = np.zeros(num_items)
    for _ in range(config.num_rounds):
        expected_P = np.bincount(pair_L, usual_L * appeal_I[item_L])
        taste_P = _drawn(clicks_P, expected_P, 1.0, config.taste_clicks)
        expected_I = np.bincount(item_L, usual_L * taste_P[pair_L], num_items)
        clicks_K, expected_K = np.bincount(kind_I, clicks_I), np.bincount(kind_I, expected_I)
        appeal_K = _drawn(clicks_K, expected_K, 1.0, config.category_clicks)
        appeal_I = _drawn(clicks_I, expected_I, appeal_K[kind_I], config.appeal_clicks)
    return Appeal(appeal_I, appeal_I * rate_T[items.type_I], expected_I)


def _rates(
    looks_L: np.ndarray, clicks_L: np.ndarray, type_L: np.ndarray, config: AppealConfig
) -> np.ndarray:
    """Clicks per look of each type of item; NaN where nobody looked."""
    num_types = len(surfaces.ITEM_TYPES)
    looks_T, clicks_T = (np.bincount(type_L, part, num_types) for part in (looks_L, clicks_L))
    rate_T = (clicks_T + config.surface_clicks) / (looks_T + config.surface_looks)
    return np.where(looks_T > 0, rate_T, np.nan)


def _drawn(
    clicks: np.ndarray, expected: np.ndarray, towards: np.ndarray | float, strength: float
) -> np.ndarray:
    return (clicks + strength * towards) / (expected + strength)


def looks_of(panel: Sequence[pa.Table]) -> list[Looks]:
    """Take days' rows of ``tables.FEATURES_PANEL`` apart; users have the same numbers on all days.

    Args:
        panel: user_id and items of one day each.
    """
    ordered = [rows.sort_by("user_id") for rows in panel]
    _, codes = codes_of(*(rows.column("user_id") for rows in ordered))
    return [_looks(rows, user) for rows, user in zip(ordered, codes, strict=True)]


def _looks(rows: pa.Table, user: np.ndarray) -> Looks:
    row_L, items = flat_lists(rows.column("items"))
    return Looks(
        user[row_L].astype(np.int64),
        items.field("item_no").to_numpy().astype(np.int64),
        items.field("examined").to_numpy() / PARTS,
        items.field("num_clicks").to_numpy().astype(np.float64),
    )


def together(looks: Sequence[Looks]) -> Looks:
    """Several days' looks, one behind another."""
    parts = zip(*((d.user_L, d.item_L, d.looks_L, d.clicks_L) for d in looks), strict=True)
    return Looks(*map(np.concatenate, parts))


def rows(day: date, items: Catalogue, appeal: Appeal) -> pa.Table:
    """Write a day's rows of ``tables.FEATURES_ITEM_APPEAL``: of items whose surface has looks."""
    kept = np.flatnonzero(~np.isnan(appeal.click_rate_I))
    columns = {
        "arrival_date": pa.array([day] * len(kept), pa.date32()),
        "item_no": pa.array(items.item_I[kept].astype(np.int32)),
        "appeal": pa.array(appeal.appeal_I[kept]),
        "appeal_click_rate": pa.array(appeal.click_rate_I[kept]),
        "appeal_expected": pa.array(appeal.expected_I[kept]),
    }
    return pa.table({name: columns[name] for name in FEATURES_ITEM_APPEAL.column_names})


def build(
    panel: Iterable[tuple[date, pa.Table]],
    *,
    items: Iterable[tuple[date, pa.Table]],
    config: AppealConfig,
) -> Iterator[pa.Table]:
    """Find the appeals of items at the end of some days.

    Args:
        panel: Days of ``tables.FEATURES_PANEL``: those that are made, and as many before them as
            ``AppealConfig.num_days`` takes.
        items: The days to make, each with ``ITEM_COLUMNS`` of ``tables.SILVER_ITEMS`` as of its
            end.
        config: How few looks are trusted.

    Yields:
        A day's rows of ``tables.FEATURES_ITEM_APPEAL``.
    """
    seen, tables = zip(*panel, strict=True)
    known = dict(zip(seen, looks_of(tables), strict=True))
    for day, listed in items:
        window = [known[one] for one in seen if 0 <= (day - one).days < config.num_days]
        catalogue = Catalogue.of(listed)
        yield rows(day, catalogue, found(together(window), catalogue, config))
