"""Measures slates against a shop's truth: values, the lift share, and where value is lost.

Lift share = Σ (V(ours) − V(popularity)) / Σ (V(observable) − V(popularity)), over users, with a
95 % bootstrap interval by user; the foresight share has foresight's value for observable's.
The loss is split on users with a slate of their own, from the best slate that true state allows:
best − shown = retrieval + ranking + rules + exploration.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from simulator.state import State
from simulator.truth.oracle import Loss, Slated, losses
from simulator.truth.worth import value
from simulator.world.world import World
from training.metrics import Interval, bootstrap_ratio

_LOST: Final = ("retrieval", "ranking", "rules", "exploration")


@dataclass(frozen=True, slots=True)
class Ways:
    """What the product made for U users, from candidates to what is shown: int32, items."""

    candidate_UC: np.ndarray
    ordered_UK: np.ndarray
    """The ranker's order, before rules."""
    ruled_UK: np.ndarray
    """After rules, before exploration."""
    shown_UK: np.ndarray
    others: Mapping[str, np.ndarray]
    """Slates by other policies: U × K each."""
    has_own_U: np.ndarray
    """bool: the user has candidates of his own; else a stand-in row is shown to him."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One surface on one evening; values are means over users, in units of one click."""

    num_users: int
    value: float
    popularity: float
    observable: float
    foresight: float
    lift_share: float
    low: float
    high: float
    foresight_share: float
    others: dict[str, dict[str, float]]
    """For each other policy its value and lift share with its interval."""
    loss: dict[str, float]
    """Parts of the best value that are lost, and ``best`` itself."""

    def json(self) -> dict[str, Any]:
        """Write it with plain numbers."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Standard:
    """What U users' slates of one surface are measured by: float64, U, values each."""

    popular_U: np.ndarray
    observable_U: np.ndarray
    foresight_U: np.ndarray

    @classmethod
    def of(cls, world: World, state: State, users: np.ndarray, truth: Slated) -> "Standard":
        """Value the slates that others are measured by, with the state at the evening's end."""
        slates = (truth.popularity_UK, truth.observable_UK, truth.foresight_UK)
        return cls(*(value(world, state, users, slate_UK) for slate_UK in slates))

    def lift_share(self, value_U: np.ndarray, *, seed: int) -> Interval:
        """Say what part of observable's lift over popularity values reach."""
        return self._share(value_U, self.observable_U, seed)

    def foresight_share(self, value_U: np.ndarray, *, seed: int) -> Interval:
        """Say what part of foresight's lift over popularity values reach."""
        return self._share(value_U, self.foresight_U, seed)

    def _share(self, value_U: np.ndarray, best_U: np.ndarray, seed: int) -> Interval:
        return bootstrap_ratio(value_U - self.popular_U, best_U - self.popular_U, seed=seed)


def measure(  # noqa: PLR0913
    world: World, state: State, users: np.ndarray, *, truth: Slated, ways: Ways, seed: int
) -> Measured:
    """Measure one surface.

    Args:
        world: The shop.
        state: At the end of the evening whose slates are measured.
        users: int64, U.
        truth: The slates that others are measured by.
        ways: What the product made.
        seed: Of the bootstrap.
    """
    standard = Standard.of(world, state, users, truth)
    shown_U = value(world, state, users, ways.shown_UK)
    found = standard.lift_share(shown_U, seed=seed)
    by_others = {name: value(world, state, users, slate) for name, slate in ways.others.items()}
    return Measured(
        num_users=len(users),
        value=float(shown_U.mean()),
        popularity=float(standard.popular_U.mean()),
        observable=float(standard.observable_U.mean()),
        foresight=float(standard.foresight_U.mean()),
        lift_share=found.mean,
        low=found.low,
        high=found.high,
        foresight_share=standard.foresight_share(shown_U, seed=seed).mean,
        others={
            name: {
                "value": float(value_U.mean()),
                **_said(standard.lift_share(value_U, seed=seed)),
            }
            for name, value_U in by_others.items()
        },
        loss=_split(world, state, users, truth.foresight_UK, ways),
    )


def _said(found: Interval) -> dict[str, float]:
    return {"lift_share": found.mean, "low": found.low, "high": found.high}


def _split(
    world: World, state: State, users: np.ndarray, best_UK: np.ndarray, ways: Ways
) -> dict[str, float]:
    own = np.flatnonzero(ways.has_own_U)
    parts = (best_UK, ways.candidate_UC, ways.ordered_UK, ways.ruled_UK, ways.shown_UK)
    found: Loss = losses(world, state, users[own], tuple(part[own] for part in parts))  # type: ignore[arg-type]
    lost = {name: float(getattr(found, f"{name}_U").mean()) for name in _LOST}
    return {"best": float(found.best_U.mean()), "num_users": len(own), **lost}
