"""Exact top-K by the product of a user's and an item's vector, masks applied meanwhile.

No scores are laid down: a C kernel (``top_k.c``, compiled by ``make setup``) keeps only what is
above a user's K-th best so far; where it is missing, numba does the same (``top_k_numba.py``), up
to rounding. A user's list depends on nobody beside him, bit for bit: neither on the users of a
call nor on their order.

Shapes: U users, D numbers of a vector, I items, N items that may be listed, K places.
"""

import ctypes
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from training import c_library
from training.retrieval import top_k_numba
from training.retrieval.interactions import Interactions

NO_ITEM: Final = -1
"""Fills a list that is shorter than asked for."""
NUMBA: Final = "numba"
"""The kernel that is always there."""
_LOG: Final = logging.getLogger(__name__)


class MismatchedQueryError(ValueError):
    """Vectors and masks are not of the same users, items or width."""


@dataclass(frozen=True, slots=True)
class Masks:
    """What is not listed."""

    histories: Interactions | None = None
    """Of the U users asked for: what each has seen is not listed to him."""
    is_allowed_I: np.ndarray | None = None
    """bool: what may be listed to anybody; everything where it is not given."""


@dataclass(frozen=True, slots=True)
class Query:
    """Whom to list for, and what may be listed.

    A vector with NaN stands for somebody or something that is not known: he gets no list, it is in
    none. Vectors of no numbers say nothing: nobody gets a list.
    """

    user_UD: np.ndarray
    """float32."""
    item_ID: np.ndarray
    """float32."""
    masks: Masks = field(default_factory=Masks)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query as kernels read it: arrays that lie row by row."""

    user_UD: np.ndarray
    """float32, D > 0."""
    item_ID: np.ndarray
    """float32."""
    item_N: np.ndarray
    """int64, ascending."""
    indptr: np.ndarray
    """int64, U + 1: user u has seen the items seen_S[indptr[u]] … seen_S[indptr[u + 1]]."""
    seen_S: np.ndarray
    """int64, ascending within a user."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One way to answer."""

    name: str
    """``NUMBA``, or the instructions that the C kernel uses: avx512f, avx2, portable."""
    fill: Callable[[Prepared, np.ndarray, np.ndarray], None]
    """Fills items (int32, U × K) and scores (float32, U × K), best first."""


def top_k(
    query: Query, *, num_items: int, kernel: Kernel | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """List the items whose vectors have the largest products with each user's.

    Args:
        query: Whom to list for, and what may be listed.
        num_items: K.
        kernel: Which kernel answers; the fastest there is where it is not given.

    Returns:
        item_UK: int32, best first, ties by number, smaller first; ``NO_ITEM`` where a list ends.
        score_UK: float32, the products; −inf where a list ends.

    Raises:
        MismatchedQueryError: If the query's parts do not fit one another.
    """
    _require_one_shape(query)
    num_users, width = query.user_UD.shape
    item_UK = np.full((num_users, num_items), NO_ITEM, np.int32)
    score_UK = np.full((num_users, num_items), -np.inf, np.float32)
    if num_users and width and num_items:
        (kernel or in_use()).fill(_prepared(query), item_UK, score_UK)
    return item_UK, score_UK


@cache
def in_use() -> Kernel:
    """Find the fastest kernel there is: the compiled one for this processor, or numba's."""
    library = c_library.path(c_library.TOP_K)
    if library.exists():
        return compiled(library)[0]
    _LOG.debug("no %s (make setup, with a C compiler): numba lists candidates", library)
    return of_numba()


def of_numba() -> Kernel:
    """Make the kernel that is always there."""
    return Kernel(NUMBA, _fill_by_numba)


def compiled(library: Path) -> tuple[Kernel, ...]:
    """Load the C kernels that run on this processor, the fastest first."""
    loaded = ctypes.CDLL(str(library))
    loaded.top_k.argtypes = _ARGUMENTS
    kinds = c_library.kinds(loaded, c_library.TOP_K)
    return tuple(Kernel(name, _filled_by(loaded, number)) for number, name in kinds)


_SIZE: Final = ctypes.c_int64
_FLOATS: Final = np.ctypeslib.ndpointer(np.float32, flags="C")
_NUMBERS: Final = np.ctypeslib.ndpointer(np.int64, flags="C")
_ITEMS: Final = np.ctypeslib.ndpointer(np.int32, flags="C")
_ARGUMENTS: Final = (
    *(ctypes.c_int, _FLOATS, _SIZE, _FLOATS, _NUMBERS, _SIZE, _SIZE),
    *(_NUMBERS, _NUMBERS, _SIZE, _ITEMS, _FLOATS),
)
"""As ``top_k`` of ``top_k.c`` declares them."""


def _filled_by(
    loaded: ctypes.CDLL, number: int
) -> Callable[[Prepared, np.ndarray, np.ndarray], None]:
    def fill(query: Prepared, item_UK: np.ndarray, score_UK: np.ndarray) -> None:
        num_users, width = query.user_UD.shape
        users, items = (query.user_UD, num_users), (query.item_ID, query.item_N, len(query.item_N))
        seen = (query.indptr, query.seen_S)
        found = loaded.top_k(
            number, *users, *items, width, *seen, item_UK.shape[1], item_UK, score_UK
        )
        if found:
            raise MemoryError(f"no memory for lists of {item_UK.shape[1]} items")

    return fill


def _fill_by_numba(query: Prepared, item_UK: np.ndarray, score_UK: np.ndarray) -> None:
    top_k_numba.best_products(
        (query.user_UD, query.item_ID),
        query.item_N,
        (query.indptr, query.seen_S),
        (item_UK, score_UK),
    )


def _require_one_shape(query: Query) -> None:
    """Refuse what a kernel would read beyond its end."""
    known, allowed = query.masks.histories, query.masks.is_allowed_I
    users = {len(query.user_UD)} | ({len(known)} if known is not None else set())
    items = {len(query.item_ID)} | ({len(allowed)} if allowed is not None else set())
    widths = {query.user_UD.shape[1], query.item_ID.shape[1]}
    for name, sizes in (("users", users), ("items", items), ("numbers of a vector", widths)):
        if len(sizes) > 1:
            raise MismatchedQueryError(
                f"vectors and masks should be of the same {name}, they are of {sorted(sizes)}"
            )


def _prepared(query: Query) -> Prepared:
    num_users, num_items = len(query.user_UD), len(query.item_ID)
    allowed = query.masks.is_allowed_I
    item_N = np.arange(num_items) if allowed is None else np.flatnonzero(allowed)
    indptr, seen_S = np.zeros(num_users + 1, np.int64), np.empty(0, np.int64)
    known = query.masks.histories
    if known is not None:
        order = np.lexsort((known.item_N, known.row_N))
        indptr, seen_S = known.indptr, known.item_N[order]
    user_UD = np.ascontiguousarray(query.user_UD, np.float32)
    item_ID = np.ascontiguousarray(query.item_ID, np.float32)
    return Prepared(user_UD, item_ID, item_N, np.ascontiguousarray(indptr), seen_S)
