"""Lays a row out as fields: each feature one of a few numbered values, for rankers without trees.

A number is the quantile that it lies in, a word the place in a vocabulary, an item itself where it
was shown often enough. What is missing, rare or new is value 0 of its field, so that no model sees
a number it was not fitted on. Values of all fields are numbered through: a table of weights or
vectors has a row for each.

Shapes: N rows, F fields, V values of all fields.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
from numba import njit

from training import codes, encode
from training.codes import Codes, CodesConfig
from training.encode import Encoder, EncoderConfig
from training.inputs import Inputs, Layout

ITEM: Final = "item"
"""The field that says which item it is."""
_SAMPLED: Final = 200_000
"""Rows of all days that quantiles are read off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldsConfig:
    """What is worth a value of its own."""

    num_bins: int = 24
    """Quantiles of a number."""
    words: EncoderConfig = field(
        default_factory=lambda: EncoderConfig(min_count=20, max_words=50_000)
    )
    """Which words."""
    items: CodesConfig = field(default_factory=lambda: CodesConfig(min_count=20))
    """Which items."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Fitted rules."""

    encoder: Encoder
    edges: Mapping[str, np.ndarray]
    """For each number float32, ascending: a value above the first n is in quantile n."""
    items: Codes
    """Of items that are values."""

    @property
    def names(self) -> tuple[str, ...]:
        """The fields in order."""
        return (*self.encoder.names, ITEM)

    @property
    def layout(self) -> Layout:
        """What is read."""
        return self.encoder.layout

    @property
    def size_F(self) -> np.ndarray:
        """Values of each field, 0 included: int64."""
        numbers = [len(self.edges[name]) + 2 for name in self.encoder.numeric]
        words = [len(known) + 1 for known in self.encoder.vocabularies.values()]
        return np.array([*numbers, *words, self.items.size], np.int64)

    @property
    def num_values(self) -> int:
        """V."""
        return int(self.size_F.sum())

    @property
    def quantile_V(self) -> np.ndarray:
        """Where each value of a number lies among its quantiles: float32.

        Of mean 0 and variance 1 over them; 0 for what is missing, and for words and items.
        """
        parts = []
        for size in self.size_F[: len(self.encoder.numeric)]:
            place = (np.arange(size - 1) + 0.5) / max(size - 1, 1)
            parts += [np.zeros(1), (place - 0.5) * np.sqrt(12.0)]
        rest = int(self.size_F[len(self.encoder.numeric) :].sum())
        return np.concatenate([*parts, np.zeros(rest)]).astype(np.float32)

    def values(self, given: Inputs) -> np.ndarray:
        """Number each row's values through all fields: int32, N × F."""
        return self._values(self.encoder.matrix(given), given)

    def _values(self, matrix_NF: np.ndarray, given: Inputs) -> np.ndarray:
        value_NF = np.empty((len(given), len(self.names)), np.int32)
        first_F = (np.cumsum(self.size_F) - self.size_F).astype(np.int32)
        _number(matrix_NF, self.edge_EK, first_F, value_NF)
        words = slice(len(self.encoder.numeric), len(self.names) - 1)
        value_NF[:, words] = np.nan_to_num(matrix_NF[:, words], nan=-1) + 1
        value_NF[:, words] += first_F[words]
        value_NF[:, -1] = self.items.of(given.item_N) + first_F[-1]
        return value_NF

    def word_values(self, given: Inputs) -> np.ndarray:
        """Number the values of words and items through their fields: int32, N × words and item."""
        names = self.encoder.vocabularies
        size_F = self.size_F[len(self.encoder.numeric) :]
        first_F = (np.cumsum(size_F) - size_F).astype(np.int32)
        value_NF = np.empty((len(given), len(names) + 1), np.int32)
        for column, name in enumerate(names):
            value_NF[:, column] = self.words(name, given.words[name])
        value_NF[:, -1] = self.items.of(given.item_N)
        value_NF += first_F
        return value_NF

    @property
    def edge_EK(self) -> np.ndarray:
        """Edges of each number, as many of each: nothing is above those that were added."""
        edges = [self.edges[name] for name in self.encoder.numeric]
        edge_EK = np.full((len(edges), max(map(len, edges), default=0)), np.inf, np.float32)
        for edge_K, own in zip(edge_EK, edges, strict=True):
            edge_K[: len(own)] = own
        return edge_EK

    def words(self, name: str, column: pa.DictionaryArray) -> np.ndarray:
        """Number the words of a field within it, 0 what it does not know: int32, any length."""
        return (np.nan_to_num(self.encoder.codes(name, column), nan=-1) + 1).astype(np.int32)

    def values_and_quantiles(self, given: Inputs) -> tuple[np.ndarray, np.ndarray]:
        """Number each row's values, and say where its numbers lie between their quantiles.

        Returns:
            ``values``, and float32, N × numbers, NaN where missing: from −√3 to √3, which is of
            mean 0 and variance 1 where all quantiles differ; what lies beyond the outermost lies at
            it.
        """
        matrix_NF = self.encoder.matrix(given)
        return self._values(matrix_NF, given), self._quantiles(matrix_NF)

    def _quantiles(self, matrix_NF: np.ndarray) -> np.ndarray:
        place_NE = np.empty((len(matrix_NF), len(self.encoder.numeric)), np.float32)
        for column, name in enumerate(self.encoder.numeric):
            edges = self.edges[name]
            share = np.arange(1, len(edges) + 1) / (len(edges) + 1)
            number_N = matrix_NF[:, column]
            place_N = (
                np.interp(number_N, edges, share) if len(edges) else np.full(len(number_N), 0.5)
            )
            place_NE[:, column] = np.where(np.isnan(number_N), np.nan, (place_N - 0.5) * 12**0.5)
        return place_NE

    def arrays(self) -> dict[str, np.ndarray]:
        """Write the rules as arrays by name."""
        vocabularies = self.encoder.vocabularies
        sizes = np.array([len(known) for known in vocabularies.values()], np.int64)
        words = [word for known in vocabularies.values() for word in known]
        return {
            "numeric": np.array(self.encoder.numeric, np.str_),
            "edges": np.concatenate([np.empty(0, np.float32), *self.edges.values()]),
            "num_edges": np.array([len(one) for one in self.edges.values()], np.int64),
            "words": np.array(list(vocabularies), np.str_),
            "num_words": sizes,
            "vocabulary": np.frombuffer("\0".join(words).encode(), np.uint8),
            "items": self.items.known_K,
            "num_hashed": np.array(self.items.num_hashed),
        }


