"""Scores all candidates of users: what is the user's is worked out once for each of them.

The same numbers as ``Network.forward``, in another order of sums: the attention's net is
laid out for a user's history (``deep_attention``), crosses carry the candidate's part alone
(``deep_crosses``), the first layers of trunks add the user's part as they add their bias. Users are
gone through one by one: five hundred candidates fill a core's caches, and what is multiplied for
one user is of his own numbers alone, copied to where memory begins anew: libraries' sums depend on
shapes and alignment, and his scores are the same bit for bit whoever stands beside him.

Shapes: U users, N candidates of one, L events, D numbers of an event, S of a user, C of a
candidate, H of a layer, X experts, T heads.
"""

from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.rankers.deep_attention import Attention, Listening, even, relu_
from training.rankers.deep_crosses import SplitCrosses
from training.rankers.deep_heads import chances
from training.rankers.deep_network import Network
from training.rankers.deep_rows import Rows
from training.rankers.deep_search import Found

_READ_AT_ONCE: Final = 4096
"""Candidates whose vectors are looked up at once, with all their users; or one user's."""
_ROUND: Final = 32
"""Candidates of bfloat16 numbers, and events found for them, are filled up to these."""


@dataclass(frozen=True, slots=True)
class _Split:
    """A linear layer of all that is read; the user's part, float32, apart from the candidate's."""

    user_HS: Tensor
    bias_H: Tensor
    candidate_CH: Tensor

    @classmethod
    def of(cls, layer: nn.Linear, num_user: int, dtype: torch.dtype) -> "_Split":
        weight_HX = layer.weight.detach()
        user_HS, candidate_HC = weight_HX[:, :num_user], weight_HX[:, num_user:]
        return cls(user_HS.contiguous(), layer.bias.detach(), candidate_HC.T.contiguous().to(dtype))

    def of_user(self, user_S: Tensor, candidate_NC: Tensor) -> Tensor:
        """The layer for a user's candidates, N × H, of their type of number."""
        bias_H = torch.addmv(self.bias_H, self.user_HS, user_S)
        return torch.addmm(bias_H.to(candidate_NC.dtype), candidate_NC, self.candidate_CH)


@dataclass(frozen=True, slots=True)
class _Expert:
    """One trunk."""

    first: _Split
    rest: tuple[tuple[Tensor, Tensor], ...]
    """Further layers: bias, and matrix, before × after."""

    @classmethod
    def of(cls, layers: nn.Sequential, num_user: int, dtype: torch.dtype) -> "_Expert":
        first, *rest = (layer for layer in layers if isinstance(layer, nn.Linear))
        pairs = ((layer.bias.detach(), layer.weight.detach().T.contiguous()) for layer in rest)
        laid_out = tuple((bias.to(dtype), weight.to(dtype)) for bias, weight in pairs)
        return cls(_Split.of(first, num_user, dtype), laid_out)

    def of_user(self, user_S: Tensor, candidate_NC: Tensor) -> Tensor:
        """What the trunk makes of a user's candidates: float32, N × H of its last layer."""
        hidden_NH = relu_(self.first.of_user(user_S, candidate_NC))
        for bias_H, weight in self.rest:
            hidden_NH = relu_(torch.addmm(bias_H, hidden_NH, weight))
        return hidden_NH.float()


@dataclass(frozen=True, slots=True)
class _Block:
    """Some users and their candidates, with what was looked up of them."""

    rows: Rows
    user_US: Tensor
    candidate_NC: Tensor
    history_ULD: Tensor
    aside_NT: Tensor


