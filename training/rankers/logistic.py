"""Logistic regression on fields and hashed crosses of them, learned by ``training.rankers.ftrl``.

A number has a weight for each of its quantiles and a slope along
them, which needs less to be known. What is crossed are the fields that tell most about clicks, two
at a time; a cross's weight lies at the hash of its two values.

Shapes: N rows, F fields, C crosses, V values, W weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numba import njit

from training.fields import Fields
from training.rankers import by_fields
from training.rankers.by_fields import FieldRanker, Lesson, PassesConfig
from training.rankers.ftrl import OF_SLOPES, slope, step
from training.rankers.ranker import Batch, Days
from training.split import Split

NAME: Final = "logistic"
_LEAST: Final = 1e-7


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
    state_2W: np.ndarray
    """float64: FTRL's z and n; empty in a head that was loaded."""
    rate: tuple[float, float, float, float]
    """α, β, λ1, λ2."""

    def learn(self, lesson: Lesson, order_N: np.ndarray) -> None:
        """Learn from examples, in this order."""
        _learn(lesson.arrays, order_N, self._model, self.state_2W, self.rate)

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
        telling = _telling(known, days(split.fit.last), config.num_crossed)
        pair_C2 = np.array(list(combinations(telling, 2)), np.int64).reshape(-1, 2)
        num_weights = known.num_values + (1 << config.hash_bits) + len(known.names) + 1
        weight_W, state_2W = np.zeros(num_weights, np.float32), np.zeros((2, num_weights))
        rate = (config.alpha, config.beta, config.l1, strength)
        return LogisticHead(pair_C2, known.quantile_V, weight_W, state_2W, rate)

    return by_fields.fit(NAME, days, split, make=make, config=config, seed=seed)


def load(files: Mapping[str, bytes]) -> FieldRanker:
    """Make the model again from what its ``save`` wrote.

    Raises:
        UnknownModelError: If a file is missing.
    """
    return by_fields.load(NAME, files, _head_of)


def _head_of(arrays: Mapping[str, np.ndarray]) -> LogisticHead:
    pair_C2, quantile_V, weight_W = (arrays[n] for n in ("pairs", "quantiles", "weights"))
    return LogisticHead(pair_C2, quantile_V, weight_W, np.empty((2, 0)), (0.0, 1.0, 0.0, 0.0))


def _telling(known: Fields, batch: Batch, num: int) -> list[int]:
    """Fields by how much a day's clicks depend on their value (mutual information), most first."""
    value_NF, click_N = known.values(batch.given), batch.label["click"].astype(np.float64)
    first_F = np.cumsum(known.size_F) - known.size_F
    told = [
        _mutual(value_NF[:, f] - first, click_N, batch.weight_N, size)
        for f, (first, size) in enumerate(zip(first_F, known.size_F, strict=True))
    ]
    order = sorted(range(len(told)), key=lambda f: (-told[f], f))
    return sorted(f for f in order[:num] if told[f] > 0)


def _mutual(value_N: np.ndarray, click_N: np.ndarray, weight_N: np.ndarray, size: int) -> float:
    """Nats that a value tells about a click, less what as many values would tell by chance."""
    total_V = np.bincount(value_N, weight_N, minlength=size)
    click_V = np.bincount(value_N, weight_N * click_N, minlength=size)
    total, clicks = total_V.sum(), click_V.sum()
    if not 0 < clicks < total:
        return 0.0
    told = (
        _entropy(np.array(clicks / total))
        - total_V
        @ _entropy(np.divide(click_V, total_V, out=np.zeros(size), where=total_V > 0))
        / total
    )
    # A table of independent counts tells (values − 1) / 2N nats.
    return float(told - (np.count_nonzero(total_V) - 1) / (2 * len(value_N)))


def _entropy(p: np.ndarray) -> np.ndarray:
    inner = np.clip(p, _LEAST, 1 - _LEAST)
    return -(inner * np.log(inner) + (1 - inner) * np.log1p(-inner))


@njit(cache=True)
def _place(value_F: np.ndarray, pair_2: np.ndarray, num_values: int, mask: int) -> int:
    """Where the weight of a row's cross lies: a multiply-xorshift hash of its two values."""
    mixed = np.uint64(value_F[pair_2[0]]) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= np.uint64(value_F[pair_2[1]]) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return int(num_values + np.int64(mixed & np.uint64(mask)))


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
        found[num_fields + c] = _place(value_F, pair_C2[c], num_values, mask)
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
    state_2W: np.ndarray,
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
            step(state_2W, weight_W, touched[t], down, rate)
        for f in range(value_NF.shape[1]):
            along = down * quantile_V[value_NF[row, f]]
            step(state_2W, weight_W, touched[first + f], along, gentle)
        step(state_2W, weight_W, touched[-1], down, free)