def of_arrays(arrays: Mapping[str, np.ndarray]) -> Fields:
    """Make the rules again from what ``Fields.arrays`` wrote."""
    numeric = tuple(map(str, arrays["numeric"]))
    parts = np.split(arrays["edges"], np.cumsum(arrays["num_edges"])[:-1])
    written = arrays["vocabulary"].tobytes().decode()
    words = iter(written.split("\0") if arrays["num_words"].sum() else [])
    vocabularies = {
        str(name): tuple(next(words) for _ in range(size))
        for name, size in zip(arrays["words"], arrays["num_words"].tolist(), strict=True)
    }
    edges = dict(zip(numeric, parts, strict=False))
    items = Codes(arrays["items"], int(arrays["num_hashed"]))
    return Fields(Encoder(vocabularies, numeric), edges, items)


def fit(batches: Sequence[Inputs], config: FieldsConfig, *, numeric: Sequence[str]) -> Fields:
    """Read quantiles, words and items off what is learned from.

    Args:
        batches: The days.
        config: What is worth a value.
        numeric: Those numeric features that may be read.
    """
    encoder = encode.fit(batches, config.words, numeric=numeric)
    sampled = np.concatenate([_sampled(one, numeric, len(batches)) for one in batches])
    edges = {
        name: _edges(sampled[:, column], config.num_bins) for column, name in enumerate(numeric)
    }
    return Fields(encoder, edges, codes.fit((one.item_N for one in batches), config.items))


def _sampled(given: Inputs, numeric: Sequence[str], num_batches: int) -> np.ndarray:
    """Every so manieth row: float32, rows × numbers."""
    step = max(1, len(given) * num_batches // _SAMPLED)
    read = [given.layout.numeric.index(name) for name in numeric]
    return given.numeric_NF[::step, read]


def _edges(number_N: np.ndarray, num_bins: int) -> np.ndarray:
    known = number_N[np.isfinite(number_N)]
    if not len(known):
        return np.empty(0, np.float32)
    shares = np.arange(1, num_bins) / num_bins
    edges = np.unique(np.quantile(known, shares, method="lower").astype(np.float32))
    # Above the largest number nothing was seen.
    return edges[edges < known.max()]


@njit(cache=True)
def place_within(number: float, edge_K: np.ndarray) -> int:
    """Say which of its values a number is: one more than the edges below it, 0 if it is missing.

    All edges are counted: so few are compared several at a time, faster than the right one is
    searched.
    """
    below = np.int32(0)
    for k in range(len(edge_K)):
        below = np.int32(below + np.int32(edge_K[k] < number))
    return 0 if np.isnan(number) else int(below) + 1


@njit(cache=True)
def _number(
    number_NE: np.ndarray, edge_EK: np.ndarray, first_E: np.ndarray, value_NE: np.ndarray
) -> None:
    """Number the values of numbers: one more than the edges below it, 0 what is missing.

    The columns of ``number_NE`` and ``value_NE`` behind the numbers are left alone.
    """
    for row in range(number_NE.shape[0]):
        for e in range(len(edge_EK)):
            value_NE[row, e] = first_E[e] + place_within(number_NE[row, e], edge_EK[e])
