"""The two towers: a vector of what a user touched lately, and one of each item.

An item is the sum of its own vector and a projection of its content; a user is a weighted mean of
his items in the role of asking (a small net of each), plus a vector for how long his history is.
Nothing is computed from a mean any more, so that users are sums over a table once it has learned.

Shapes: M items of a call, A content width, D width, B users, N items of their histories, I items.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NUM_LENGTHS: Final = 12
"""Lengths of a history are told apart by powers of 2, to 2,048."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig:
    """Size of the towers, and what they forget while they learn."""

    width: int = 64
    """D."""
    max_length: int = 50
    """A user's newest items that are read; of a history without an order all are."""
    dropout: float = 0.2
    """Share of the numbers of an item that asks that is dropped."""
    id_dropout: float = 0.2
    """Share of items that have content and stand in a step without a vector of their own."""


class Network(nn.Module):
    """Items' own vectors, the projection of content, and how items ask."""

    def __init__(self, content_IA: Tensor, is_touched_I: Tensor, config: NetworkConfig) -> None:
        super().__init__()
        num_items, num_content = content_IA.shape
        width = config.width
        self.id_dropout = config.id_dropout
        self.register_buffer("content", content_IA)
        self.register_buffer("is_touched", is_touched_I)
        self.ids = nn.Embedding(num_items, width)
        self.project = nn.Parameter(torch.randn(num_content, width) * width**-0.5)
        self.net = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(config.dropout)
        self.attention = nn.Parameter(torch.zeros(width))
        self.places = nn.Parameter(-0.3 * torch.arange(config.max_length, dtype=torch.float32))
        self.lengths = nn.Embedding(NUM_LENGTHS, width)
        nn.init.normal_(self.ids.weight, std=width**-0.5)
        nn.init.zeros_(self.net[2].weight)
        nn.init.zeros_(self.net[2].bias)
        nn.init.zeros_(self.lengths.weight)

    def items(self, item_M: Tensor) -> Tensor:
        """Give items as they answer, before they are brought to length 1: M × D.

        An item that nobody touched has no vector of its own that says anything; while learning,
        others are treated like it now and then, so that content learns to stand alone (Volkovs et
        al., NeurIPS 2017).
        """
        has_own_M = self.is_touched[item_M]
        content_MA = self.content[item_M]
        if self.training:
            has_content_M = content_MA.ne(0).any(dim=1)
            has_own_M = has_own_M & ~(has_content_M & (torch.rand(len(item_M)) < self.id_dropout))
        return self.ids(item_M) * has_own_M[:, None] + content_MA @ self.project

    def asking(self, items_MD: Tensor) -> tuple[Tensor, Tensor]:
        """Give items as they ask, M × D, and the logarithm of how loudly, M."""
        items_MD = self.dropout(items_MD)
        return items_MD + self.net(items_MD), items_MD @ self.attention

    def users(self, asking_ND: Tensor, loud_N: Tensor, user_N: Tensor) -> Tensor:
        """Join what users touched, at least one item each: B × D, of length 1."""
        length_B = torch.bincount(user_N)
        # The loudest of a user is taken off, or exp could leave its range; shares stay the same.
        loudest_B = torch.full(length_B.shape, -torch.inf)
        loudest_B.scatter_reduce_(0, user_N, loud_N.detach(), "amax")
        weight_N = torch.exp(loud_N - loudest_B[user_N])
        total_B = torch.zeros(len(length_B)).index_add(0, user_N, weight_N)
        share_N1 = (weight_N / total_B[user_N])[:, None]
        mean_BD = torch.zeros(len(length_B), asking_ND.shape[1])
        mean_BD = mean_BD.index_add(0, user_N, share_N1 * asking_ND)
        return F.normalize(mean_BD + self.lengths(bucket(length_B)), dim=1)


def bucket(length_B: Tensor) -> Tensor:
    """Tell lengths of histories apart: the whole part of log2."""
    return torch.log2(length_B.clamp(min=1).float()).long().clamp(max=NUM_LENGTHS - 1)
