"""How the deep ranker's network learns: blocks in a new order each time, users of a block mixed.

A block is read whole, its users are shuffled, and a step takes as many of them as bring enough
candidates: what is a user's is computed once a step. Blocks hold what fits in memory; nothing else
does. Vectors of codes learn by Adagrad, which gives a rare code steps as large as its few readings
ask for (Duchi, Hazan, Singer, JMLR 2011) and touches only those that a step read; all else by Adam.

The same seed gives the same weights on one thread. Several processes may learn together, each its
share of every step's users (``training.rankers.deep_share``).
"""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adagrad, Adam, Optimizer, SparseAdam
from torch.optim.lr_scheduler import LambdaLR
from torch.sparse import check_sparse_tensor_invariants

from training.rankers import deep_heads
from training.rankers.deep_config import NetworkConfig
from training.rankers.deep_dense import moments
from training.rankers.deep_events import FlatExamples
from training.rankers.deep_network import Network
from training.rankers.deep_rows import Examples
from training.rankers.deep_share import ALONE, Share
from training.retrieval.learning_rate import rate
from training.split import TooLittleToLearnError, UnfittedError

_PLACES_FASTER: Final = 10
"""Times that places learn as fast: few numbers that every row reads, and what they have not said
yet would be told of the items that stood there."""
_JUDGEMENTS: Final = 8
"""At most, where examples are so few that they are read many times."""
_JUDGED_AT_ONCE: Final = 2048
"""Candidates."""
Blocks = Sequence[Callable[[], Examples | FlatExamples]]
"""Reads one block of examples each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """How the network learns."""

    num_epochs: int = 2
    """Times that all blocks are read, at most."""
    min_steps: int = 0
    """Steps below which blocks are read more often than that: of few examples."""
    max_steps: int = 0
    """Steps after which it ends, whatever more would bring; 0: as many as epochs have."""
    batch_rows: int = 2048
    """Candidates of a step, about: users are not torn apart. Of twice as many the attention's
    numbers no longer come from memory that is kept, and a step takes a third longer for each."""
    learning_rate: float = 3e-3
    """Adam's at its height; both rise over a few steps and fall to 0 along a cosine."""
    table_learning_rate: float = 0.03
    """Of the vectors of codes."""
    wide_learning_rate: float = 0.01
    """Of the wide part's weights."""
    is_table_adam: bool = False
    """Whether those learn by Adam of what was read, not by Adagrad."""
    judged_each: int = 500
    """Steps after which the stopping rows are judged, or those of an epoch if it has fewer; the end
    is judged too."""
    stop_after: int = 3
    """Judgements without a smaller loss after which it ends; the best weights are kept."""
    is_bfloat16: bool = False
    """Whether products are made of bfloat16 numbers: half the time where the processor has them."""
    num_processes: int = 1
    """Processes that learn together (``training.rankers.deep_distributed``). Of any number the
    steps are the same; what is dropped at random is another."""
    cluster_folder: str | None = None
    """Where those processes are workers of the Spark cluster: a folder that all of them reach.
    None: they are processes of this machine, and meet in its temporary folder (``TMPDIR``)."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A network, and the losses of the stopping rows as they were judged, one after the other."""

    network: Network
    judged: tuple[float, ...]


class NothingToLearnError(TooLittleToLearnError):
    """There is no example to learn from, or none to stop on."""


class DivergedError(UnfittedError, ArithmeticError):
    """Weights left the numbers that can be computed with."""


