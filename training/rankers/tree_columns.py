"""What trees read of a row: its numbers, its words as codes, and what its words say together.

A tree asks one word at a time, and of a pair that no count is about it finds nothing among some
thousand makers. A factorisation machine learns such pairs (``training.rankers.factorization``). The
trees of clicks begin from its log-odds and learn what it does not say: what has not improved on the
stopping days is the machine itself. To the other heads, whose odds are others, its log-odds of a
click are one more number, which they cut as any other (Wolpert, Neural Networks 1992; trees behind
another model: Ling et al., WWW 2017). The machine's shrinkage is chosen on the stopping days, so
that what it says of what it learned from is hardly better than of the rest (docs/decisions/0037).

Shapes: N rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any, Final

import numpy as np

from training import encode
from training.calibrators.calibrator import chance
from training.encode import Encoder, EncoderConfig
from training.inputs import Inputs, Layout
from training.permitted import PermittedConfig, permitted
from training.rankers import factorization, parts, trees
from training.rankers.by_fields import FieldRanker
from training.rankers.factor_margins import FactorMargins
from training.rankers.factorization import FactorizationConfig
from training.rankers.ranker import Batch, Days
from training.split import Split

FACTORS: Final = "factorization_log_odds"
"""The column of the machine's log-odds of a click where a row is looked at."""
_CLICK: Final = "click"


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnsConfig:
    """What trees are told of rows."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    """Which words are worth a number."""
    factors: FactorizationConfig | None = field(default_factory=FactorizationConfig)
    """Of the factorisation machine; None, and there is none."""
    permitted: PermittedConfig = field(default_factory=PermittedConfig)
    """When ranks and scores of sources may be read."""


@dataclass(frozen=True)
class Columns:
    """The columns of a matrix, in order: numbers, codes of words, the machine's log-odds."""

    encoder: Encoder
    factors: FieldRanker | None
    """Reads the encoder's numbers and words; None, and there is no such column."""

    @property
    def names(self) -> list[str]:
        """Columns of ``matrix``."""
        return [*self.encoder.names, *([FACTORS] if self.factors else [])]

    @property
    def types(self) -> list[str]:
        """Xgboost's type of each: q a quantity, c a category."""
        return [*self.encoder.types, *(["q"] if self.factors else [])]

    @property
    def layout(self) -> Layout:
        """What is read of rows."""
        return self.encoder.layout

    def matrix(self, given: Inputs) -> np.ndarray:
        """Encode rows: float32, N × columns, NaN where missing, infinite or unknown.

        Raises:
            MissingColumnError: If the rows lack a column.
        """
        if self._margins is None:
            return self.encoder.matrix(given)
        matrix_NF = self.encoder.matrix(given, room=1)
        matrix_NF[:, -1] = self._margins.of_rows(matrix_NF, given)
        return matrix_NF

    def begins(self, task: str) -> bool:
        """Whether a task's trees begin from the machine's log-odds."""
        return self.factors is not None and task == _CLICK

    def apart(self, matrix_NF: np.ndarray, task: str) -> dict[str, np.ndarray]:
        """Say what a task's trees are grown on: of whom they begin from, they are not told."""
        if not self.begins(task):
            return {"data": matrix_NF}
        begun_N = matrix_NF[:, -1].copy()
        matrix_NF[:, -1] = np.nan
        return {"data": matrix_NF, "base_margin": begun_N}

    def together(self, p_N: np.ndarray, matrix_NF: np.ndarray, task: str) -> np.ndarray:
        """Add what a task's trees begin from to what they say: chances, float32, N."""
        if not self.begins(task):
            return p_N
        return chance(trees.margins(p_N) + matrix_NF[:, -1]).astype(np.float32)

    @property
    def base(self) -> float:
        """What the machine says of every row; 0 where there is none."""
        return self._margins.tables.base if self._margins else 0.0

    @cached_property
    def _margins(self) -> FactorMargins | None:
        """The machine as the kernel reads it."""
        return FactorMargins.of(self.factors) if self.factors else None

    def rules(self) -> dict[str, Any]:
        """What JSON says of them; ``load`` reads it."""
        return {
            "words": list(self.encoder.vocabularies.items()),
            "numeric": self.encoder.numeric,
            "has_factors": self.factors is not None,
        }

    def files(self) -> dict[str, bytes]:
        """The machine's, named as a part's; none where there is none."""
        return parts.named(factorization.NAME, self.factors.save() if self.factors else {})


def load(rules: Mapping[str, Any], files: Mapping[str, bytes]) -> Columns:
    """Make the columns again from their rules and the files of the whole model.

    Raises:
        KeyError: If a rule is missing.
        UnknownModelError: If a file of the machine is missing or cut off.
    """
    words = {name: tuple(words) for name, words in rules["words"]}
    of_factors = parts.of(factorization.NAME, files)
    factors = factorization.load(of_factors) if rules["has_factors"] else None
    return Columns(Encoder(words, tuple(rules["numeric"])), factors)


def fit(days: Days, split: Split, config: ColumnsConfig, seed: int) -> Columns:
    """Learn which words have a number, and the machine. The place is never a column."""
    permits = permitted(map(days, split.fit), config.permitted)
    numeric = [name for name in permits.numeric if name != "position"]
    given = (days(day).given for day in split.fit)
    encoder = encode.fit(given, config.encoder, numeric=numeric)
    return Columns(encoder, _factors(days, split, config.factors, seed))


def _factors(
    days: Days, split: Split, config: FactorizationConfig | None, seed: int
) -> FieldRanker | None:
    """Learn the machine, of clicks alone: the other heads read what it says of them too."""
    if config is None:
        return None

    def clicks(day: date) -> Batch:
        batch = days(day)
        return replace(batch, label={"click": batch.label["click"]})

    return factorization.fit(clicks, split, config, seed)
