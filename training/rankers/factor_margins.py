"""A fitted factorisation machine laid out for scoring: what it says of many rows of few users.

It adds up what ``training.rankers.factorization`` does, by tables in which a number's weight and
its slope are one, and what a user's numbers say is added up once for rows of his that follow one
another. Sums are made in one order, whatever rows stand beside a row.

Shapes: N rows, E numbers, K edges of a number, R values of words and items, D width.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from training.fields import Fields, place_within
from training.inputs import Inputs, is_of_user
from training.rankers.by_fields import FieldRanker
from training.rankers.factorization import FactorizationHead

_CLICK: Final = "click"


class _Tables(NamedTuple):
    """What compiled code reads."""

    edge_EK: np.ndarray
    """float32, ascending; infinite behind a number's last."""
    said_EK: np.ndarray
    """float64: what a number says that is missing, and then by the edges below it."""
    of_user_A: np.ndarray
    """int64: numbers that are the user's alone."""
    others_B: np.ndarray
    """int64: the other numbers."""
    weight_R: np.ndarray
    """float32."""
    vector_RD: np.ndarray
    """float32."""
    square_R: np.ndarray
    """float64: of the vectors' lengths."""
    base: float
    """The weight of every row."""


@dataclass(frozen=True, slots=True)
class FactorMargins:
    """The click head of a machine."""

    fields: Fields
    tables: _Tables

    @classmethod
    def of(cls, fitted: FieldRanker) -> "FactorMargins":
        """Lay a fitted machine out."""
        head, known = fitted.heads[_CLICK], fitted.fields
        if not isinstance(head, FactorizationHead):
            raise TypeError(f"{fitted.name} is no factorisation machine")
        numeric, size_F = known.encoder.numeric, known.size_F
        edge_EK = known.edge_EK
        said_EK = np.zeros((len(numeric), edge_EK.shape[1] + 2))
        slope_F = head.weight_W[-1 - len(known.names) : -1].astype(np.float64)
        first_F = np.cumsum(size_F) - size_F
        for e in range(len(numeric)):
            own = slice(first_F[e], first_F[e] + size_F[e])
            said_EK[e, : size_F[e]] = head.weight_W[own] + slope_F[e] * head.quantile_V[own]
        is_users_E = np.array([is_of_user(name) for name in numeric], bool)
        num_values, vector_RD = len(head.quantile_V), head.vector_RD
        tables = _Tables(
            edge_EK,
            said_EK,
            np.flatnonzero(is_users_E),
            np.flatnonzero(~is_users_E),
            head.weight_W[num_values - len(vector_RD) : num_values],
            vector_RD,
            (vector_RD.astype(np.float64) ** 2).sum(axis=1),
            float(head.weight_W[-1]),
        )
        return cls(known, tables)

    def of_rows(self, matrix_NF: np.ndarray, given: Inputs) -> np.ndarray:
        """Add up what rows' values and pairs of words say: float32, N.

        Args:
            matrix_NF: float32, row by row; its first columns are the machine's numbers, NaN where
                missing.
            given: The same rows.
        """
        found_N = np.empty(len(given), np.float32)
        word_NR = self.fields.word_values(given)
        _margins(matrix_NF, matrix_NF.view(np.int32), word_NR, self.tables, found_N)
        return found_N


@njit(cache=True)
def _said(
    number_F: np.ndarray, which: np.ndarray, edge_EK: np.ndarray, said_EK: np.ndarray
) -> float:
    """Add up what some of a row's numbers say."""
    total = 0.0
    for n in range(len(which)):
        e = which[n]
        total += said_EK[e, place_within(number_F[e], edge_EK[e])]
    return total


@njit(cache=True)
def _said_together(word_R: np.ndarray, tables: _Tables, sum_D: np.ndarray) -> float:
    """Add up what a row's words say, each alone and each two together."""
    sum_D[:] = 0.0
    total = 0.0
    for r in word_R:
        total += tables.weight_R[r] - 0.5 * tables.square_R[r]
        for d in range(len(sum_D)):
            sum_D[d] += tables.vector_RD[r, d]
    for d in range(len(sum_D)):
        total += 0.5 * sum_D[d] * sum_D[d]
    return total


@njit(cache=True)
def _are_alike(one_F: np.ndarray, other_F: np.ndarray, which: np.ndarray) -> bool:
    for n in range(len(which)):  # noqa: SIM110 - numba knows no generators
        if one_F[which[n]] != other_F[which[n]]:
            return False
    return True


@njit(cache=True)
def _margins(
    number_NF: np.ndarray,
    bits_NF: np.ndarray,
    word_NR: np.ndarray,
    tables: _Tables,
    found_N: np.ndarray,
) -> None:
    sum_D = np.empty(tables.vector_RD.shape[1])
    edge_EK, said_EK = tables.edge_EK, tables.said_EK
    of_user = 0.0
    for row in range(len(found_N)):
        if row == 0 or not _are_alike(bits_NF[row], bits_NF[row - 1], tables.of_user_A):
            of_user = _said(number_NF[row], tables.of_user_A, edge_EK, said_EK)
        of_others = _said(number_NF[row], tables.others_B, edge_EK, said_EK)
        together = _said_together(word_NR[row], tables, sum_D)
        found_N[row] = tables.base + of_user + of_others + together
