"""Histories one behind the other, as they are kept until a few users' are read.

A day's histories side by side would take as much as its longest one has, for every user.

Shapes: U users, N candidates, E events of all histories, G fields and X contexts of an event.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from training.rankers.deep_rows import Events, Examples, Rows


@dataclass(frozen=True, kw_only=True, slots=True)
class FlatEvents:
    """Histories of U users, newest event first; users may share one."""

    code_EG: Tensor
    """int32: codes of ``event_fields``."""
    context_EX: Tensor
    """int32: codes of ``event_contexts``."""
    first_U: Tensor
    """int64: where each user's begin."""
    length_U: Tensor
    """int64: events of each user."""

    def taken(self, user_U: Tensor | slice, most: int) -> Events:
        """Lay the newest events of these users out side by side, so many of each at most."""
        first_U, length_U = self.first_U[user_U], self.length_U[user_U].clamp(max=most)
        longest = int(length_U.max()) if len(length_U) else 0
        place_UL = first_U[:, None] + torch.arange(longest)
        place_UL.clamp_(max=max(len(self.code_EG) - 1, 0))
        return Events(
            code_ULG=self.code_EG[place_UL],
            context_ULX=self.context_EX[place_UL],
            length_U=length_U,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FlatRows:
    """Rows whose histories are laid out when some of their users are taken."""

    alone: Rows
    """Without histories."""
    events: FlatEvents
    num_short: int
    """Events of a short history at most."""
    num_long: int
    """Events of a long one at most."""

    def of_users(self, user_U: Tensor) -> tuple[Rows, Tensor]:
        """Some users with all their candidates, and where those stood, as ``Rows.of_users``."""
        rows, row_N = self.alone.of_users(user_U)
        return self._with_events(rows, user_U), row_N

    def blocks(self, num_rows: int) -> list[Rows]:
        """Users in turn, so many together as have about so many candidates."""
        bounds = self.alone.bounds()
        block_U = bounds[1:] // num_rows
        sizes = torch.unique_consecutive(block_U, return_counts=True)[1]
        cuts = [0, *sizes.cumsum(0).tolist()]
        return [
            self._with_events(self.alone.between(first, last), slice(first, last))
            for first, last in pairwise(cuts)
        ]

    def _with_events(self, rows: Rows, user_U: Tensor | slice) -> Rows:
        short = self.events.taken(user_U, self.num_short)
        return replace(rows, history=short, long=self.events.taken(user_U, self.num_long))


@dataclass(frozen=True, kw_only=True, slots=True)
class FlatExamples:
    """Such rows with what followed; learning takes them as it takes ``Examples``."""

    given: FlatRows
    label_NT: Tensor
    weight_N: Tensor

    def __len__(self) -> int:
        return len(self.weight_N)

    @property
    def rows(self) -> Rows:
        """Without histories."""
        return self.given.alone

    def of_users(self, user_U: Tensor) -> Examples:
        """Some users' examples with their histories, in the order given."""
        rows, row_N = self.given.of_users(user_U)
        return Examples(rows=rows, label_NT=self.label_NT[row_N], weight_N=self.weight_N[row_N])
