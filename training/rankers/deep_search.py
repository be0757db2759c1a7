"""Finds in long histories the events that share a candidate's category (SIM's hard search).

Pi et al., CIKM 2020, § 3.1. Shapes: U users, L events of a long history, N candidates, M events
that are found at most.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.rankers.deep_rows import Events


@dataclass(frozen=True, slots=True)
class Found:
    """The newest events that share a candidate's code."""

    event_NM: Tensor
    """int64: places among the U · L events; those behind a row's length say nothing. M is the
    greatest length."""
    length_N: Tensor
    """int64."""

    def events(self, long: Events) -> Events:
        """What was found, as a history of each candidate."""
        return Events(
            code_ULG=long.code_ULG.flatten(0, 1)[self.event_NM],
            context_ULX=long.context_ULX.flatten(0, 1)[self.event_NM],
            length_U=self.length_N,
        )

    def between(self, first: int, last: int) -> "Found":
        """What the candidates from one to before another found."""
        return Found(self.event_NM[first:last], self.length_N[first:last])

    def of(self, row_N: Tensor) -> "Found":
        """What these candidates found, one at least."""
        length_N = self.length_N[row_N]
        return Found(self.event_NM[row_N, : int(length_N.max())], length_N)

    @classmethod
    def nothing(cls, num_candidates: int) -> "Found":
        """Nobody found anything."""
        length_N = torch.zeros(num_candidates, dtype=torch.int64)
        return cls(torch.zeros(num_candidates, 0, dtype=torch.int64), length_N)


def search(long: Events, asked_N: Tensor, user_N: Tensor, *, field: int, most: int) -> Found:
    """Find each candidate's events. What is unknown, code 0, finds nothing.

    Args:
        long: The long histories.
        asked_N: Codes of candidates.
        user_N: Their users.
        field: The event's field that must have the candidate's code.
        most: Events that a candidate finds at most, the newest.
    """
    code_UL = long.code_ULG[:, :, field].to(torch.int64)
    if not code_UL.numel() or not len(asked_N):
        return Found.nothing(len(asked_N))
    num_users, num_events = code_UL.shape
    num_codes = max(int(code_UL.max()), int(asked_N.max())) + 1
    is_event_UL = torch.arange(num_events) < long.length_U[:, None]
    key_UL = code_UL + num_codes * torch.arange(num_users)[:, None]
    key_UL = key_UL.where(is_event_UL, num_codes * num_users)
    sorted_K, event_K = key_UL.flatten().sort(stable=True)
    key_N = asked_N + num_codes * user_N
    first_N = torch.searchsorted(sorted_K, key_N)
    count_N = torch.searchsorted(sorted_K, key_N, right=True) - first_N
    length_N = count_N.clamp(max=most).where(asked_N > 0, 0)
    place_NM = first_N[:, None] + torch.arange(int(length_N.max()))
    return Found(event_K[place_NM.clamp(max=len(event_K) - 1)], length_N)
