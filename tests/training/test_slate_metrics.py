import math

import numpy as np

from training.slate_metrics import METRICS, Shown, Truths, measure


def slow(shown: list[int], truths: dict[int, bool]) -> list[float]:
    """One user's measures, in ten lines."""
    gains = [1 / math.log2(place + 2) for place, item in enumerate(shown[:20]) if item in truths]
    best = sum(1 / math.log2(place + 2) for place in range(min(20, len(truths))))
    recall = len(gains) / len(truths)
    return [recall, sum(gains) / best, float(recall > 0), sum(truths.values()) / len(truths)]


def test_the_measures_are_those_of_the_slow_way() -> None:
    rng = np.random.default_rng(1)
    lists = [rng.permutation(60)[: rng.integers(0, 21)].tolist() for _ in range(50)]
    truths = [
        {int(item): bool(rng.random() < 0.8) for item in rng.permutation(60)[: rng.integers(1, 31)]}
        for _ in lists
    ]
    got = measure(
        Shown(
            np.repeat(np.arange(50), [len(one) for one in lists]),
            np.array([item for one in lists for item in one]),
            np.array([place for one in lists for place, _ in enumerate(one)]),
        ),
        Truths(
            np.repeat(np.arange(50), [len(one) for one in truths]),
            np.array([item for one in truths for item in one]),
            np.array([known for one in truths for known in one.values()]),
            50,
        ),
    )
    np.testing.assert_allclose(got, [slow(*both) for both in zip(lists, truths, strict=True)])


def test_a_user_who_was_shown_nothing_found_nothing() -> None:
    nothing = np.zeros(0, np.int64)
    truths = Truths(np.array([0, 1]), np.array([5, 6]), np.array([True, False]), 2)
    got = measure(Shown(nothing, nothing, nothing), truths)
    assert got.tolist() == [[0, 0, 0, 1], [0, 0, 0, 0]]
    assert METRICS == ("recall@20", "ndcg@20", "hit_rate@20", "ceiling")
