from dataclasses import replace

import numpy as np
import pytest

from training.retrieval import mixing
from training.retrieval.interactions import Interactions
from training.retrieval.mixing import MixConfig, NothingFoundError
from training.retrieval.mixing_pool import pool
from training.retrieval.mixing_trees import TreesConfig
from training.retrieval.source import NO_ITEM, Lists

_USERS, _ITEMS, _DEPTH = 300, 60, 12
LENGTHS = np.arange(_USERS) % 9
_CONFIG = MixConfig(
    depth=_DEPTH, num_reranked=8, trees=TreesConfig(num_rounds=20, min_child_weight=1)
)


def noisy(truth: Interactions, p_found: float, seed: int) -> Lists:
    """Lists that hold what was held out at one of the first places, for some of the users."""
    rng = np.random.default_rng(seed)
    item_UK = np.stack([rng.permutation(_ITEMS)[:_DEPTH] for _ in range(_USERS)])
    for user in np.flatnonzero(rng.random(_USERS) < p_found):
        own = truth.item_N[user]
        rest = item_UK[user][item_UK[user] != own]
        item_UK[user] = np.insert(rest, int(rng.integers(3)), own)[:_DEPTH]
    score_UK = np.tile(np.linspace(1, 0.1, _DEPTH, dtype=np.float32), (_USERS, 1))
    return Lists(item_UK.astype(np.int32), score_UK)


def held_out(seed: int = 1) -> Interactions:
    items = np.random.default_rng(seed).integers(0, _ITEMS, (_USERS, 1))
    return Interactions.of(items.tolist(), num_items=_ITEMS)


def hits(lists: Lists, truth: Interactions) -> float:
    return float((lists.item_UK[:, :5] == truth.item_N[:, None]).any(axis=1).mean())


def test_a_mix_finds_more_than_its_best_source_on_a_day_it_has_not_seen() -> None:
    truth, later = held_out(1), held_out(2)
    chances = {"good": 0.6, "other": 0.5, "noise": 0.0}
    seen = {n: noisy(truth, p, seed) for seed, (n, p) in enumerate(chances.items())}
    unseen = {n: noisy(later, p, 10 + seed) for seed, (n, p) in enumerate(chances.items())}

    mix = mixing.fit(seen, truth=truth, length_U=LENGTHS, config=_CONFIG, seed=3)
    found = mix.lists(unseen, LENGTHS, num_items=20)

    assert hits(found, later) > hits(unseen["good"], later)
    assert mix.weights.weight_GF[:, 2].max() < 0.1 * mix.weights.weight_GF[:, 0].min()


def test_the_same_seed_mixes_alike_whatever_trees_may_say() -> None:
    truth = held_out()
    seen = {"one": noisy(truth, 0.6, 1), "other": noisy(truth, 0.4, 2)}

    made = [
        mixing.fit(seen, truth=truth, length_U=LENGTHS, config=_CONFIG, seed=3) for _ in range(2)
    ]

    for share in (0.0, 0.5):
        pair = [replace(m, tree_share=share).lists(seen, LENGTHS, num_items=9) for m in made]
        np.testing.assert_array_equal(pair[0].item_UK, pair[1].item_UK)
        np.testing.assert_array_equal(pair[0].score_UK, pair[1].score_UK)


def test_a_pool_says_who_proposed_what_at_which_place() -> None:
    one = Lists(
        np.array([[3, 1], [NO_ITEM, NO_ITEM]], np.int32), np.array([[4.0, 2.0], [-np.inf] * 2])
    )
    other = Lists(
        np.array([[1, NO_ITEM], [2, 0]], np.int32), np.array([[7.0, -np.inf], [1.0, 1.0]])
    )

    found = pool([one, other], depth=2)

    assert found.user_N.tolist() == [0, 0, 1, 1]
    assert found.item_N.tolist() == [1, 3, 0, 2]
    assert found.rank_SN.tolist() == [[1, 0, 2, 2], [0, 2, 1, 0]]
    np.testing.assert_array_equal(found.score_SN[0], np.array([2, 4, np.nan, np.nan], np.float32))
    np.testing.assert_allclose(found.height_SN[0], [0, 1, 0, 0])


def test_nothing_found_is_said() -> None:
    nothing = Lists(np.full((_USERS, 3), NO_ITEM, np.int32), np.full((_USERS, 3), -np.inf))

    with pytest.raises(NothingFoundError, match="none of 300"):
        mixing.fit({"mute": nothing}, truth=held_out(), length_U=LENGTHS, config=_CONFIG, seed=1)
