"""Chooses a source's settings on held-out items, one setting after another.

What only scoring reads is tried without fitting again. Every trial is judged on the same users, so
that small differences are of the setting and not of the users.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import numpy as np

from training.metrics import ideal_dcg
from training.retrieval.interactions import Interactions
from training.retrieval.learned import Learned
from training.retrieval.source import Config, Source, lists

NUM_JUDGED: Final = 20_000
"""Held-out items on which trials are judged, about: users are drawn until they have so many."""
DEPTH: Final = 20
"""They are judged by NDCG at this depth."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A source, the config that it was fitted with, and how good it was."""

    config: Config
    source: Source
    value: float


def choose(
    learned: Learned,
    interactions: Interactions,
    *,
    histories: Interactions,
    truth: Interactions,
    seed: int,
) -> tuple[Config, Source]:
    """Choose settings, one after another, the first of equally good ones.

    Args:
        learned: Whose.
        interactions: What it is fitted on; ``truth`` is not in it.
        histories: Of users to ask for.
        truth: What they touched then, in the order of ``histories``.
        seed: Of the fits, and of drawing users.

    Returns:
        The config, and the source fitted with it.
    """
    drawn = np.random.default_rng(seed).permutation(len(histories))
    rows = np.sort(drawn[np.cumsum(truth.length_U[drawn]) <= NUM_JUDGED])
    asked, wanted = histories.taken(rows), truth.taken(rows)

    def fitted(config: Config, _: Source | None = None) -> Trial:
        source = learned.fit(interactions, config=config, seed=seed)
        return Trial(config, source, value(source, asked, wanted))

    def again(config: Config, like: Source) -> Trial:
        # Every source is a dataclass with its config, which these settings alone concern.
        source = cast(Source, replace(cast(Any, like), config=config))
        return Trial(config, source, value(source, asked, wanted))

    best = fitted(learned.configured({}))
    for name in learned.refits:
        best = _best(best, _others(best.config, name, learned), fitted)
    for name in learned.choices:
        best = _best(best, _others(best.config, name, learned), again)
    return best.config, best.source


def _others(config: Config, name: str, learned: Learned) -> Iterator[Config]:
    for one in {**learned.refits, **learned.choices}[name]:
        if one != getattr(config, name):
            yield replace(config, **{name: one})


def _best(best: Trial, configs: Iterator[Config], made: Callable[[Config, Source], Trial]) -> Trial:
    for config in configs:
        trial = made(config, best.source)
        if trial.value > best.value:
            best = trial
    return best


def value(source: Source, histories: Interactions, truth: Interactions) -> float:
    """NDCG of a source's lists, summed over users, with binary gains."""
    is_found_UK = lists(source, histories, num_items=DEPTH).found(truth)
    dcg_U = is_found_UK @ (1 / np.log2(np.arange(DEPTH) + 2.0))
    ideal_U = ideal_dcg(np.minimum(truth.distinct().length_U, DEPTH))
    return float((dcg_U / np.maximum(ideal_U, 1)).sum())
