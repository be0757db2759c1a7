"""Runs sources and their fusion through a protocol, and counts what they cost.

A source is fitted, asked and let go before the next: only lists are kept. Whatever is chosen
(settings, weights, trees) is chosen on the validation's held-out items.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks import retrieval_measures
from benchmarks.retrieval_files import Protocol
from orchestration.cost import metered
from training.metrics import Interval, bootstrap
from training.retrieval import choosing, mixing
from training.retrieval.interactions import Interactions
from training.retrieval.learned import Learned
from training.retrieval.mixing import MixConfig
from training.retrieval.source import Config, Lists, Source, lists

FUSION: Final = "fusion"
NUM_LISTED: Final = 200
"""Places of a source's list: as many candidates as a surface takes by default."""
Say = Callable[[str], None]


@dataclass(slots=True)
class Cost:
    """What one source took: cpu-seconds by step, and the most memory of the process meanwhile."""

    cpu_seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_mb: float = 0.0

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        """Count what happens inside as ``step``."""
        with metered() as cost:
            yield
        self.cpu_seconds[step] = self.cpu_seconds.get(step, 0.0) + round(cost.cpu_seconds, 2)
        self.peak_memory_mb = max(self.peak_memory_mb, round(cost.peak_memory_mb))


@dataclass(frozen=True, slots=True)
class Ran:
    """One source's lists for both stages, its settings and its cost."""

    validation: Lists
    test: Lists
    config: Config
    cost: Cost


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured on the test's truth."""

    lists: dict[str, Lists]
    """Of each source and the fusion, for the test's users."""
    by_user: dict[str, dict[str, np.ndarray]]
    """Likewise, each measure of each user."""
    costs: dict[str, Cost]
    configs: dict[str, Config]
    tree_share: float

    def intervals(self) -> dict[str, dict[str, Interval]]:
        """Means over users, with 95 % bootstrap intervals."""
        return retrieval_measures.intervals(self.by_user)

    def best_single(self, measure: str) -> str:
        """The source that is best by a measure."""
        names = [name for name in self.by_user if name != FUSION]
        return max(names, key=lambda name: float(np.nanmean(self.by_user[name][measure])))

    def gain(self, measure: str) -> Interval:
        """What the fusion has over the best single source, by user."""
        single = self.by_user[self.best_single(measure)]
        return bootstrap(self.by_user[FUSION][measure] - single[measure], seed=1)


def run(protocol: Protocol, sources: Sequence[Learned], *, seed: int, say: Say) -> Results:
    """Run sources and their fusion through a protocol."""
    ran = {}
    for learned in sources:
        ran[learned.name] = _ran(learned, protocol, seed)
        cost = ran[learned.name].cost
        say(f"{learned.name}: cpu-seconds {cost.cpu_seconds}, {ran[learned.name].config}")
    cost = Cost()
    fused, tree_share = _fused(ran, protocol, seed=seed, cost=cost)
    listed = {FUSION: fused} | {name: one.test for name, one in ran.items()}
    truth = protocol.test.truth
    return Results(
        listed,
        {name: retrieval_measures.by_user(one, truth) for name, one in listed.items()},
        {FUSION: cost} | {name: one.cost for name, one in ran.items()},
        {name: one.config for name, one in ran.items()},
        tree_share,
    )


def _ran(learned: Learned, protocol: Protocol, seed: int) -> Ran:
    cost, validation, test = Cost(), protocol.validation, protocol.test
    is_chosen = bool(learned.choices or learned.refits)
    is_fitted = test.learned is validation.learned and not is_chosen
    with cost.of("fit" if is_fitted else "choose"):
        config, source = choosing.choose(
            learned,
            validation.learned,
            histories=validation.asked,
            truth=validation.truth,
            seed=seed,
        )
        listed = _asked(source, validation.asked)
    if not is_fitted:
        del source
        with cost.of("fit"):
            source = learned.fit(test.learned, config=config, seed=seed)
    with cost.of("score"):
        judged = _asked(source, test.asked)
    return Ran(listed, judged, config, cost)


def _asked(source: Source, histories: Interactions) -> Lists:
    return lists(source, histories, num_items=min(NUM_LISTED, histories.num_items))


def _fused(
    ran: dict[str, Ran], protocol: Protocol, *, seed: int, cost: Cost
) -> tuple[Lists, float]:
    validation, test = protocol.validation, protocol.test
    with cost.of("fit"):
        mix = mixing.fit(
            {name: one.validation for name, one in ran.items()},
            truth=validation.truth,
            length_U=validation.asked.length_U,
            config=MixConfig(judged_at=protocol.judged_at),
            seed=seed,
        )
    with cost.of("score"):
        by_source = {name: one.test for name, one in ran.items()}
        width = min(NUM_LISTED, test.asked.num_items)
        fused = mix.lists(by_source, test.asked.length_U, num_items=width)
    return fused, mix.tree_share
