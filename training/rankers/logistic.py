"""Logistic regression on fields and hashed crosses of them, learned by ``training.rankers.ftrl``.

A number has a weight for each of its quantiles and a slope along them, which needs less to be
known. What is crossed, and where, says ``training.rankers.hashed_crosses``.

Shapes: N rows, F fields, C crosses, V values, W weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit

from training.fields import Fields
from training.rankers import by_fields, ftrl
from training.rankers.by_fields import FieldRanker, Lesson, PassesConfig
from training.rankers.ftrl import OF_SLOPES, slope, step
from training.rankers.hashed_crosses import of_telling, place
from training.rankers.ranker import Days
from training.split import Split

NAME: Final = "logistic"


@dataclass(frozen=True, kw_only=True, slots=True)
class LogisticConfig(PassesConfig):
    """How weights are learned."""

    num_crossed: int = 12
    """Fields that are crossed with one another: those that tell most about clicks."""
    hash_bits: int = 20
    """Crosses share 2^bits weights."""


@dataclass(slots=True)
class LogisticHead:
    """Weights of values, of hashed crosses, of fields' slopes and, last, of every row."""

    pair_C2: np.ndarray
    """int64: the fields of each cross."""
    quantile_V: np.ndarray
    """float32: what slopes go along."""
    weight_W: np.ndarray
    """float32."""
    state_W3: np.ndarray
    """float64: FTRL's z and n; empty in a head that was loaded."""
    rate: tuple[float, float, float, float]
    """α, β, λ1, λ2."""

    def learn(self, lesson: Lesson, order_N: np.ndarray) -> None:
        """Learn from examples, in this order."""
        _learn(lesson.arrays, order_N, self._model, self.state_W3, self.rate)

    def margin(self, value_NF: np.ndarray) -> np.ndarray:
        """Add up the weights of rows: float32, N."""
        found = np.empty(len(value_NF), np.float32)
        _margins(value_NF, self._model, found)
        return found

    @property
    def _model(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.pair_C2, self.quantile_V, self.weight_W

    def arrays(self) -> dict[str, np.ndarray]:
        """Write the weights."""
        return {"pairs": self.pair_C2, "quantiles": self.quantile_V, "weights": self.weight_W}


def fit(days: Days, split: Split, config: LogisticConfig, seed: int) -> FieldRanker:
    """Learn weights for each task on the days of ``split``.

    Args:
        days: Reads one day's examples.
        split: The days to learn from and to stop on.
        config: How weights are learned.
        seed: Of the order within a day.
    """

    def make(known: Fields, strength: float) -> LogisticHead:
        crosses = of_telling(
            known, days(split.fit.last), config.num_crossed, hash_bits=config.hash_bits
        )
        num_weights = crosses.size + len(known.names) + 1
        weight_W, state_W3 = np.zeros(num_weights, np.float32), ftrl.nothing_learned(num_weights)
        rate = (config.alpha, config.beta, config.l1, strength)
        return LogisticHead(crosses.pair_C2, known.quantile_V, weight_W, state_W3, rate)

    return by_fields.fit(NAME, days, split, make=make, config=config, seed=seed)


def load(files: Mapping[str, bytes]) -> FieldRanker:
    """Make the model again from what its ``save`` wrote.

    Raises:
        UnknownModelError: If a file is missing.
    """
    return by_fields.load(NAME, files, _head_of)


def _head_of(arrays: Mapping[str, np.ndarray]) -> LogisticHead:
    pair_C2, quantile_V, weight_W = (arrays[n] for n in ("pairs", "quantiles", "weights"))
    return LogisticHead(
        pair_C2, quantile_V, weight_W, ftrl.nothing_learned(0), (0.0, 1.0, 0.0, 0.0)
    )


@njit(cache=True)
def _touched(
    value_F: np.ndarray, model: tuple[np.ndarray, np.ndarray, np.ndarray], found: np.ndarray
) -> None:
    """List the weights of a row: of its values, crosses and slopes, and of every row."""
    pair_C2, quantile_V, weight_W = model
    num_fields, num_crosses = len(value_F), pair_C2.shape[0]
    num_values, first_slope = len(quantile_V), len(weight_W) - 1 - num_fields
    for f in range(num_fields):
        found[f] = value_F[f]
        found[num_fields + num_crosses + f] = first_slope + f
    for c in range(num_crosses):
        mask = first_slope - num_values - 1
        found[num_fields + c] = place(value_F, pair_C2[c], num_values, mask)
    found[-1] = len(weight_W) - 1


@njit(cache=True)
def _sum(
    value_F: np.ndarray, model: tuple[np.ndarray, np.ndarray, np.ndarray], touched: np.ndarray
) -> float:
    _, quantile_V, weight_W = model
    num_fields = len(value_F)
    first = len(touched) - 1 - num_fields
    total = np.float64(weight_W[touched[-1]])
    for t in range(first):
        total += weight_W[touched[t]]
    for f in range(num_fields):
        total += weight_W[touched[first + f]] * quantile_V[value_F[f]]
    return total


@njit(cache=True)
def _margins(
    value_NF: np.ndarray, model: tuple[np.ndarray, np.ndarray, np.ndarray], found_N: np.ndarray
) -> None:
    touched = np.empty(2 * value_NF.shape[1] + model[0].shape[0] + 1, np.int64)
    for row in range(value_NF.shape[0]):
        _touched(value_NF[row], model, touched)
        found_N[row] = _sum(value_NF[row], model, touched)


@njit(cache=True)
def _learn(
    lesson: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    order_N: np.ndarray,
    model: tuple[np.ndarray, np.ndarray, np.ndarray],
    state_W3: np.ndarray,
    rate: tuple[float, float, float, float],
) -> None:
    value_NF, label_N, example_weight_N, seen_N = lesson
    _, quantile_V, weight_W = model
    gentle = (rate[0], rate[1], 0.0, rate[3] * OF_SLOPES)
    free = (rate[0], rate[1], 0.0, 0.0)
    touched = np.empty(2 * value_NF.shape[1] + model[0].shape[0] + 1, np.int64)
    first = len(touched) - 1 - value_NF.shape[1]
    for row in order_N:
        _touched(value_NF[row], model, touched)
        total = _sum(value_NF[row], model, touched)
        down = slope(total, label_N[row], example_weight_N[row], seen_N[row])
        for t in range(first):
            step(state_W3, weight_W, touched[t], down, rate)
        for f in range(value_NF.shape[1]):
            along = down * quantile_V[value_NF[row, f]]
            step(state_W3, weight_W, touched[first + f], along, gentle)
        step(state_W3, weight_W, touched[-1], down, free)
