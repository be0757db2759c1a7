"""A factorisation machine: a weight for each value of a field, and a vector for each word.

Rendle, ICDM 2010: a row's values add their weights, and each two of its words the product of their
vectors, Σ_{i<j} ⟨v_i, v_j⟩ = ½ Σ_d ((Σ_i v_id)² − Σ_i v_id²); the item is one of the words. Numbers
have no vectors: one for each quantile of each number is some thousand that every row asks about,
and even one for each number learns more by heart than it finds (docs/experiments.md). Weights, and
slopes along numbers' quantiles, are learned by ``training.rankers.ftrl``, vectors by Adagrad (Duchi
et al., JMLR 2011) with one rate a vector, an example after another.

Shapes: N rows, F fields, V values, R values of words, D width, W weights: of values, of slopes, the
last of every row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numba import njit

from training.fields import Fields
from training.inputs import Inputs
from training.rankers import by_fields, ftrl
from training.rankers.by_fields import FieldRanker, Lesson, PassesConfig
from training.rankers.ftrl import OF_SLOPES, slope, step
from training.rankers.ranker import Days
from training.split import Split

NAME: Final = "factorization"
_EASED: Final = 1.0
"""Adagrad's sums at first: steps go by slopes until these have added up, so that what was hardly
ever seen stays near nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FactorizationConfig(PassesConfig):
    """How weights and vectors are learned."""

    width: int = 16
    """D."""
    learning_rate: float = 0.02
    """Of a vector that has seen nothing."""
    deviation: float = 0.01
    """Of the vectors' first numbers."""
    decay: float = 0.003
    """λ of vectors, at each example that has them."""
    num_passes: int = 6


