"""What every learned source promises, and the lists that one is asked for.

A source's module has ``fit(interactions, config=…, seed=…)`` and ``load(files)``; both give a value
that keeps this Protocol. All sources are run through one conformance test. A source scores from
histories alone, so that a user whom no fit has seen is scored like any other.

Shapes: U users of a block, I items, K places of a list.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Protocol, TypeVar

import numpy as np
from numba import njit
from scipy.sparse import csr_array

from training.retrieval.interactions import Interactions

NO_ITEM: Final = -1
"""Fills a list that is shorter than asked for."""
BLOCK_USERS: Final = 512
"""Users scored at once: memory does not follow the number of users."""


_ARRAYS: Final = "arrays.npz"
_SETTINGS: Final = "config.json"


class Config(Protocol):
    """Any source's settings: a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


AnyConfig = TypeVar("AnyConfig")


class UnknownSourceError(ValueError):
    """Files do not hold the source that they should."""


class Source(Protocol):
    """A fitted candidate generator."""

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Score every item for some users: float32, U × I, the caller's to write to.

        −inf is what the source knows nothing of; no score is NaN. An empty history gets −inf, or
        what holds for everybody.
        """
        ...

    def save(self) -> dict[str, bytes]:
        """Write what was learned as files by name, from which ``load`` makes it again."""
        ...


@dataclass(frozen=True, slots=True)
class Lists:
    """The best K items of each user, best first."""

    item_UK: np.ndarray
    """int32; ``NO_ITEM`` where a list ends."""
    score_UK: np.ndarray
    """float32; −inf where a list ends."""

    def found(self, truth: Interactions) -> np.ndarray:
        """Mark the places that hold what their user touched: bool, U × K."""
        wanted = truth.row_N << 32 | truth.item_N
        listed = np.arange(len(truth))[:, None] << 32 | self.item_UK.astype(np.int64)
        return np.isin(listed, wanted) & (self.item_UK != NO_ITEM)


def lists(source: Source, histories: Interactions, *, num_items: int) -> Lists:
    """Ask a source for its best items that are not in each user's history.

    Args:
        source: Whom to ask.
        histories: What is known of the users now.
        num_items: K.

    Returns:
        Ties stand by item number, smaller first.
    """
    item_UK = np.full((len(histories), num_items), NO_ITEM, np.int32)
    score_UK = np.full((len(histories), num_items), -np.inf, np.float32)
    start = 0
    for block in histories.blocks(BLOCK_USERS):
        scores_UI = source.score_users(block)
        scores_UI[block.row_N, block.item_N] = -np.inf
        rows = slice(start, start + len(block))
        _best(scores_UI, item_UK[rows], score_UK[rows])
        start += len(block)
    return Lists(item_UK, score_UK)


def best_places(scores_RI: np.ndarray, num_items: int) -> Lists:
    """Take the best items of each row of scores, best first: R × ``num_items``.

    Ties stand by item number, smaller first; −inf is not listed.
    """
    item_RK = np.full((len(scores_RI), num_items), NO_ITEM, np.int32)
    score_RK = np.full((len(scores_RI), num_items), -np.inf, np.float32)
    _best(scores_RI, item_RK, score_RK)
    return Lists(item_RK, score_RK)


@njit(cache=True)
def _best(scores_UI: np.ndarray, item_UK: np.ndarray, score_UK: np.ndarray) -> None:
    """Fill each user's list; an item enters only above what it pushes out, so ties keep order."""
    num_places = item_UK.shape[1]
    for user in range(scores_UI.shape[0]):
        items, scores = item_UK[user], score_UK[user]
        found = 0
        for item in range(scores_UI.shape[1]):
            score = scores_UI[user, item]
            if score == -np.inf or (found == num_places and score <= scores[0]):
                continue
            if found < num_places:
                _rise(scores, items, found, score, item)
                found += 1
            else:
                _sink(scores, items, found, score, item)
        for last in range(found - 1, 0, -1):
            score, item = scores[last], items[last]
            scores[last], items[last] = scores[0], items[0]
            _sink(scores, items, last, score, item)


@njit(cache=True)
def _is_worse(score: float, item: int, than_score: float, than_item: int) -> bool:
    return score < than_score or (score == than_score and item > than_item)


@njit(cache=True)
def _rise(scores: np.ndarray, items: np.ndarray, place: int, score: float, item: int) -> None:
    """Put an item at the end of a heap whose root is its worst, and let it rise."""
    while place > 0:
        parent = (place - 1) // 2
        if not _is_worse(score, item, scores[parent], items[parent]):
            break
        scores[place], items[place] = scores[parent], items[parent]
        place = parent
    scores[place], items[place] = score, item


@njit(cache=True)
def _sink(scores: np.ndarray, items: np.ndarray, size: int, score: float, item: int) -> None:
    """Put an item in the root's place, and let it sink."""
    place = 0
    while 2 * place + 1 < size:
        child = 2 * place + 1
        other = child + 1
        if other < size and _is_worse(scores[other], items[other], scores[child], items[child]):
            child = other
        if not _is_worse(scores[child], items[child], score, item):
            break
        scores[place], items[place] = scores[child], items[child]
        place = child
    scores[place], items[place] = score, item


def dense(scores: csr_array) -> np.ndarray:
    """Write sparse scores, none of them negative, as ``Source`` promises: 0 is not known."""
    found = scores.toarray().astype(np.float32, copy=False)
    found[found <= 0] = -np.inf
    return found


def packed(arrays: Mapping[str, np.ndarray], config: Config) -> dict[str, bytes]:
    """Write what was learned, without pickles, and the settings beside it."""
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, **dict(arrays))
    settings = json.dumps(asdict(config), sort_keys=True).encode()
    return {_ARRAYS: sink.getvalue(), _SETTINGS: settings}


def unpacked(
    files: Mapping[str, bytes], kind: Callable[..., AnyConfig]
) -> tuple[dict[str, np.ndarray], AnyConfig]:
    """Read what ``packed`` wrote; the settings are of ``kind``.

    Raises:
        UnknownSourceError: If a file is missing.
    """
    if not {_ARRAYS, _SETTINGS} <= files.keys():
        raise UnknownSourceError(f"a source needs {_ARRAYS} and {_SETTINGS}, found {sorted(files)}")
    with np.load(io.BytesIO(files[_ARRAYS]), allow_pickle=False) as found:
        arrays = {name: found[name] for name in found.files}
    return arrays, kind(**json.loads(files[_SETTINGS]))


def sparse_arrays(matrix: csr_array) -> dict[str, np.ndarray]:
    """Take a sparse matrix apart for ``packed``."""
    shape = np.array(matrix.shape)
    return {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": shape}


def sparse_of(arrays: Mapping[str, np.ndarray]) -> csr_array:
    """Put a sparse matrix together again."""
    parts = (arrays["data"], arrays["indices"], arrays["indptr"])
    return csr_array(parts, shape=tuple(arrays["shape"]))
