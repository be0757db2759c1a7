"""Makes slates/<surface>: the ordered K items of every user, and the rows that stand in for them.

Candidates are ranked, the best are chosen under the caps, exploration draws last. A user who opted
out gets an empty row that names his segment; the segment's row and the default row are made of
popularity in the same way, without exploration.

What happens to a batch of users is ``compose``; where its columns go is ``scoring.slate_rows``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.surfaces import Surface
from etl.tables import SLATES
from scoring.explore import ExplorationConfig, explore
from scoring.grid import layout
from scoring.hours import Hours
from scoring.rank import Ranked, Serving, rank, reads_histories
from scoring.rerank import choose
from scoring.slate_rows import Chosen, user_rows
from scoring.value import ValueConfig
from training import user_side
from training.assemble import USER_COLUMNS, Rows, assemble
from training.inputs import SCORED_POSITION, Inputs
from training.item_side import ItemSide, mapped_items
from training.seeds import streams

CAPPED: Final = {"seller_cap": "seller_id", "category_cap": "category"}
"""For each rule the item's group that it counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SlateConfig:
    """What one surface's slate looks like."""

    k: int = 50
    """Places of the slate."""
    reserve_share: float = 0.2
    """Places of the reserve as a share of K."""
    caps: Mapping[str, int] = field(default_factory=lambda: {"seller_cap": 15, "category_cap": 30})
    """For each of ``CAPPED`` the places that one group may hold, slate and reserve together."""
    value: ValueConfig = field(default_factory=ValueConfig)
    """What the surface wants."""
    exploration: ExplorationConfig = field(default_factory=ExplorationConfig)
    """How much is given to finding out."""
    num_buckets: int = 4
    """Groups of users in memory one at a time; no row depends on it."""

    @property
    def num_reserve(self) -> int:
        """Places of the reserve."""
        return math.ceil(self.k * self.reserve_share)


@dataclass(frozen=True, slots=True)
class NightModel:
    """What one night's slates are made with."""

    items: str
    """The item side's name under which Spark sent it."""
    serving: Serving

    def state_read(self, state: pa.Table) -> pa.Table:
        """Leave out of users' states what the champion does not read."""
        has_histories = "long" in state.column_names
        if not has_histories or reads_histories(self.serving):
            return state
        return state.drop_columns(["long"])


def build(  # noqa: PLR0913
    users: DataFrame,
    *,
    candidates: DataFrame,
    pairs: DataFrame,
    history: DataFrame | None,
    surface: Surface,
    nights: Mapping[date, NightModel],
    config: SlateConfig,
) -> DataFrame:
    """Make the slates of every active user of each night.

    Args:
        users: Rows of ``tables.FEATURES_USER_DAILY`` of the nights.
        candidates: Rows of ``tables.CANDIDATES[surface.name]`` of the nights.
        pairs: Rows of ``tables.FEATURES_USER_PAIRS`` from the full partition before the first
            night on.
        history: Rows of ``tables.FEATURES_USER_HISTORY`` of the same days; None if no champion of
            the nights reads histories.
        surface: For which surface.
        nights: The nights' item sides (already sent with ``SparkContext.addFile``) and champions.
        config: What a slate looks like.

    Returns:
        Rows of ``tables.SLATES[surface.name]`` with audience ``user``.
    """
    schema = SLATES[surface.name].schema
    night = F.col("arrival_date").alias("feature_date")
    known = user_side.segments(users).select(
        night, "user_id", "segment", "is_personalisation_off", *USER_COLUMNS
    )
    proposed = candidates.select(night, "user_id", F.col("items").alias("candidates"))

    def kernel(evening: date, asked: pa.Table, state: pa.Table) -> pa.Table:
        made_with = nights[evening]
        items = mapped_items(made_with.items)
        chosen = compose(
            evening, asked, state, items=items, made_with=made_with, surface=surface, config=config
        )
        return user_rows(chosen, asked, evening=evening, champion=made_with.serving.champion)

    return user_side.answer(
        known.join(proposed, ["feature_date", "user_id"], "left"),
        user_side.state_of(pairs, None if history is None else user_side.long_of(history)),
        kernel=kernel,
        schema=schema,
        num_buckets=config.num_buckets,
    )


def compose(  # noqa: PLR0913
    evening: date,
    asked: pa.Table,
    state: pa.Table,
    *,
    items: ItemSide,
    made_with: NightModel,
    surface: Surface,
    config: SlateConfig,
) -> Chosen:
    """Rank, choose and explore for one batch of users.

    Args:
        evening: The day after whose end the slates are made.
        asked: U users: user_id, segment, ``candidates`` and features/user_daily's features.
        state: Their rows of ``tables.FEATURES_USER_PAIRS`` as of the evening, with ``long`` of
            ``tables.FEATURES_USER_HISTORY`` for a champion that reads histories.
        items: The evening's item side.
        made_with: The night's champion.
        surface: For which surface.
        config: What a slate looks like.
    """
    rows, given = described(evening, asked, made_with.state_read(state), items=items)
    hours = Hours.of(rows, users=asked, items=items)
    ranked = rank(rows, given, serving=made_with.serving, config=config.value, hours=hours)
    stream_U = streams(
        asked.column("user_id"),
        day=evening,
        surface=surface.name,
        purpose=config.exploration.salt,
    )
    return arrange(rows, ranked, items=items, stream_U=stream_U, config=config)


def described(
    evening: date, asked: pa.Table, state: pa.Table, *, items: ItemSide
) -> tuple[Rows, Inputs]:
    """List what is ranked for one batch of users, and what is known of it.

    Args:
        evening: The day after whose end the slates are made.
        asked: U users: ``candidates`` and features/user_daily's features.
        state: Their rows of ``tables.FEATURES_USER_PAIRS`` as of the evening, with ``long`` where
            histories are read.
        items: The evening's item side.

    Returns:
        The candidates of those who did not opt out, and their features in the same order.
    """
    rows = _of_those_who_want(Rows.of(asked.column("candidates"), position=SCORED_POSITION), asked)
    return rows, assemble(rows, users=asked, state=state, items=items, evening=evening)


def arrange(
    rows: Rows, ranked: Ranked, *, items: ItemSide, stream_U: np.ndarray, config: SlateConfig
) -> Chosen:
    """Choose the best under the caps, then explore.

    Args:
        rows: The candidates of U users.
        ranked: What they are worth.
        items: The evening's item side.
        stream_U: uint64, one stream of random numbers a user (``training.seeds``).
        config: What a slate looks like.
    """
    groups = groups_of(rows, items)
    grid = layout(rows.user_R, rows.item_R, ranked.value_R, groups=groups, num_users=len(stream_U))
    exploited = choose(grid, num_places=config.k + config.num_reserve, caps=config.caps)
    explored = explore(grid, exploited, k=config.k, stream_U=stream_U, config=config.exploration)
    return Chosen(rows, ranked, items, grid, exploited, explored, config.k)


def groups_of(rows: Rows, items: ItemSide) -> dict[str, np.ndarray]:
    """Name the groups that the caps count: for each rule int64, R, −1 where it is not known."""
    place_R = items.places(rows.item_R)
    return {rule: items.codes(group)[place_R] for rule, group in CAPPED.items()}


def _of_those_who_want(rows: Rows, asked: pa.Table) -> Rows:
    is_off = asked.column("is_personalisation_off").to_numpy(zero_copy_only=False).astype(bool)
    return rows.chosen(~is_off[rows.user_R])
