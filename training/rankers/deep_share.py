"""A process's share of what several learn together, and how they add up what each has found.

All processes walk over the same batches in the same order. Each works on its part of a batch's
users; losses are divided by the weights of the whole batch and slopes are added up, so that the
step is the one that a single process would make, up to rounding, and all keep the same weights.
How processes are started is said in ``training.rankers.deep_distributed``.

Shapes: U users, P weights of a network.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.distributed import ProcessGroup

from training.split import UnfittedError


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one process; without others it is all, and nothing is added up."""

    rank: int = 0
    """Number of the process, 0 … size − 1."""
    size: int = 1
    """Processes that learn together."""
    group: ProcessGroup | None = None
    """By which they reach one another; None where there are no others."""

    def users(self, user_U: Tensor) -> Tensor:
        """Those of a batch's users that are worked on here; none, if there are too few."""
        return user_U[self.rank :: self.size]

    def draw_apart(self) -> None:
        """Draw other numbers than the first process from here on; that one goes on with its own.

        Otherwise what is dropped would be the same of each process's users.
        """
        if self.rank:
            torch.manual_seed(torch.initial_seed() + self.rank)

    def add_up(self, part: Tensor) -> Tensor:
        """Add up what all processes have: a tensor like the given one, the same in all of them."""
        if self.group is None:
            return part
        total = part.detach().clone()
        self.group.allreduce([total]).wait()
        return total

    def add_up_gradients(self, weights: Iterable[Tensor]) -> None:
        """Replace the weights' slopes by the sums of those of all processes.

        Sparse ones stay sparse and coalesced, with the codes that any process has read. A weight
        has none where no process has found one, as if a single process had found none.
        """
        if self.group is None:
            return
        dense: list[Tensor] = []
        for weight in weights:
            if weight.grad is not None and weight.grad.is_sparse:
                weight.grad = self.add_up(weight.grad)
            else:
                dense.append(weight)
        self._add_up_dense(dense)

    def _add_up_dense(self, weights: list[Tensor]) -> None:
        """Send all slopes at once, and ahead of them which of them there are."""
        is_found_P = torch.tensor([float(weight.grad is not None) for weight in weights])
        parts = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        total = self.add_up(torch.cat([is_found_P, *(part.flatten() for part in parts)]))
        num_found_P, *totals = total.split([len(weights), *(w.numel() for w in weights)])
        for weight, num_found, own in zip(weights, num_found_P.tolist(), totals, strict=True):
            weight.grad = own.view_as(weight) if num_found else None

    def refuse_unless_alike(self, weights: Iterable[Tensor]) -> None:
        """Make sure that all processes have kept the same weights, to the last bit.

        Raises:
            TornApartError: If they have not: what was learned is nobody's.
        """
        own = 0
        for weight in weights:
            own = zlib.crc32(weight.detach().numpy().tobytes(), own)
        if int(self.add_up(torch.tensor(own))) != self.size * own:
            raise TornApartError(
                f"{self.size} processes that learn together keep the same weights; they differ "
                "now. Are they of the same machine type and versions of torch?"
            )


ALONE: Final = Share()
"""Of a process that learns by itself."""


class TornApartError(UnfittedError, RuntimeError):
    """Processes that learn together have come to different weights."""