@dataclass(frozen=True, slots=True)
class Scorer:
    """A network laid out for scoring; candidates are computed in one type of number."""

    network: Network
    dtype: torch.dtype
    short: Listening | None
    long: Attention | None
    crosses: SplitCrosses
    experts: tuple[_Expert, ...]
    gates: _Split | None

    @classmethod
    @torch.inference_mode()
    def of(cls, network: Network, dtype: torch.dtype = torch.float32) -> "Scorer":
        """Lay a network out.

        Args:
            network: It must not learn any more: part of its weights are read where they are.
            dtype: float32, or bfloat16: half the time where the processor multiplies it
                (avx512_bf16 or amx in /proc/cpuinfo), for chances of two to three digits.
        """
        config, num_user = network.config, network.config.user_width
        head_TX = network.cross_heads.weight.detach()
        return cls(
            network.eval(),
            dtype,
            Listening.of(network.short, dtype) if config.event_fields else None,
            deepcopy(network.long).to(dtype) if config.searched_by is not None else None,
            SplitCrosses.of(network.crosses, head_TX, num_user=num_user, dtype=dtype),
            tuple(_Expert.of(expert, num_user, dtype) for expert in network.experts),
            _Split.of(network.gates, num_user, torch.float32) if config.num_experts > 1 else None,
        )

    @torch.inference_mode()
    def score(self, rows: Rows) -> Tensor:
        """Chances, or shares, of all candidates where they stand: float32, N × T, in [0, 1].

        Raises:
            InvalidNetworkError: If these are not rows that the network reads.
        """
        heads = self.network.config.heads
        rows.check(self.network.config)
        found = [torch.empty(0, len(heads))]
        for first, last in pairwise(_cuts(rows)):
            found += self._of_block(self._read(rows.between(first, last)))
        return torch.cat(found)

    def _read(self, rows: Rows) -> _Block:
        network = self.network
        user_UF, candidate_NF, event_ULD = network.table.vectors(
            network.table.users(rows.user_code_UF),
            network.table.candidates(rows.code_NF),
            network.table.candidates(rows.history.code_ULG),
        )
        return _Block(
            rows,
            network.read_users(rows, user_UF),
            network.read_candidates(rows, candidate_NF).to(self.dtype),
            network.read_events(event_ULD, rows.history).to(self.dtype),
            network.read_aside(rows),
        )

    def _of_block(self, block: _Block) -> list[Tensor]:
        bounds = block.rows.bounds().tolist()
        found = self.network.search(block.rows)
        scores = []
        for user, (first, last) in enumerate(pairwise(bounds)):
            if first == last:
                continue
            parts = [even(block.candidate_NC[first:last], _ROUND)]
            q_ND = parts[0][:, : self.network.config.event_width].contiguous()
            if self.network.config.num_content:
                content_NC = self.network.content(block.rows.content_NC[first:last].clone())
                parts.append(even(content_NC.to(self.dtype), _ROUND))
            if self.short is not None:
                length = int(block.rows.history.length_U[user])
                parts.append(self.short.heard(q_ND, block.history_ULD[user, :length].clone()))
            if self.long is not None:
                parts.append(self._found(block.rows, found.between(first, last), q_ND))
            own_NT = self._own(block.user_US[user].clone(), torch.cat(parts, dim=1))
            own_NT = own_NT[: last - first] + block.aside_NT[first:last]
            scores.append(chances(own_NT, self.network.config.heads))
        return scores

    def _found(self, rows: Rows, found: Found, q_ND: Tensor) -> Tensor:
        """What candidates hear of a long history; those that found nothing hear 0."""
        heard_ND = q_ND.new_zeros(len(q_ND), q_ND.shape[1] + 1)
        asks = found.length_N.nonzero()[:, 0]
        if self.long is None or not len(asks):
            return heard_ND
        events = found.of(asks).events(rows.long)
        [event_NMD] = self.network.table.vectors(self.network.table.candidates(events.code_ULG))
        k_NMD = self.network.read_events(event_NMD, events).to(self.dtype)
        k_NMD = even(even(k_NMD.transpose(0, 1), _ROUND).transpose(0, 1), _ROUND)
        length_N = F.pad(events.length_U, (0, len(k_NMD) - len(asks)))
        found_ND = self.long(even(q_ND[asks], _ROUND), k_NMD, length_N)
        heard_ND[asks] = found_ND[: len(asks)]
        return heard_ND

    def _own(self, user_S: Tensor, candidate_NC: Tensor) -> Tensor:
        """Own logits of a user's candidates: float32, N × T."""
        cross_NT = self.crosses.heads(candidate_NC, self.crosses.user(user_S))
        heads = self.network.expert_heads
        each = [heads(expert.of_user(user_S, candidate_NC)) for expert in self.experts]
        if self.gates is None:
            return cross_NT + each[0]
        gate_N = self.gates.of_user(user_S, candidate_NC.float())
        share_NTE = gate_N.view(len(gate_N), -1, len(each)).softmax(dim=2)
        return cross_NT + (share_NTE * torch.stack(each, dim=2)).sum(dim=2)


def _cuts(rows: Rows) -> list[int]:
    """Users at whom blocks begin, and the end."""
    cuts, begun = [0], 0
    for user, end in enumerate(rows.bounds()[1:].tolist()):
        if end - begun > _READ_AT_ONCE and user > cuts[-1]:
            cuts.append(user)
            begun = int(rows.bounds()[user])
    return [*cuts, rows.num_users]
