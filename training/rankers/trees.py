"""Predicts by boosted trees as xgboost does, to the last bit, in a fraction of its time.

A C kernel (``trees.c``, compiled by ``make setup``) takes panels of rows through the trees of all
heads at once. Where it is missing, or a booster is of a kind that it does not know
(``trees_forest.UnknownTreesError``), xgboost predicts.

Shapes: H heads, N rows, F features.
"""

import ctypes
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import xgboost as xgb

from training import c_library
from training.calibrators.calibrator import logit
from training.rankers import trees_forest
from training.rankers.trees_forest import Forest, UnknownTreesError

_LOG: Final = logging.getLogger(__name__)
_LEAST: Final = 1e-7
"""A float32 that is nearer to 0 or 1 says no log-odds."""


class MismatchedFeaturesError(ValueError):
    """Rows are not of the features that the trees were fitted on."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One way to predict."""

    name: str
    """The instructions that the C kernel uses: avx512f, avx2, portable."""
    fill: Callable[[Forest, np.ndarray, np.ndarray], None]
    """Of rows (float32, N × F, row by row) fills chances (float32, H × N)."""


def forest(heads: Mapping[str, xgb.Booster]) -> Forest | None:
    """Lay heads out for the kernel; None where xgboost has to predict."""
    if in_use() is None:
        return None
    try:
        return trees_forest.of_heads(heads.values())
    except UnknownTreesError as error:
        _LOG.debug("xgboost predicts by its trees: %s", error)
        return None


def predicted(
    matrix_NF: np.ndarray,
    heads: Mapping[str, xgb.Booster],
    laid_out: Forest | None,
    kernel: Kernel | None = None,
) -> dict[str, np.ndarray]:
    """Predict by each head.

    Args:
        matrix_NF: float32, NaN where missing.
        heads: Boosters by task.
        laid_out: ``forest`` of them.
        kernel: Which kernel predicts; the fastest there is where it is not given.

    Returns:
        For each head N chances, float32.

    Raises:
        MismatchedFeaturesError: If the rows are of other features.
    """
    kernel = kernel or in_use()
    if laid_out is None or kernel is None:
        return {task: head.inplace_predict(matrix_NF) for task, head in heads.items()}
    if matrix_NF.shape[1] != laid_out.num_features:
        raise MismatchedFeaturesError(
            f"trees of {laid_out.num_features} features got rows of {matrix_NF.shape[1]}"
        )
    p_HN = np.empty((len(heads), len(matrix_NF)), np.float32)
    kernel.fill(laid_out, np.ascontiguousarray(matrix_NF, np.float32), p_HN)
    return dict(zip(heads, p_HN, strict=True))


def margins(p_N: np.ndarray) -> np.ndarray:
    """Log-odds of chances that trees predicted: float64, N."""
    return logit(np.clip(p_N.astype(np.float64), _LEAST, 1 - _LEAST))


@cache
def in_use() -> Kernel | None:
    """Find the fastest kernel for this processor, where one was compiled."""
    library = c_library.path(c_library.TREES)
    if library.exists():
        return compiled(library)[0]
    _LOG.debug("no %s (make setup, with a C compiler): xgboost predicts by its trees", library)
    return None


def compiled(library: Path) -> tuple[Kernel, ...]:
    """Load the C kernels that run on this processor, the fastest first."""
    loaded = ctypes.CDLL(str(library))
    loaded.trees.argtypes = _ARGUMENTS
    kinds = c_library.kinds(loaded, c_library.TREES)
    return tuple(Kernel(name, _filled_by(loaded, number)) for number, name in kinds)


class _Forest(ctypes.Structure):
    """``struct forest`` of ``trees.c``."""

    _fields_ = (
        ("num_features", ctypes.c_int64),
        ("num_plain", ctypes.c_int64),
        ("num_left", ctypes.c_int64),
        ("num_groups", ctypes.c_int64),
        ("num_heads", ctypes.c_int64),
        ("feature_C", ctypes.c_void_p),
        ("column_L", ctypes.c_void_p),
        ("group_G", ctypes.c_void_p),
        ("word_W", ctypes.c_void_p),
        ("split_S", ctypes.c_void_p),
        ("leaf_S", ctypes.c_void_p),
        ("depth_T", ctypes.c_void_p),
        ("num_trees_H", ctypes.c_void_p),
        ("base_H", ctypes.c_void_p),
    )

    @classmethod
    def of(cls, laid_out: Forest) -> "_Forest":
        """Point at the arrays, which have to outlive it."""
        parts = (laid_out.feature_C, laid_out.column_L, laid_out.group_G, laid_out.num_trees_H)
        found = cls(laid_out.num_features, *map(len, parts))
        for name in Forest.__slots__[1:]:
            setattr(found, name, getattr(laid_out, name).ctypes.data)
        return found


_ROWS: Final = np.ctypeslib.ndpointer(np.float32, ndim=2, flags="C")
_ARGUMENTS: Final = (ctypes.c_int, ctypes.POINTER(_Forest), _ROWS, ctypes.c_int64, _ROWS)
"""As ``trees`` of ``trees.c`` declares them."""


def _filled_by(
    loaded: ctypes.CDLL, number: int
) -> Callable[[Forest, np.ndarray, np.ndarray], None]:
    def fill(laid_out: Forest, matrix_NF: np.ndarray, p_HN: np.ndarray) -> None:
        if loaded.trees(number, _Forest.of(laid_out), matrix_NF, len(matrix_NF), p_HN):
            raise MemoryError("no memory for a panel of rows")

    return fill
