"""What every learned source promises, and the lists that one is asked for.

A source's module has ``fit(interactions, config=…, seed=…)`` and ``load(files)``; both give a value
that keeps this Protocol. All sources are run through one conformance test. A source scores from
histories alone, so that a user whom no fit has seen is scored like any other.

Shapes: U users of a block, I items, K places of a list, D numbers of a vector, Q items asked about.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Final, Protocol, TypeVar, runtime_checkable

import numpy as np
from scipy.sparse import csr_array

from etl.arrow import is_in
from training import npz
from training.retrieval import top_k, top_k_numba
from training.retrieval.interactions import UNSEEN, Interactions
from training.retrieval.top_k import Masks, Query

NO_ITEM: Final = top_k.NO_ITEM
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


@runtime_checkable
class VectorSource(Source, Protocol):
    """A source whose scores are products of vectors: ``top_k`` lists them without a U × I block.

    A vector with NaN scores −inf with everything (``without``), as do vectors of no numbers.
    """

    def user_vectors(self, histories: Interactions) -> np.ndarray:
        """Say a user's side: float32, U × D."""
        ...

    def item_vectors(self) -> np.ndarray:
        """Say an item's side: float32, I × D."""
        ...


@dataclass(frozen=True, slots=True)
class Parent:
    """An earlier fit of the same source, from which a network goes on learning."""

    source: Source
    place_I: np.ndarray
    """int64: each item's number in the parent, −1 where it did not know the item."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The best K items of each user, best first."""

    item_UK: np.ndarray
    """int32; ``NO_ITEM`` where a list ends."""
    score_UK: np.ndarray
    """float32; −inf where a list ends."""

    def taken(self, rows: slice) -> "Lists":
        """Some users' lists, which are written to where these are."""
        return Lists(self.item_UK[rows], self.score_UK[rows])

    def found(self, truth: Interactions) -> np.ndarray:
        """Mark the places that hold what their user touched: bool, U × K."""
        wanted = truth.row_N << 32 | truth.item_N
        listed = np.arange(len(truth))[:, None] << 32 | self.item_UK.astype(np.int64)
        return is_in(listed, np.sort(wanted)) & (self.item_UK != NO_ITEM)


def lists(
    source: Source,
    histories: Interactions,
    *,
    num_items: int,
    is_allowed_I: np.ndarray | None = None,
    masks_history: bool = True,
) -> Lists:
    """Ask a source for its best items that are not in each user's history.

    Args:
        source: Whom to ask.
        histories: What is known of the users now.
        num_items: K.
        is_allowed_I: bool: what may be listed to anybody; everything where it is not given.
        masks_history: Whether what a user knows is left out.

    Returns:
        Ties stand by item number, smaller first.
    """
    listed = Lists(
        np.full((len(histories), num_items), NO_ITEM, np.int32),
        np.full((len(histories), num_items), -np.inf, np.float32),
    )
    fill = _by_vectors(source) if isinstance(source, VectorSource) else _by_scores(source)
    start = 0
    for block in histories.blocks(BLOCK_USERS):
        rows = slice(start, start + len(block))
        masked = block if masks_history else None
        fill(block, Masks(masked, is_allowed_I), listed.taken(rows))
        start += len(block)
    return listed


def neighbours(
    source: Source, items: Sequence[int], *, num_items: int, catalogue_size: int
) -> Lists:
    """Ask a source what is near to some items: what it lists to who touched only that one.

    Args:
        source: Whom to ask.
        items: Q numbers.
        num_items: K.
        catalogue_size: I.

    Returns:
        One list an item of those asked about, itself not in it.
    """
    alone = Interactions.of([[item] for item in items], num_items=catalogue_size)
    return lists(source, replace(alone, user_U=np.full(len(items), UNSEEN)), num_items=num_items)


def best_places(scores_RI: np.ndarray, num_items: int) -> Lists:
    """Take the best items of each row of scores, best first: R × ``num_items``.

    Ties stand by item number, smaller first; −inf is not listed.
    """
    item_RK = np.full((len(scores_RI), num_items), NO_ITEM, np.int32)
    score_RK = np.full((len(scores_RI), num_items), -np.inf, np.float32)
    top_k_numba.best_scores(scores_RI, item_RK, score_RK)
    return Lists(item_RK, score_RK)


_Fill = Callable[[Interactions, Masks, Lists], None]


def _by_vectors(source: VectorSource) -> _Fill:
    item_ID = source.item_vectors()

    def fill(block: Interactions, masks: Masks, listed: Lists) -> None:
        query = Query(source.user_vectors(block), item_ID, masks)
        listed.item_UK[:], listed.score_UK[:] = top_k.top_k(query, num_items=len(listed.item_UK.T))

    return fill


def _by_scores(source: Source) -> _Fill:
    def fill(block: Interactions, masks: Masks, listed: Lists) -> None:
        scores_UI = source.score_users(block)
        if masks.histories is not None:
            scores_UI[block.row_N, block.item_N] = -np.inf
        if masks.is_allowed_I is not None:
            scores_UI[:, ~masks.is_allowed_I] = -np.inf
        top_k_numba.best_scores(scores_UI, listed.item_UK, listed.score_UK)

    return fill


def without(vectors_XD: np.ndarray, is_unknown_X: np.ndarray) -> np.ndarray:
    """Let some vectors stand for what is not known: float32, X × D, NaN in these rows."""
    return np.where(is_unknown_X[:, None], np.float32(np.nan), vectors_XD)


def dense_products(source: VectorSource, histories: Interactions) -> np.ndarray:
    """Score every item by vectors, as ``Source`` promises: float32, U × I."""
    user_UD, item_ID = source.user_vectors(histories), source.item_vectors()
    if not item_ID.shape[1]:
        return np.full((len(user_UD), len(item_ID)), -np.inf, np.float32)
    scores = user_UD @ item_ID.T
    scores[np.isnan(scores)] = -np.inf
    return scores


def dense(scores: csr_array) -> np.ndarray:
    """Write sparse scores, none of them negative, as ``Source`` promises: 0 is not known."""
    found = scores.toarray().astype(np.float32, copy=False)
    found[found <= 0] = -np.inf
    return found


def packed(arrays: Mapping[str, np.ndarray], config: Config) -> dict[str, bytes]:
    """Write what was learned, without pickles, and the settings beside it."""
    settings = json.dumps(asdict(config), sort_keys=True).encode()
    return {_ARRAYS: npz.packed(arrays), _SETTINGS: settings}


def unpacked(
    files: Mapping[str, bytes], kind: Callable[..., AnyConfig]
) -> tuple[dict[str, np.ndarray], AnyConfig]:
    """Read what ``packed`` wrote; the settings are of ``kind``.

    Raises:
        UnknownSourceError: If a file is missing.
    """
    if not {_ARRAYS, _SETTINGS} <= files.keys():
        raise UnknownSourceError(f"a source needs {_ARRAYS} and {_SETTINGS}, found {sorted(files)}")
    return npz.unpacked(files[_ARRAYS]), kind(**json.loads(files[_SETTINGS]))


def sparse_arrays(matrix: csr_array) -> dict[str, np.ndarray]:
    """Take a sparse matrix apart for ``packed``."""
    shape = np.array(matrix.shape)
    return {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": shape}


def sparse_of(arrays: Mapping[str, np.ndarray]) -> csr_array:
    """Put a sparse matrix together again."""
    parts = (arrays["data"], arrays["indices"], arrays["indptr"])
    return csr_array(parts, shape=tuple(arrays["shape"]))
