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
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from training.calibrators.calibrator import chance, logit
from training.encode import Encoder
from training.inputs import Inputs, Layout
from training.rankers.by_fields import FieldRanker
from training.rankers.factor_margins import FactorMargins

FACTORS: Final = "factorization_log_odds"
"""The column of the machine's log-odds of a click where a row is looked at."""
_CLICK: Final = "click"
_LEAST: Final = 1e-7
"""No chance that trees say is nearer to 0 or 1."""


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
        margin_N = logit(np.clip(p_N.astype(np.float64), _LEAST, 1 - _LEAST)) + matrix_NF[:, -1]
        return chance(margin_N).astype(np.float32)

    @property
    def base(self) -> float:
        """What the machine says of every row; 0 where there is none."""
        return self._margins.tables.base if self._margins else 0.0

    @cached_property
    def _margins(self) -> FactorMargins | None:
        """The machine as the kernel reads it."""
        return FactorMargins.of(self.factors) if self.factors else None

    def files(self) -> Mapping[str, bytes]:
        """The machine's, none where there is none."""
        return self.factors.save() if self.factors else {}
