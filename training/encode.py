"""Turns words into numbers by a rule that is fitted once and saved with the model.

A word that is rare, or was not there when the encoder was fitted, is missing: a tree then takes the
side that missing values take, and no model ever sees a number it was not fitted on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.inputs import Inputs, Layout

_AT_ONCE: Final = 2048
"""Rows encoded together: as many as stay in a core's cache between the look and the copy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderConfig:
    """Which words are worth a number of their own."""

    min_count: int = 100
    """Examples in which a word must occur."""
    max_words: int = 500
    """Words kept of one feature, the most frequent first."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """The numbers that are read, and the words each feature knows, in the order of their codes."""

    vocabularies: Mapping[str, tuple[str, ...]]
    numeric: tuple[str, ...]
    """Those that the fit was allowed to read."""

    @property
    def names(self) -> list[str]:
        """Columns of ``matrix`` in order."""
        return [*self.numeric, *self.vocabularies]

    @property
    def types(self) -> list[str]:
        """Xgboost's type of each column: q a quantity, c a category."""
        return ["q"] * len(self.numeric) + ["c"] * len(self.vocabularies)

    @property
    def layout(self) -> Layout:
        """What it reads."""
        return Layout(self.numeric, tuple(self.vocabularies))

    def matrix(self, inputs: Inputs, *, room: int = 0) -> np.ndarray:
        """Encode rows: float32, N × columns, NaN where missing, infinite or unknown.

        Args:
            inputs: The rows.
            room: Columns behind these that the caller fills.

        Raises:
            MissingColumnError: If the rows lack a column.
        """
        inputs.require(self.layout)
        matrix_NF = np.empty((len(inputs), len(self.names) + room), np.float32)
        read = _run([inputs.layout.numeric.index(name) for name in self.numeric])
        for first in range(0, len(inputs), _AT_ONCE):
            number_NF = inputs.numeric_NF[first : first + _AT_ONCE, read]
            encoded_NF = matrix_NF[first : first + _AT_ONCE, : len(self.numeric)]
            encoded_NF[:] = number_NF
            encoded_NF[np.isinf(number_NF)] = np.nan
        for number, name in enumerate(self.vocabularies, start=len(self.numeric)):
            matrix_NF[:, number] = self.codes(name, inputs.words[name])
        return matrix_NF

    def codes(self, name: str, words: pa.DictionaryArray) -> np.ndarray:
        """Encode one feature: float32, NaN where missing or unknown."""
        known = pa.array(self.vocabularies[name], pa.string())
        of_word = pc.index_in(words.dictionary.cast(pa.string()), value_set=known)
        codes = of_word.cast(pa.float32()).take(words.indices)
        return codes.to_numpy(zero_copy_only=False)


def _run(columns: list[int]) -> list[int] | slice:
    """Columns that lie beside one another as a slice, of which numpy makes no copy."""
    run = slice(columns[0], columns[-1] + 1) if columns else slice(0)
    return run if columns == list(range(run.start or 0, run.stop)) else columns


def fit(batches: Iterable[Inputs], config: EncoderConfig, *, numeric: Sequence[str]) -> Encoder:
    """Count the words of all batches and keep the frequent ones; ties by the word itself.

    Args:
        batches: What the fit reads.
        config: Which words are worth a number.
        numeric: Those numeric features that it may read.
    """
    counts: dict[str, dict[str, int]] = {}
    for inputs in batches:
        for name in inputs.layout.words:
            _add(counts.setdefault(name, {}), inputs.words[name])
    return Encoder({name: _kept(found, config) for name, found in counts.items()}, tuple(numeric))


def _add(counts: dict[str, int], words: pa.DictionaryArray) -> None:
    for found in pc.value_counts(words.indices.drop_null()).to_pylist():
        word = words.dictionary[found["values"]].as_py()
        counts[word] = counts.get(word, 0) + found["counts"]


def _kept(counts: dict[str, int], config: EncoderConfig) -> tuple[str, ...]:
    # Files of rankers part their words by NUL: one that holds it is as unknown as a rare one.
    frequent = [w for w, count in counts.items() if count >= config.min_count and "\0" not in w]
    return tuple(sorted(frequent, key=lambda word: (-counts[word], word))[: config.max_words])
