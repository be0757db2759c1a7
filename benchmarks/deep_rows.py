"""What is measured of the deep ranker: scoring, learning, and what it learns; in one run, in turns.

Shapes: N rows, T heads.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from benchmarks import deep_files, deep_plain, deep_world
from benchmarks.deep_world import REFERENCE, SHOP, Drawn
from benchmarks.figures import Row, medians
from training.rankers import deep_training
from training.rankers.deep_config import NetworkConfig
from training.rankers.deep_network import Network
from training.rankers.deep_rows import Examples, Rows
from training.rankers.deep_scoring import Scorer
from training.rankers.deep_training import TrainingConfig

_SEED: Final = 1
_ROWS: Final = "rows a cpu-second"
_SAMPLES: Final = "samples a cpu-second"
_TYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_AT_LEAST: Final = {"float32": 1.7, "bfloat16": 2.3}
"""Times as fast as the naive way."""
_LEARNING: Final = "as it learns"
"""The forward pass of learning, which multiplies nothing of the attention twice either."""
_DIFFERENCE: Final = 1e-5
"""Of chances, that is allowed between two ways to score in float32."""
_DRIFT: Final = 1e-3
"""Of AUC, that bfloat16 may cost."""
_SCORED: Final = 45_000
"""Rows a cpu-second at the reference network."""
_LEARNED: Final = 4_500
"""Samples a cpu-second in float32."""
_LEARNED_HALF: Final = 6_000
"""Samples a cpu-second in bfloat16."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """How much is measured."""

    rounds: int = 3
    """Times that each is run; the median counts."""
    users: int = 16
    """Users that are scored."""
    candidates: int = 500
    """Candidates of each."""
    blocks: int = 4
    """Files that are learned from."""
    block_rows: int = 8192
    """Candidates of a file."""
    world_users: int = 10_000
    """Users of 20 candidates each, whose clicks are learned in earnest."""
    network: NetworkConfig = REFERENCE
    """The reference."""
    shop: NetworkConfig = SHOP
    """The other one."""


def _small(config: NetworkConfig) -> NetworkConfig:
    return replace(config, attention=(4,), cross_rank=4, trunk=(8, 4), width=2)


QUICK: Final = Sizes(
    users=2,
    candidates=6,
    blocks=1,
    block_rows=200,
    world_users=40,
    network=_small(REFERENCE),
    shop=_small(SHOP),
)
"""So little that only whether it runs is seen."""


def scoring_rows(sizes: Sizes) -> list[Row]:
    """Rows a cpu-second beside the naive way and the way it learns, and how far chances are off.

    The naive way is not timed with long histories, which it reads whole for each candidate.
    """
    reference, shop = _Asked.of(sizes.network, sizes), _Asked.of(sizes.shop, sizes)
    rate = reference.rates(sizes, {"naive": reference.plain, _LEARNING: reference.forward})
    step = f"reference network, {sizes.candidates} candidates a user"
    goal = _more(f"{step}, float32", "the goal", _ROWS, (_SCORED, rate["float32"]), 1.0)
    found = [*_beside(step, rate), goal, _less(*reference.farthest(step), 1.0)]
    step = f"shop's network, long histories, {sizes.candidates} candidates a user"
    rate = shop.rates(sizes, {_LEARNING: shop.forward})
    return [*found, *_beside(step, rate), _less(*shop.farthest(step), 1.0)]


def _beside(step: str, rate: Mapping[str, float]) -> list[Row]:
    return [
        _more(f"{step}, {kind}", against, _ROWS, (rate[against], rate[kind]), limit)
        for against in ("naive", _LEARNING)
        for kind, least in _AT_LEAST.items()
        for limit in [least if against == "naive" else 1.0]
        if against in rate
    ]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A network that has not learned, and users' candidates to be scored."""

    network: Network
    rows: Rows

    @classmethod
    def of(cls, config: NetworkConfig, sizes: Sizes) -> "_Asked":
        torch.manual_seed(_SEED)
        network = Network(config).eval()
        # It begins with 0, and crosses would say nothing.
        torch.nn.init.normal_(network.cross_heads.weight, std=0.05)
        drawn = Drawn(num_users=sizes.users, each=sizes.candidates, seed=_SEED)
        return cls(network, Examples.of(deep_world.block(config, drawn)).rows)

    def plain(self) -> Tensor:
        return torch.cat([deep_plain.scores(self.network, rows) for rows in self._each()])

    @torch.inference_mode()
    def forward(self) -> Tensor:
        return torch.cat([self.network(rows) for rows in self._each()])

    def _each(self) -> list[Rows]:
        """User by user: of more rows at once both other ways are slower, by memory."""
        return [self.rows.between(user, user + 1) for user in range(self.rows.num_users)]

    def rates(self, sizes: Sizes, others: Mapping[str, Callable[[], object]]) -> dict[str, float]:
        """Rows a cpu-second of other ways and of ours."""
        ours = {
            kind: partial(Scorer.of(self.network, dtype).score, self.rows)
            for kind, dtype in _TYPES.items()
        }
        spent = medians({**others, **ours}, sizes.rounds)
        return {kind: len(self.rows) / seconds for kind, seconds in spent.items()}

    def farthest(self, step: str) -> tuple[str, str, str, tuple[float, float]]:
        """The greatest difference from the naive way's chances, of two users."""
        two = self.rows.between(0, 2)
        apart_NT = Scorer.of(self.network).score(two) - deep_plain.scores(self.network, two)
        values = (_DIFFERENCE, float(apart_NT.abs().max()))
        return f"{step}, farthest from the naive way", "what is allowed", "chance", values


