"""What a candidate hears of a history: each event as loud as a small net of both finds it.

The net reads [q, k, q − k, q · k] of a candidate q and an event k, and its answer weighs the event
without a softmax, so that many events of a kind are louder than few (Zhou et al., DIN, KDD 2018, §
4.3). Two things are added to that paper's: the net's answer is on top of the product of q and k,
which is large for events that share the candidate's fields before anything was learned; and how
loud all events were together is heard too. Without them a network heard a quarter of what it hears
of planted tastes (docs/experiments.md).

Of the net's first layer W = [Wq, Wk, Wd, Wp] nothing is multiplied twice:

    W [q, k, q − k, q · k] = (Wq + Wd) q + (Wk − Wd + diag(q) Wp) k
                           = (Wk − Wd) k + (Wq + Wd + diag(k) Wp) q.

Of one candidate and all its events the first line is one product with a matrix of the candidate's
(``forward``); of one user and all his candidates the second is one with a matrix of the user's
(``Listening``), and N × L × 4D numbers are never laid out.

Shapes: N candidates, L events, D numbers of each, H width of the net's first layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_AT_ONCE: Final = 128
"""Candidates whose hidden numbers are held at once, so that they stay in a core's cache."""
_EVENTS: Final = 16
"""Events of a history of bfloat16 numbers are filled up to these."""


class Attention(nn.Module):
    """The net that weighs."""

    def __init__(self, event_width: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(4, event_width, widths[0]) * event_width**-0.5 / 2)
        self.bias = nn.Parameter(torch.zeros(widths[0]))
        self.rest = nn.ModuleList([nn.Linear(*pair) for pair in pairwise(widths)])
        self.last = nn.Linear(widths[-1], 1)
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, q_ND: Tensor, k_NLD: Tensor, length_N: Tensor) -> Tensor:
        """What each candidate hears of events of its own: N × D + 1; 0 where there are none."""
        ask_DH, know_DH, both_DH = self.split()
        know_NDH = torch.addcmul(know_DH, q_ND[:, :, None], both_DH)
        ask_NH = torch.addmm(self.bias, q_ND, ask_DH)
        hidden_NLH = F.relu(torch.baddbmm(ask_NH[:, None], k_NLD, know_NDH))
        for layer in self.rest:
            hidden_NLH = F.relu(layer(hidden_NLH))
        alike_NL = torch.bmm(k_NLD, q_ND[:, :, None])[:, :, 0]
        loud_NL = self.last(hidden_NLH)[:, :, 0] + self.gain * alike_NL
        is_event_NL = torch.arange(k_NLD.shape[1]) < length_N[:, None]
        loud_NL = loud_NL.where(is_event_NL, 0.0)
        heard_ND = torch.bmm(loud_NL[:, None], k_NLD)[:, 0]
        return torch.cat([heard_ND, loud_NL.sum(1, keepdim=True)], dim=1)

    def split(self) -> tuple[Tensor, Tensor, Tensor]:
        """Parts of the first layer for q, for k and for their product: D × H each."""
        ask, know, apart, both = self.first
        return ask + apart, know - apart, both


@dataclass(frozen=True, slots=True)
class Listening:
    """The net of an ``Attention``, laid out for all candidates of one user."""

    ask_DH: Tensor
    know_DH: Tensor
    both_DH: Tensor
    bias_H: Tensor
    rest: tuple[tuple[Tensor, Tensor], ...]
    """Further layers: matrix, before × after, and bias."""
    last_H1: Tensor
    last_1: Tensor
    gain_1: Tensor

    @classmethod
    def of(cls, attention: Attention, dtype: torch.dtype) -> "Listening":
        """Lay the weights out in a type of number."""
        ask_DH, know_DH, both_DH = attention.split()
        rest = [(layer.weight.T.contiguous(), layer.bias) for layer in attention.rest]
        return cls(
            ask_DH.to(dtype),
            know_DH.to(dtype),
            both_DH.to(dtype),
            attention.bias.to(dtype),
            tuple((weight.to(dtype), bias.to(dtype)) for weight, bias in rest),
            attention.last.weight.T.to(dtype),
            attention.last.bias.to(dtype),
            attention.gain.to(dtype),
        )

    def heard(self, q_ND: Tensor, k_LD: Tensor) -> Tensor:
        """What a user's candidates hear of all his events: N × D + 1."""
        if not len(k_LD):
            return q_ND.new_zeros(len(q_ND), k_LD.shape[1] + 1)
        told_LD1 = even(F.pad(k_LD, (0, 1), value=1.0), _EVENTS)
        k_LD = told_LD1[:, :-1]
        k_DL = k_LD.T.contiguous()
        ask_DLH = torch.addcmul(self.ask_DH[:, None], k_DL[:, :, None], self.both_DH[:, None])
        know_LH = torch.addmm(self.bias_H, k_LD, self.know_DH)
        ask, know = ask_DLH.view(len(k_DL), -1), know_LH.view(-1)
        loud = [self._net(q_MD, ask, know, len(k_LD)) for q_MD in q_ND.split(_AT_ONCE)]
        loud_NL = torch.cat(loud).addmm_(q_ND, k_DL * self.gain_1)
        return loud_NL @ told_LD1

    def _net(self, q_MD: Tensor, ask: Tensor, know: Tensor, num_events: int) -> Tensor:
        hidden = relu_(torch.addmm(know, q_MD, ask)).view(len(q_MD) * num_events, -1)
        for weight, bias in self.rest:
            hidden = relu_(torch.addmm(bias, hidden, weight))
        return torch.addmm(self.last_1, hidden, self.last_H1).view(len(q_MD), num_events)


def even(rows: Tensor, multiple: int) -> Tensor:
    """Fill bfloat16 rows up with 0 to a multiple; others stay as they are.

    torch compiles bfloat16 products for each shape, which takes longer than most of them, and keeps
    a thousand: of shapes as they come, scoring took three times as long as in float32.
    """
    if rows.dtype is not torch.bfloat16:
        return rows
    return F.pad(rows, (0,) * (2 * rows.dim() - 1) + (-len(rows) % multiple,))


def relu_(x: Tensor) -> Tensor:
    """Set what is negative to 0, in place.

    A bfloat16 is negative where its bits are as int16, and torch is four times as fast with those.
    """
    if x.dtype is torch.bfloat16:
        x.view(torch.int16).clamp_(min=0)
        return x
    return x.relu_()
