"""What every learned source promises, and the planted histories on which it is held to it.

A source is run through these by ``test_learned_sources.py``: to add one, add a line to ``SOURCES``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from training.retrieval.interactions import UNSEEN, Interactions
from training.retrieval.source import NO_ITEM, Lists, Source, VectorSource, lists, neighbours

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


def what_is_not_allowed_is_not_listed(source: Source) -> None:
    """A mask for everybody takes items out of lists, and changes nothing else of them."""
    histories, is_allowed_I = planted().taken(np.arange(12)), np.arange(NUM_ITEMS) % 3 > 0
    whole = lists(source, histories, num_items=NUM_ITEMS)
    masked = lists(source, histories, num_items=NUM_ITEMS, is_allowed_I=is_allowed_I)
    for user in range(len(histories)):
        is_kept = is_allowed_I[whole.item_UK[user]] & (whole.item_UK[user] != NO_ITEM)
        left = masked.item_UK[user] != NO_ITEM
        np.testing.assert_array_equal(masked.item_UK[user][left], whole.item_UK[user][is_kept])
        np.testing.assert_array_equal(masked.score_UK[user][left], whole.score_UK[user][is_kept])


def what_is_known_is_listed_where_it_may_be(source: Source) -> None:
    """Without the mask of histories a list is that of all scores."""
    histories = planted().taken(np.arange(12))
    listed = lists(source, histories, num_items=NUM_ITEMS, masks_history=False)
    assert ((listed.item_UK != NO_ITEM).sum(axis=1) == _num_scored(source, histories)).all()


def _num_scored(source: Source, histories: Interactions) -> np.ndarray:
    return (source.score_users(histories) > -np.inf).sum(axis=1)


def vectors_list_what_scores_do(source: VectorSource) -> None:
    """Lists by vectors are those of all scores, up to rounding: who, how high, how many."""
    histories = unseen([[], [3], [NUM_ITEMS - 1], [0, 1, 2], [8, 7, 8], *[[i] for i in range(21)]])
    scores_UI = source.score_users(histories)
    scores_UI[histories.row_N, histories.item_N] = -np.inf
    best_UI = -np.sort(-scores_UI, axis=1)
    listed = lists(source, histories, num_items=NUM_ITEMS)
    np.testing.assert_allclose(listed.score_UK, best_UI, rtol=1e-4, atol=1e-5)
    user, place = np.nonzero(listed.item_UK != NO_ITEM)
    said = listed.score_UK[user, place]
    meant = scores_UI[user, listed.item_UK[user, place]]
    np.testing.assert_allclose(said, meant, rtol=1e-4, atol=1e-5)


def neighbours_are_what_one_item_leads_to(source: Source) -> None:
    """An item's neighbours are the list of who touched only it, whoever else is asked about."""
    asked = [5, 0, 20, 5]
    near = neighbours(source, asked, num_items=6, catalogue_size=NUM_ITEMS)
    alone = [lists(source, unseen([[item]]), num_items=6) for item in asked]
    for place, (item, one) in enumerate(zip(asked, alone, strict=True)):
        assert item not in near.item_UK[place]
        np.testing.assert_array_equal(near.item_UK[place], one.item_UK[0])
        np.testing.assert_allclose(near.score_UK[place], one.score_UK[0], rtol=1e-5)


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
