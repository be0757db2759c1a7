import numpy as np
import pytest

from training.rankers import item_effects
from training.rankers.item_effects import NOTHING, ItemEffects, Seen

NUM_ITEMS, EACH = 60, 800


def day(seed: int, factor_I: np.ndarray, *, expected: float = 0.1) -> Seen:
    """A day on which items are clicked ``factor`` times as often as features let expect."""
    rng = np.random.default_rng(seed)
    item_N = np.repeat(np.arange(NUM_ITEMS) * 10, EACH)
    click_N = rng.random(len(item_N)) < expected * np.repeat(factor_I, EACH)
    rows = np.ones(len(item_N))
    return Seen(item_N, click_N, expected * rows, rows)


def test_what_features_do_not_tell_of_items_is_found() -> None:
    factor_I = np.exp(np.random.default_rng(1).normal(0, 0.5, NUM_ITEMS))

    found = item_effects.fit([day(2, factor_I)], [day(3, factor_I)])

    assert found.item_I.tolist() == list(range(0, NUM_ITEMS * 10, 10))
    assert np.corrcoef(np.log(found.factor_I), np.log(factor_I))[0, 1] > 0.95


def test_chance_is_no_effect() -> None:
    alike = np.ones(NUM_ITEMS)

    found = item_effects.fit([day(2, alike)], [day(3, alike)])

    assert np.abs(np.log(found.of(np.arange(0, NUM_ITEMS * 10, 10)))).max() < 0.15


def test_without_later_days_items_are_not_trusted() -> None:
    assert item_effects.fit([day(2, np.full(NUM_ITEMS, 2.0))], []) is NOTHING


def test_an_example_counts_as_often_as_it_stands_for() -> None:
    once = day(2, np.full(NUM_ITEMS, 1.5))
    halves = Seen(once.item_N, once.click_N, once.expected_N, once.weight_N / 2)
    kept = day(3, np.full(NUM_ITEMS, 1.5))

    whole, twice = item_effects.fit([once], [kept]), item_effects.fit([halves, halves], [kept])

    assert twice.factor_I == pytest.approx(whole.factor_I)


def test_odds_are_multiplied_and_unknown_items_left_alone() -> None:
    effects = ItemEffects(np.array([3, 8]), np.array([2.0, 0.5], np.float32))

    found = effects.applied(np.array([0.5, 0.5, 0.9, 0.2]), np.array([3, 8, 4, 9]))

    assert found.tolist() == pytest.approx([2 / 3, 1 / 3, 0.9, 0.2])
    assert found.dtype == np.float32


def test_effects_come_back_as_they_were_saved() -> None:
    for effects in (NOTHING, ItemEffects(np.array([3, 8]), np.array([2.0, 0.5], np.float32))):
        loaded = item_effects.load(effects.save())
        assert loaded.save() == effects.save()
        assert loaded.of(np.array([8, 9])).tolist() == effects.of(np.array([8, 9])).tolist()
