"""Files of histories, and what is learned from, asked with and foretold under each protocol.

A line is ``user item item …``. Shapes: U users.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from training.retrieval.interactions import Interactions

HELD_OUT: Final = (0.05, 0.3)
"""Share of each user's training items that a split's validation holds out: as much as the test's
file has of all, within these bounds. A smaller one leaves histories fuller and asks for fewer items
a user than the test will, and what is best there is not what is best then."""
NUM_VALIDATED: Final = 30_000
"""Users of a split at most whose held-out items are foretold."""
_FEWEST: Final = 3
"""Items from which on a user of a sequence file is judged: one to ask with, two to foretell."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One question: after learning from some interactions, what do users touch next?"""

    learned: Interactions
    """What sources are fitted on."""
    asked: Interactions
    """The judged users' histories."""
    truth: Interactions
    """What the judged users touched then, in the order of ``asked``."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """A stage to choose settings and weights on, and one to judge by."""

    name: str
    validation: Stage
    test: Stage
    items: tuple[str, ...]
    """The items' names in the file, by number."""
    judged_at: int
    """Depth of the NDCG that decides how much the fusion's trees may say."""


class UnreadableFileError(ValueError):
    """A file is not one line a user with his items."""


def read(path: Path) -> list[list[str]]:
    """Read a file's histories as words; the lines of one user are joined in the file's order.

    Raises:
        UnreadableFileError: If the file is missing, is no UTF-8 or has no items.
    """
    if not path.is_file():
        raise UnreadableFileError(f"there is no file {path}")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{path} should be UTF-8, and is not: {error}") from error
    items: dict[str, list[str]] = {}
    for line in filter(str.strip, text.split("\n")):
        user, *own = line.split()
        items.setdefault(user, []).extend(own)
    if not any(items.values()):
        raise UnreadableFileError(f"{path} should have lines of 'user item item …', it has none")
    return [[user, *own] for user, own in items.items()]


def attributes(path: Path) -> dict[str, list[int]]:
    """Read what is known of the items from ``<stem>_item2attributes.json``, where it lies by."""
    beside = path.with_name(f"{path.stem}_item2attributes.json")
    return json.loads(beside.read_text()) if beside.is_file() else {}


def sequences(
    lines: Sequence[Sequence[str]],
    *,
    is_refreshed: bool,
    attributes: Mapping[str, Sequence[int]] | None = None,
) -> Protocol:
    """Leave the last item of each user out, and the one before for validation.

    Strict: learned from all but the last two items, asked with all but the last. Refreshed: learned
    from all but the last, too. Users of fewer than three items are learned from and not judged.
    """
    names = _names(lines)
    whole = _numbered(lines, names, is_ordered=True)
    whole = replace(whole, attribute_IA=_attribute_IA(attributes or {}, names))
    is_judged = whole.length_U >= _FEWEST
    is_kept = np.repeat(~is_judged, whole.length_U)
    back = whole.steps_back_N
    judged = np.flatnonzero(is_judged)

    def cut(num: int) -> Interactions:
        return whole.where(is_kept | (back >= num))

    def only(num: int) -> Interactions:
        return whole.where(back == num).taken(judged)

    validation = Stage(cut(2), cut(2).taken(judged), only(1))
    learned = cut(1) if is_refreshed else validation.learned
    test = Stage(learned, cut(1).taken(judged), only(0))
    return Protocol("refreshed" if is_refreshed else "strict", validation, test, tuple(names), 10)


def split(train: Sequence[Sequence[str]], test: Sequence[Sequence[str]], *, seed: int) -> Protocol:
    """Judge by a given split; validation holds as large a share of each user's items out."""
    names = _names([*train, *test])
    whole = _numbered(train, names, is_ordered=False).distinct()
    rows = {words[0]: row for row, words in enumerate(train)}
    known = [words for words in test if words[0] in rows]
    judged = np.array([rows[words[0]] for words in known], np.int64)
    truth = _numbered(known, names, is_ordered=False).distinct()
    rng = np.random.default_rng(seed)
    share = len(truth.item_N) / (len(truth.item_N) + len(whole.item_N))
    held = _held_out(whole, float(np.clip(share, *HELD_OUT)), rng)
    kept = whole.where(~held)
    has_held = np.flatnonzero(np.diff(whole.where(held).indptr))
    has_held = np.sort(rng.permutation(has_held)[:NUM_VALIDATED])
    validation = Stage(kept, kept.taken(has_held), whole.where(held).taken(has_held))
    test_stage = Stage(whole, whole.taken(judged), truth)
    return Protocol("split", validation, test_stage, tuple(names), 20)


def _attribute_IA(
    attributes: Mapping[str, Sequence[int]], names: Sequence[str]
) -> csr_array | None:
    if not attributes:
        return None
    lists = [attributes.get(name, []) for name in names]
    indptr = np.cumsum([0, *map(len, lists)])
    flat = [attribute for own in lists for attribute in own]
    distinct, place = np.unique(np.array(flat, np.int64), return_inverse=True)
    ones = np.ones(len(flat), np.float32)
    return csr_array((ones, place, indptr), shape=(len(names), len(distinct)))


def _held_out(whole: Interactions, share: float, rng: np.random.Generator) -> np.ndarray:
    """Draw a share of each user's interactions, rounded; bool, N."""
    order = np.lexsort((rng.random(len(whole.item_N)), whole.row_N))
    place = np.empty(len(order), np.int64)
    place[order] = whole.places_N()
    num_held = np.round(whole.length_U * share)
    return place < np.repeat(num_held, whole.length_U)


def _names(lines: Sequence[Sequence[str]]) -> list[str]:
    """The items in order of their numbers, where they are numbers."""
    return sorted({item for words in lines for item in words[1:]}, key=lambda w: (len(w), w))


def _numbered(
    lines: Sequence[Sequence[str]], names: Sequence[str], *, is_ordered: bool
) -> Interactions:
    number = {name: place for place, name in enumerate(names)}
    lists = [[number[item] for item in words[1:]] for words in lines]
    return Interactions.of(lists, num_items=len(names), is_ordered=is_ordered)
