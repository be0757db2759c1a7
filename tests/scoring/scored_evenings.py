"""Evenings whose slates a ranker made, as ``scoring.parity`` is given a sample of them."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import arrow_schema
from etl.live_slots import slot_named
from etl.surfaces import LIVE_STREAMS, PRODUCT_FEED, Surface
from etl.tables import FEATURES_USER_PAIRS, SLATES
from scoring.explore import ExplorationConfig
from scoring.parity import Sample
from scoring.rank import Serving
from scoring.slate_rows import user_rows
from scoring.slates import NightModel, SlateConfig, compose
from tests.training.known_evening import (
    EVENING,
    Row,
    candidates_of,
    drawn_candidates,
    drawn_item,
    drawn_state,
    drawn_user,
    side_of,
    table_of,
    user_daily,
)
from training import registry, user_side
from training.item_side import ItemSide
from training.promote import Champion
from training.rankers.ranker import Ranker

NUM_USERS, NUM_ITEMS = 8, 30
SLATE: Final = SlateConfig(k=8, exploration=ExplorationConfig(rate=0.3))
_WORDS: Final = ("shoes", "hats", "rare")


@dataclass(frozen=True, kw_only=True)
class Night:
    """What one night made slates of; a test changes a part of it."""

    surface: Surface
    users: pa.Table
    """With ``candidates`` and ``feature_date``."""
    pairs: pa.Table
    items: ItemSide
    serving: Serving

    def slates(self) -> pa.Table:
        """Make the slates as a night does."""
        [(evening, users, state)] = user_side.evenings(
            self.users, self.pairs.drop_columns(["last_event_at"])
        )
        asked = users.append_column("segment", pa.array(["||"] * users.num_rows))
        chosen = compose(
            evening,
            asked,
            state,
            items=self.items,
            made_with=NightModel("unused", self.serving),
            surface=self.surface,
            config=SLATE,
        )
        champion = self.serving.champion
        rows = user_rows(chosen, asked, evening=evening, champion=champion)
        return rows.cast(arrow_schema(SLATES[self.surface.name].schema))

    def sample(self, slates: pa.Table) -> Sample:
        """What is compared of this night, where ``slates`` are stored."""
        return Sample(
            evening=EVENING,
            surface=self.surface,
            users=self.users,
            pairs=self.pairs,
            items=self.items,
            slates=slates,
            serving=self.serving,
            histories=None,
        )


def serving_of(fitted: Ranker, *, model_date: date = date(2026, 1, 8)) -> Serving:
    """Let a ranker serve."""
    champion = Champion("any", fitted.name, model_date, EVENING, "rule", "it was better")
    files = fitted.save()
    return Serving(champion, registry.sha256_of(files), files)


def drawn_night(fitted: Ranker, *, seed: int = 3, surface: Surface = PRODUCT_FEED) -> Night:
    """Draw users, some without history or candidates, and items with the words of the fit."""
    rng = np.random.default_rng(seed)
    users = [{**drawn_user(rng, f"u{n}")} for n in range(NUM_USERS)]
    candidates = [drawn_candidates(rng, NUM_ITEMS - 3) for _ in range(NUM_USERS)]
    asked = (
        user_daily(*users)
        .append_column("feature_date", pa.array([EVENING] * NUM_USERS, pa.date32()))
        .append_column("candidates", candidates_of(*candidates))
    )
    return Night(
        surface=surface,
        users=asked,
        pairs=drawn_pairs(rng),
        items=drawn_items(rng, surface),
        serving=serving_of(fitted),
    )


def drawn_items(rng: np.random.Generator, surface: Surface) -> ItemSide:
    """Draw items of a surface."""
    return side_of(*(_item(rng, n, surface) for n in range(NUM_ITEMS)))


def _item(rng: np.random.Generator, item_no: int, surface: Surface) -> Row:
    drawn = drawn_item(rng, item_no) | {"category": str(rng.choice(_WORDS))}
    slot = slot_named(f"h{item_no}", weekday=6, hour=20 + item_no % 2)
    named = slot if surface is LIVE_STREAMS else f"p{item_no}"
    rate = {"click_rate_28d": float(rng.random()) if item_no % 4 else None}
    return drawn | rate | {"item_type": surface.item_type, "item_id": named}


def drawn_pairs(rng: np.random.Generator) -> pa.Table:
    """Draw two days of features/user_pairs: users are touched on either, both or none."""
    rows = [
        {"user_id": f"u{n}", "arrival_date": EVENING - timedelta(days=ago), **state}
        for n in range(NUM_USERS)
        for ago in (3, 0)
        if (state := drawn_state(rng, NUM_ITEMS)) is not None
    ]
    return table_of(FEATURES_USER_PAIRS, rows)


def changed(slates: pa.Table, field: str, by: float) -> pa.Table:
    """Slates of which one user's first item says something else."""
    rows = slates.to_pylist()
    first = next(row for row in rows if row["items"])
    first["items"][0][field] += by
    return pa.Table.from_pylist(rows, slates.schema)
