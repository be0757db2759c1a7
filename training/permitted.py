"""Which features a fit may read: the rule of the 80 percent, and that of positions.

What sources said of an item also says what the policy of the time would show. On impressions of our
own publications that is how things are when the ranker serves; on another policy's it is a lesson
about that policy. So ranks and scores of sources are read only where at least 80 percent of the
examples learned from are ours. The place an item stood at is read where any example has one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from training.inputs import OF_SOURCES, OURS, Layout
from training.rankers.ranker import Batch


@dataclass(frozen=True, kw_only=True, slots=True)
class PermittedConfig:
    """How much of what is learned from must be ours."""

    min_own_percent: int = 80
    """Percent of the examples without which ranks and scores of sources are not read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Permitted:
    """What a fit may read, and why."""

    num_examples: int
    """Learned from."""
    num_own_examples: int
    """Of them put there by our own publications, or candidates of ours."""
    reads_source_ranks: bool
    reads_positions: bool
    layout: Layout = OURS
    """What there is to read."""

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the numeric features that may be read, in their usual order."""
        left_out = set() if self.reads_source_ranks else set(OF_SOURCES)
        left_out |= set() if self.reads_positions else {"position"}
        return tuple(name for name in self.layout.numeric if name not in left_out)


def permitted(batches: Iterable[Batch], config: PermittedConfig) -> Permitted:
    """Look at what a fit learns from, and say what it may read.

    Args:
        batches: The days to learn from.
        config: How much must be ours.
    """
    num_examples, num_own, has_positions, layout = 0, 0, False, OURS
    for batch in batches:
        layout = batch.given.layout
        num_examples += len(batch)
        num_own += int(batch.is_own_N.sum())
        has_positions |= batch.given.has_positions
    return Permitted(
        num_examples=num_examples,
        num_own_examples=num_own,
        reads_source_ranks=100 * num_own >= config.min_own_percent * num_examples,
        reads_positions=has_positions,
        layout=layout,
    )