def learn(  # noqa: PLR0913
    blocks: Blocks,
    stopping: Blocks,
    network: NetworkConfig,
    config: TrainingConfig,
    seed: int,
    *,
    share: Share = ALONE,
) -> Learned:
    """Learn from blocks until the stopping rows are predicted no better.

    Args:
        blocks: Read once for scales and base rates, then once an epoch.
        stopping: Read at each judgement.
        network: What is learned.
        config: How.
        seed: Of first weights, orders and what is dropped.
        share: This process's part; all that learn together are given the same beside it.

    Raises:
        NothingToLearnError: If all blocks, or all stopping ones, are empty.
        InvalidNetworkError: If the configuration or a block does not fit.
        DivergedError: If weights leave all bounds.
    """
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]), check_sparse_tensor_invariants(False):
        torch.manual_seed(seed)
        net = Network(network)
        share.draw_apart()
        num_each = _settle(net, blocks, config.batch_rows)
        num_epochs = max(config.num_epochs, -(-config.min_steps // max(num_each, 1)))
        num_steps = min(num_each * num_epochs, config.max_steps or sys.maxsize)
        if not num_steps or not any(len(block()) for block in stopping):
            raise NothingToLearnError("there are no examples to learn from, or none to stop on")
        judged_each = min(config.judged_each, max(num_each, num_steps // _JUDGEMENTS))
        optimizers = _optimizers(net, config)
        paces = [
            LambdaLR(one, lambda step: rate(min(step, num_steps), num_steps)) for one in optimizers
        ]
        best = _Best(net, config.stop_after)
        if network.begins_from_known:
            best.is_over(judge(net, stopping, share))
        shuffled = _shuffled(blocks, config.batch_rows, num_epochs, rng, share)
        for number, batch in enumerate(islice(shuffled, num_steps), start=1):
            _step(net.train(), batch, optimizers, share, is_bfloat16=config.is_bfloat16)
            for pace in paces:
                pace.step()
            if number % judged_each == 0 and best.is_over(judge(net, stopping, share)):
                break
        else:
            best.is_over(judge(net, stopping, share))
        net.load_state_dict(best.weights)
    return Learned(net.eval(), tuple(best.judged))


@torch.inference_mode()
def judge(network: Network, blocks: Blocks, share: Share = ALONE) -> float:
    """Weigh the heads' mean log losses where rows stood, as learning does; nothing is dropped."""
    heads = network.eval().config.heads
    total_2T = torch.zeros(2, len(heads), dtype=torch.float64)
    for block in blocks:
        examples = block()
        in_turn = torch.arange(examples.rows.num_users)
        for batch in _batches(examples, in_turn, share, batch_rows=_JUDGED_AT_ONCE):
            own_NT = network(batch.rows)
            total_2T += deep_heads.totals(own_NT, batch.label_NT, batch.weight_N, heads)
    return float(deep_heads.mean(share.add_up(total_2T), heads))


class _Best:
    """The weights that were judged best, and whether better ones are to be hoped for."""

    def __init__(self, network: Network, stop_after: int) -> None:
        self.network, self.stop_after = network, stop_after
        self.judged: list[float] = []
        self.weights = network.state_dict()

    def is_over(self, loss: float) -> bool:
        """Take a judgement; say whether the best lies too far back."""
        if not math.isfinite(loss):
            raise DivergedError(
                f"the loss of the stopping rows is {loss}: learn at lower rates than those given"
            )
        if loss < min(self.judged, default=float("inf")):
            self.weights = deepcopy(self.network.state_dict())
        self.judged.append(loss)
        return len(self.judged) - 1 - int(np.argmin(self.judged)) >= self.stop_after


def _step(
    network: Network,
    batch: Examples,
    optimizers: Sequence[Optimizer],
    share: Share,
    *,
    is_bfloat16: bool,
) -> None:
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
        own_NT = network(batch.rows)
    heads = network.config.heads
    loss_T, weight_T = deep_heads.totals(own_NT, batch.label_NT, batch.weight_N, heads)
    for optimizer in optimizers:
        optimizer.zero_grad()
    deep_heads.mean(torch.stack([loss_T, share.add_up(weight_T)]), heads).backward()
    share.add_up_gradients(network.parameters())
    for optimizer in optimizers:
        optimizer.step()


def _settle(network: Network, blocks: Blocks, batch_rows: int) -> int:
    """Check all blocks, begin with their scales and base rates, and count an epoch's steps.

    What begins from known logits has the base rates from them.
    """
    config = network.config
    of_users = torch.zeros(3, config.num_user_dense, dtype=torch.float64)
    of_candidates = torch.zeros(3, config.num_candidate_dense, dtype=torch.float64)
    label_2T = torch.zeros(2, len(config.heads), dtype=torch.float64)
    num_steps = 0
    for block in blocks:
        examples = block()
        examples.rows.check(config)
        of_users += moments(examples.rows.user_dense_UE)
        of_candidates += moments(examples.rows.dense_NE)
        label_2T += deep_heads.label_sums(examples.label_NT, examples.weight_N)
        num_steps += -(-len(examples) // batch_rows)
    network.user_dense.settle(of_users)
    network.candidate_dense.settle(of_candidates)
    base_T = deep_heads.base_logits(label_2T, config.heads)
    if config.begins_from_known:
        base_T.zero_()
    network.expert_heads.bias.data.copy_(base_T)
    return num_steps


def _optimizers(network: Network, config: TrainingConfig) -> list[Optimizer]:
    table, places = network.table.weight, network.places.weight
    wide = [network.wide] if network.config.num_wide else []
    read = [
        {"params": [table], "lr": config.table_learning_rate},
        {"params": wide, "lr": config.wide_learning_rate},
    ]
    apart = {id(weight) for weight in (table, places, *wide)}
    rest = [weight for weight in network.parameters() if id(weight) not in apart]
    sparse = SparseAdam if config.is_table_adam else Adagrad
    groups = [
        {"params": rest, "lr": config.learning_rate},
        {"params": [places], "lr": _PLACES_FASTER * config.learning_rate},
    ]
    return [sparse(read[: 1 + len(wide)]), Adam(groups, fused=True)]


def _shuffled(
    blocks: Blocks, batch_rows: int, num_epochs: int, rng: np.random.Generator, share: Share
) -> Iterator[Examples]:
    """All epochs' batches, of each the share."""
    for _ in range(num_epochs):
        for number in rng.permutation(len(blocks)):
            examples = blocks[number]()
            order = torch.from_numpy(rng.permutation(examples.rows.num_users))
            yield from _batches(examples, order, share, batch_rows=batch_rows)


def _batches(
    examples: Examples | FlatExamples, order_U: Tensor, share: Share, *, batch_rows: int
) -> Iterator[Examples]:
    """Users in an order, so many together as have enough candidates; those without have no part.

    Of each such batch the share comes, be it nobody: all processes take part in each step.
    """
    count_U = examples.rows.bounds().diff()[order_U]
    order_U, count_U = order_U[count_U > 0], count_U[count_U > 0]
    batch_U = (count_U.cumsum(0) - count_U) // batch_rows
    sizes = torch.unique_consecutive(batch_U, return_counts=True)[1]
    for user_U in order_U.split(sizes.tolist()):
        yield examples.of_users(share.users(user_U))
