"""One user's evening as it was when his slate was made, made again from the rows of the lake.

Belongs here: how the rows that explanations rest on are laid out for the functions that made the
slate. What is said about it is ``scoring.explain``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from etl.surfaces import Surface
from scoring.rank import Serving
from scoring.slate_rows import Chosen
from scoring.slates import NightModel, SlateConfig, compose
from training import item_side
from training.item_side import ItemSide
from training.retrieval import latent_interests, source_lists
from training.retrieval.covisitation import CovisitationConfig
from training.retrieval.fitted import Fitted
from training.retrieval.learned import NIGHTLY
from training.retrieval.shelf import Shelf
from training.retrieval.source_lists import SourceLists
from training.user_side import UserBatch

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the lake holds of one user, one item and one evening."""

    evening: date
    """The day after whose end the slate was made."""
    surface: Surface
    item: Row
    """The item's row of ``tables.SILVER_ITEMS`` as of the evening."""
    user: pa.Table
    """His row of ``tables.FEATURES_USER_DAILY``, with ``segment``."""
    state: pa.Table
    """His row of ``tables.FEATURES_USER_PAIRS`` as of the evening, null where he has none, with
    ``short`` and ``long`` of ``tables.FEATURES_USER_HISTORY``."""
    slates: pa.Table
    """The evening's rows of ``tables.SLATES``: his own, his segment's, the default."""
    candidates: pa.Table
    """His row of ``tables.CANDIDATES``, if he has one."""
    item_daily: pa.Table
    """Rows of ``tables.FEATURES_ITEM_DAILY``: the item's, his candidates', those of his own items
    and of what shows products, of his whole history where the ranker reads it; where the item is no
    candidate, all that sources look up too."""
    popularity: pa.Table
    """Rows of ``tables.RETRIEVAL_POPULARITY`` of the lists that he can be proposed items of."""
    new_items: pa.Table
    """Rows of ``tables.RETRIEVAL_NEW_ITEMS`` of such lists."""
    covisitation: pa.Table
    """Rows of ``tables.RETRIEVAL_COVISITATION`` as of the evening, of his last items."""
    latent_interests: pa.Table
    """Rows of ``tables.RETRIEVAL_LATENT_INTERESTS`` of everybody and of his groups."""
    names: Mapping[int, str]
    """Item ids of his last items."""
    serving: Serving
    """Who ordered the slate."""
    models: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    """Files of the learned sources that proposed the item, or could where it is no candidate."""
    weights: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """What sources weigh, by group of users."""


@dataclass(frozen=True, slots=True)
class Again:
    """What the night had at hand for this user, and the slate it made of it."""

    batch: UserBatch
    """The user alone."""
    asked: pa.Table
    """What ``compose`` is asked for."""
    items: ItemSide
    lists: SourceLists
    """What sources could propose to him."""
    chosen: Chosen

    @classmethod
    def of(cls, known: Known, slate: SlateConfig) -> "Again":
        """Lay the rows out as the night did, and make the user's slate once more."""
        items = ItemSide(_arrays(item_side.arrays_of(known.item_daily)))
        lists = source_lists.arrays_of(
            known.popularity,
            new_items=known.new_items,
            covisitation=known.covisitation,
            evening=known.evening,
            half_life_days=CovisitationConfig().half_life_days,
        )
        lists |= latent_interests.arrays_of(known.latent_interests)
        asked = known.user.append_column("candidates", _candidates(known.candidates))
        chosen = compose(
            known.evening,
            asked,
            known.state,
            items=items,
            made_with=NightModel("", known.serving),
            surface=known.surface,
            config=slate,
        )
        batch = Shelf(items, known.surface).own(
            UserBatch.of(known.evening, known.user, known.state)
        )
        models = {name: Fitted.load(NIGHTLY[name], own) for name, own in known.models.items()}
        read = SourceLists(_arrays(lists), models, known.weights)
        return cls(batch, asked, items, read, chosen)


def _arrays(found: source_lists.Arrays) -> dict[str, pa.Array]:
    return {name: pa.array(array) for name, array in found.items()}


def _candidates(rows: pa.Table) -> pa.ChunkedArray:
    """The user's list of candidates; null where he has no row."""
    column = rows.column("items")
    return column if rows.num_rows else pa.chunked_array([pa.nulls(1, column.type)])