@dataclass(slots=True)
class FactorizationHead:
    """Weights and vectors."""

    quantile_V: np.ndarray
    """float32: what slopes go along."""
    num_numbers: int
    """Fields without vectors, which come first."""
    weight_W: np.ndarray
    """float32."""
    vector_RD: np.ndarray
    """float32: of the last R values."""
    state_W3: np.ndarray
    """float64: FTRL's state of the weights; empty in a head that was loaded."""
    learned_R: np.ndarray
    """float32: Adagrad's sums of the vectors, likewise."""
    rate: tuple[float, float, float, float]
    """α, β, λ1, λ2 of the weights."""
    turning: tuple[float, float]
    """Learning rate and λ of the vectors."""

    def learn(self, lesson: Lesson, order_N: np.ndarray) -> None:
        """Learn from examples, in this order."""
        state = (self.state_W3, self.learned_R)
        _learn(lesson.arrays, order_N, self._model, state, (self.rate, self.turning))

    def margin(self, value_NF: np.ndarray) -> np.ndarray:
        """Add up what rows' values and pairs of them say: float32, N."""
        found = np.empty(len(value_NF), np.float32)
        _margins(value_NF, self._model, found)
        return found

    @property
    def _model(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        return self.quantile_V, self.weight_W, self.vector_RD, self.num_numbers

    def arrays(self) -> dict[str, np.ndarray]:
        """Write weights and vectors."""
        return {
            "quantiles": self.quantile_V,
            "weights": self.weight_W,
            "vectors": self.vector_RD,
            "num_numbers": np.array(self.num_numbers),
        }


def fit(days: Days, split: Split, config: FactorizationConfig, seed: int) -> FieldRanker:
    """Learn weights and vectors for each task on the days of ``split``.

    Args:
        days: Reads one day's examples.
        split: The days to learn from and to stop on.
        config: How they are learned.
        seed: Of the vectors' start and of the order within a day.
    """

    def make(known: Fields, strength: float) -> FactorizationHead:
        num_numbers = len(known.encoder.numeric)
        num_rows = int(known.size_F[num_numbers:].sum())
        drawn = np.random.default_rng(seed).standard_normal((num_rows, config.width))
        num_weights = known.num_values + len(known.names) + 1
        return FactorizationHead(
            known.quantile_V,
            num_numbers,
            np.zeros(num_weights, np.float32),
            (drawn * config.deviation).astype(np.float32),
            ftrl.nothing_learned(num_weights),
            np.full(num_rows, _EASED, np.float32),
            (config.alpha, config.beta, config.l1, strength),
            (config.learning_rate, config.decay),
        )

    return by_fields.fit(NAME, days, split, make=make, config=config, seed=seed)


def terms(fitted: FieldRanker, given: Inputs) -> dict[tuple[str, ...], float]:
    """Take apart what one row's click head adds up: by field, and by each two of its words.

    Returns:
        Log-odds by names of fields; with the weight of every row (under no name) they add up to the
        head's margin.
    """
    head = fitted.heads["click"]
    if not isinstance(head, FactorizationHead):
        raise TypeError(f"{fitted.name} is no factorisation machine")
    names, (value_F,) = fitted.fields.names, fitted.fields.values(given)
    own_F = head.weight_W[value_F]
    along_F = head.weight_W[-1 - len(names) : -1] * head.quantile_V[value_F]
    found: dict[tuple[str, ...], float] = {(): float(head.weight_W[-1])}
    found |= {(name,): float(own_F[f] + along_F[f]) for f, name in enumerate(names)}
    words = range(head.num_numbers, len(names))
    vector_VD = head.vector_RD.astype(np.float64)
    before = len(head.quantile_V) - len(vector_VD)
    for one, other in combinations(words, 2):
        both = vector_VD[value_F[one] - before] @ vector_VD[value_F[other] - before]
        found[names[one], names[other]] = float(both)
    return found


def load(files: Mapping[str, bytes]) -> FieldRanker:
    """Make the model again from what its ``save`` wrote.

    Raises:
        UnknownModelError: If a file is missing.
    """
    return by_fields.load(NAME, files, _head_of)


def _head_of(arrays: Mapping[str, np.ndarray]) -> FactorizationHead:
    quantile_V, weight_W, vector_RD = (arrays[n] for n in ("quantiles", "weights", "vectors"))
    state, learned = ftrl.nothing_learned(0), np.empty(0, np.float32)
    rate, turning = (0.0, 1.0, 0.0, 0.0), (0.0, 0.0)
    num_numbers = int(arrays["num_numbers"])
    return FactorizationHead(
        quantile_V, num_numbers, weight_W, vector_RD, state, learned, rate, turning
    )


@njit(cache=True)
def _sum(
    value_F: np.ndarray, model: tuple[np.ndarray, np.ndarray, np.ndarray, int], sum_D: np.ndarray
) -> float:
    """Add up what a row's values and pairs of them say; fill the sum of its vectors."""
    quantile_V, weight_W, vector_RD, num_numbers = model
    num_fields, width = len(value_F), len(sum_D)
    first, before = len(weight_W) - 1 - num_fields, len(quantile_V) - len(vector_RD)
    total = np.float64(weight_W[-1])
    for f in range(num_fields):
        v = value_F[f]
        total += weight_W[v] + weight_W[first + f] * quantile_V[v]
    sum_D[:] = 0.0
    squares = 0.0
    for f in range(num_numbers, num_fields):
        r = value_F[f] - before
        for d in range(width):
            number = np.float64(vector_RD[r, d])
            sum_D[d] += number
            squares += number * number
    pairs = 0.0
    for d in range(width):
        pairs += sum_D[d] * sum_D[d]
    return total + 0.5 * (pairs - squares)


@njit(cache=True)
def _margins(
    value_NF: np.ndarray, model: tuple[np.ndarray, np.ndarray, np.ndarray, int], found_N: np.ndarray
) -> None:
    sum_D = np.empty(model[2].shape[1])
    for row in range(value_NF.shape[0]):
        found_N[row] = _sum(value_NF[row], model, sum_D)


@njit(cache=True)
def _learn(
    lesson: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    order_N: np.ndarray,
    model: tuple[np.ndarray, np.ndarray, np.ndarray, int],
    state: tuple[np.ndarray, np.ndarray],
    rates: tuple[tuple[float, float, float, float], tuple[float, float]],
) -> None:
    value_NF, label_N, example_weight_N, seen_N = lesson
    quantile_V, weight_W, vector_RD, num_numbers = model
    state_W3, learned_R = state
    rate, turning = rates
    gentle = (rate[0], rate[1], 0.0, rate[3] * OF_SLOPES)
    free = (rate[0], rate[1], 0.0, 0.0)
    num_fields = value_NF.shape[1]
    last, before = len(weight_W) - 1, len(quantile_V) - len(vector_RD)
    sum_D = np.empty(vector_RD.shape[1])
    for row in order_N:
        total = _sum(value_NF[row], model, sum_D)
        down = slope(total, label_N[row], example_weight_N[row], seen_N[row])
        step(state_W3, weight_W, last, down, free)
        for f in range(num_fields):
            v = value_NF[row, f]
            step(state_W3, weight_W, v, down, rate)
            step(state_W3, weight_W, last - num_fields + f, down * quantile_V[v], gentle)
        for f in range(num_numbers, num_fields):
            r = value_NF[row, f] - before
            _turn(vector_RD[r], learned_R[r : r + 1], down, sum_D, turning)


@njit(cache=True)
def _turn(
    vector_D: np.ndarray,
    learned_1: np.ndarray,
    slope: float,
    sum_D: np.ndarray,
    turning: tuple[float, float],
) -> None:
    """Adagrad for a vector: one rate for all its numbers, by the mean square of its slopes."""
    squares = 0.0
    for d in range(len(sum_D)):
        down = slope * (sum_D[d] - vector_D[d]) + turning[1] * vector_D[d]
        squares += down * down
    learned_1[0] += squares / len(sum_D)
    pace = turning[0] / np.sqrt(learned_1[0])
    for d in range(len(sum_D)):
        down = slope * (sum_D[d] - vector_D[d]) + turning[1] * vector_D[d]
        vector_D[d] -= pace * down
