"""Holds what a night scored against the training path: the same features, the same scores.

Whoever learns reads examples, which one path writes as rows of a table and another reads; whoever
scores never sees that table. Here the candidates of a few users are written as examples of both
kinds, read back as fits read them and scored by the night's champion: that must give what the
slates hold. The features that scoring makes of the same candidates are compared too, so that a
difference has a name.

What of the lake a sample is made of stands in ``orchestration.parity_rows``.
Shapes: U users, R candidates of theirs.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from etl.surfaces import Surface
from scoring.hours import Hours
from scoring.parity_differences import (
    Candidates,
    Difference,
    Places,
    of_features,
    of_rankers,
    of_scores,
)
from scoring.parity_examples import IMPRESSIONS, TrainingPath
from scoring.rank import Serving, rank
from scoring.slates import described
from scoring.value import ValueConfig
from training import user_side
from training.histories import ReadHistories
from training.item_side import ItemSide
from training.seeds import streams

_SHOWN: Final = 4
"""Differences that a sentence names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParityConfig:
    """How much is compared, and how exactly."""

    num_users: int = 20
    """Users of a surface and night, with all their places."""
    within: float = 1e-6
    """How far two numbers may differ, absolutely and as a share of the number."""
    salt: str = "parity"
    """Seeds the sample together with day, surface and user."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What one evening's tables hold of a few users, and who scored for them."""

    evening: date
    """The day after whose end the slates were made."""
    surface: Surface
    users: pa.Table
    """U rows, sorted by user_id, none of whom opted out: user_id, feature_date (the evening),
    ``candidates`` and what the assembler reads of ``tables.FEATURES_USER_DAILY``."""
    pairs: pa.Table
    """Their rows of ``tables.FEATURES_USER_PAIRS``, from the full partition before the evening."""
    items: ItemSide
    """Of the evening."""
    slates: pa.Table
    """Their rows of ``tables.SLATES``."""
    serving: Serving
    """The night's champion, a ranker, with his files."""
    histories: ReadHistories | None
    """Reads what examples' users had done, as fits do; None where the champion reads no history.
    Otherwise ``pairs`` have ``long`` of ``tables.FEATURES_USER_HISTORY`` beside them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """What a comparison found."""

    evening: date
    num_users: int
    num_candidates: int
    """Whose features were compared."""
    num_places: int
    """Whose scores were compared."""
    features: tuple[Difference, ...]
    """What scoring and examples do not read alike, both as the code is now."""
    scores: tuple[Difference, ...]
    """What the slates hold and the champion does not say of examples."""

    @property
    def differences(self) -> tuple[Difference, ...]:
        """All that was found, features first."""
        return (*self.features, *self.scores)

    @property
    def is_kept(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def __str__(self) -> str:
        if self.is_kept:
            return (
                f"{self.num_places} places of {self.num_users} users score alike, and so read the "
                f"features of their {self.num_candidates} candidates"
            )
        found = [*map(str, self.differences)]
        more = f" (and {len(found) - _SHOWN} more)" if len(found) > _SHOWN else ""
        return f"{'; '.join(found[:_SHOWN])}{more}. {self._what_to_do}"

    @property
    def _what_to_do(self) -> str:
        again = f"make the night again: nightmarket night --day {self.evening}"
        if self.features:
            return (
                "Rankers learn these features otherwise than they are given them. Find where the "
                "paths part (both begin in training/assemble.py; training/example_rows.py writes "
                "examples and training/inputs.py reads them, scoring/slates.py scores), mend it, "
                f"fit again where the examples were wrong, and {again}"
            )
        return (
            "Both paths read features alike now, so the slates were made of another evening's "
            "tables, by another model, or by other code or settings than today's. Find which, and "
            f"{again}"
        )


def drawn(users: pa.Array, *, evening: date, surface: Surface, config: ParityConfig) -> pa.Array:
    """Draw the users of an evening and surface that are compared, by a seed: ascending."""
    stream = streams(users, day=evening, surface=surface.name, purpose=config.salt)
    return users.take(pa.array(np.argsort(stream)[: config.num_users])).sort()


def compare(sample: Sample, *, value: ValueConfig, config: ParityConfig) -> Parity:
    """Make a sample's features and scores by the training path, and hold the night against them.

    Args:
        sample: At least one user.
        value: What the surface wants.
        config: How exactly.
    """
    [(evening, users, state)] = user_side.evenings(sample.users, _arrays(sample.pairs))
    rows, given = described(evening, users, state, items=sample.items)
    candidates = Candidates(rows, users.column("user_id").combine_chunks(), sample.items)
    path = TrainingPath(sample.surface, evening, sample.items, sample.histories)
    trained = dict(path.examples(rows, users, state))
    features = [
        found
        for kind, training in trained.items()
        for found in of_features(given, training, candidates, kind=kind, within=config.within)
    ]
    places = Places.of(sample.slates)
    scores = list(of_rankers(sample.slates, sample.serving.champion))
    learned = trained[IMPRESSIONS]
    if learned is not None:
        hours = Hours.of(rows, users=users, items=sample.items)
        ranked = rank(rows, learned, serving=sample.serving, config=value, hours=hours)
        scores += of_scores(places, ranked, candidates, within=config.within)
    return Parity(
        evening=evening,
        num_users=users.num_rows,
        num_candidates=len(rows.item_R),
        num_places=len(places),
        features=tuple(features),
        scores=tuple(scores),
    )


def _arrays(pairs: pa.Table) -> pa.Table:
    """As ``user_side.state_of`` gives them."""
    return pairs.drop_columns(["last_event_at"])