def learning_rows(sizes: Sizes) -> list[Row]:
    """Samples a cpu-second from files, the pass for scales and the judging included."""
    found = []
    for each in (1, 16):
        with tempfile.TemporaryDirectory() as folder:
            found += _learning(sizes, each, Path(folder))
    return found


def _learning(sizes: Sizes, each: int, folder: Path) -> list[Row]:
    num_users = sizes.block_rows // each
    for number in range(sizes.blocks):
        drawn = Drawn(num_users=num_users, each=each, seed=_SEED + number)
        deep_files.write(deep_world.block(sizes.network, drawn), folder, number)
    blocks = [
        lambda number=number: deep_files.read(folder, number) for number in range(sizes.blocks)
    ]
    stopping = Drawn(num_users=num_users // 8, each=each, seed=_SEED + sizes.blocks)
    deep_files.write(deep_world.block(sizes.network, stopping), folder, sizes.blocks)
    last = [partial(deep_files.read, folder, sizes.blocks)]

    once = TrainingConfig(num_epochs=1)
    kinds = {"float32": once, "bfloat16": replace(once, is_bfloat16=True)}
    works = {
        kind: partial(deep_training.learn, blocks, last, sizes.network, config, _SEED)
        for kind, config in kinds.items()
    }
    spent = medians(works, sizes.rounds)
    num_rows = sizes.blocks * num_users * each
    goals = {"float32": _LEARNED, "bfloat16": _LEARNED_HALF}
    step = f"reference network, learning, {each} candidates of a user"
    return [
        _more(f"{step}, {kind}", "the goal", _SAMPLES, (goals[kind], num_rows / spent[kind]), 1.0)
        for kind in works
    ]


def learned_rows(sizes: Sizes) -> list[Row]:
    """What the reference network learns of planted clicks: AUC on users it has not seen."""
    config = sizes.network
    parts = [
        deep_world.block(config, Drawn(num_users=sizes.world_users // 10, each=20, seed=100 + seed))
        for seed in range(12)
    ]
    whole = _Planted(config, [Examples.of(part) for part in parts])
    empty = [Examples.of(deep_world.without_histories(part)) for part in parts]
    blind = _Planted(replace(config, event_fields=()), empty)
    steps = TrainingConfig(num_epochs=2, batch_rows=512, judged_each=200)
    adagrad = whole.learned(steps)
    adam = whole.learned(replace(steps, is_table_adam=True, table_learning_rate=3e-3))
    auc, without = whole.auc(adagrad), blind.auc(blind.learned(steps))
    drift = abs(auc - whole.auc(adagrad, torch.bfloat16))
    step = "reference network, planted clicks"
    return [
        _less(f"{step}, drift of bfloat16", "what is allowed", "AUC", (_DRIFT, drift), 1.0),
        _more(step, "without histories", "AUC", (without, auc), 1.0),
        _more(f"{step}, Adagrad for vectors", "SparseAdam", "AUC", (whole.auc(adam), auc), 1.0),
    ]


@dataclass(frozen=True, slots=True)
class _Planted:
    """Blocks to learn from, then one to stop on and one to be judged on."""

    network: NetworkConfig
    blocks: list[Examples]

    def learned(self, config: TrainingConfig) -> Network:
        read = [partial(_same, block) for block in self.blocks]
        return deep_training.learn(read[:-2], read[-2:-1], self.network, config, _SEED).network

    def auc(self, network: Network, dtype: torch.dtype = torch.float32) -> float:
        asked = self.blocks[-1]
        score_N = Scorer.of(network, dtype).score(asked.rows)[:, 0]
        return float(roc_auc_score(asked.label_NT[:, 0] > 0, np.asarray(score_N)))


def _same(block: Examples) -> Examples:
    return block


def _more(step: str, against: str, unit: str, found: tuple[float, float], limit: float) -> Row:
    """A figure of which more is better: the reference's, and ours."""
    return replace(_less(step, against, unit, found, limit), is_more_better=True)


def _less(step: str, against: str, unit: str, found: tuple[float, float], limit: float) -> Row:
    reference, ours = found
    return Row(step=step, against=against, unit=unit, reference=reference, ours=ours, limit=limit)
