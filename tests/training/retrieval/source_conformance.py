"""What every learned source promises, and the planted histories on which it is held to it.

A source is run through these by ``test_learned_sources.py``: to add one, add a line to ``SOURCES``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from training.retrieval.interactions import UNSEEN, Interactions
from training.retrieval.source import NO_ITEM, Lists, Source, lists

NUM_ITEMS = 24
"""Three circles of seven items, and three items that nobody touched."""
CIRCLE = 7
_USERS = 90


@dataclass(frozen=True, slots=True)
class Implementation:
    """One source, as its module gives it, with a config small enough for a test."""

    fit: Callable[..., Source]
    load: Callable[[Mapping[str, bytes]], Source]
    config: Any


def planted() -> Interactions:
    """Users who walk on around one circle each, now and then leaving an item out."""
    rng = np.random.default_rng(3)
    walks = []
    for user in range(_USERS):
        circle, start = user % 3, int(rng.integers(CIRCLE))
        steps = start + np.cumsum(rng.choice([1, 2], 4, p=[0.9, 0.1]))
        walks.append([int(circle * CIRCLE + step % CIRCLE) for step in steps])
    circle_IA = csr_array(np.eye(4, dtype=np.float32)[np.arange(NUM_ITEMS) // CIRCLE])
    made = Interactions.of(walks, num_items=NUM_ITEMS)
    return replace(made, attribute_IA=circle_IA)


def unseen(histories: list[list[int]], *, num_items: int = NUM_ITEMS) -> Interactions:
    """Histories of users whom no fit has seen."""
    made = Interactions.of(histories, num_items=num_items)
    return Interactions(
        made.indptr, made.item_N, num_items, made.is_ordered, np.full(len(made), UNSEEN)
    )


def same_seed_same_lists(one: Implementation) -> None:
    """Two fits of one seed list alike, bit for bit."""
    histories = planted()
    made = [one.fit(histories, config=one.config, seed=7) for _ in range(2)]
    same_lists(*(lists(source, histories, num_items=10) for source in made))


def a_loaded_source_lists_as_the_saved_one(one: Implementation, source: Source) -> None:
    """What ``save`` wrote makes the same source again, and the same files."""
    loaded = one.load(source.save())
    assert loaded.save() == source.save()
    same_lists(*(lists(s, planted(), num_items=10) for s in (source, loaded)))


def scores_are_numbers(source: Source) -> None:
    """One float32 a user and item, none of them NaN or +inf, the caller's to write to."""
    odd = [[], [3], [NUM_ITEMS - 1], [1, 1, 1], [0, 1, 2, 3], [NUM_ITEMS - 1, 0, 20]]
    scores = source.score_users(unseen(odd))
    assert scores.shape == (len(odd), NUM_ITEMS)
    assert scores.dtype == np.float32
    assert not np.isnan(scores).any()
    assert (scores < np.inf).all()
    scores[0, 0] = 0


def nothing_known_is_listed(source: Source) -> None:
    """A list holds no item of the history, no item twice, and ends with ``NO_ITEM``."""
    history = planted()
    listed = lists(source, history, num_items=NUM_ITEMS + 5).item_UK
    for user in range(len(history)):
        items = listed[user][listed[user] != NO_ITEM]
        own = history.item_N[history.indptr[user] : history.indptr[user + 1]]
        assert len(set(items)) == len(items)
        assert not set(items) & set(own)
        assert (listed[user][len(items) :] == NO_ITEM).all()


def users_do_not_speak_to_one_another(source: Source) -> None:
    """A user is listed the same alone, in a block, and last in another order."""
    histories = planted().taken(np.arange(12))
    whole = lists(source, histories, num_items=5).item_UK
    alone = [lists(source, one, num_items=5).item_UK[0] for one in histories.blocks(1)]
    turned = lists(source, histories.taken(np.arange(12)[::-1]), num_items=5).item_UK[::-1]
    np.testing.assert_array_equal(whole, np.array(alone))
    np.testing.assert_array_equal(whole, turned)


def little_is_enough(one: Implementation) -> None:
    """Nobody, nobody with anything, one item, users of one item: a fit and lists without NaN."""
    for histories, num_items in (([], 3), ([[], []], 3), ([[0], [0, 0]], 1), ([[0], [1], [0]], 2)):
        made = Interactions.of(histories, num_items=num_items)
        source = one.fit(made, config=one.config, seed=1)
        scores = source.score_users(unseen([[], [0]], num_items=num_items))
        assert scores.shape == (2, num_items)
        assert not np.isnan(scores).any()


def the_same_circle_is_found(source: Source) -> None:
    """Nearly everybody's first item is of the circle that he walks."""
    asked = [[c * CIRCLE + s, c * CIRCLE + (s + 1) % CIRCLE] for c in range(3) for s in range(7)]
    listed = lists(source, unseen(asked), num_items=1).item_UK[:, 0]
    right = [item // CIRCLE == own[0] // CIRCLE for item, own in zip(listed, asked, strict=True)]
    assert np.mean(right) > 0.9


def same_lists(one: Lists, other: Lists) -> None:
    """Two answers are the same, bit for bit."""
    np.testing.assert_array_equal(one.item_UK, other.item_UK)
    np.testing.assert_array_equal(one.score_UK, other.score_UK)
