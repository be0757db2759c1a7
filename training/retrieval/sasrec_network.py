"""SASRec's network: what a history leads to, at every place of it (Kang, McAuley, ICDM 2018).

One or more causal self-attention blocks over the items' vectors; the answer at a place is the next
item's vector, up to a learned scale. Shapes: B users, L places, D width, M items of a choice.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig:
    """Size of the network, and what it forgets while it learns."""

    width: int = 64
    """D."""
    num_blocks: int = 1
    """Attention blocks."""
    num_heads: int = 2
    """Attention heads of a block."""
    max_length: int = 50
    """A user's newest items that are read."""
    input_dropout: float = 0.5
    """Share of the inputs' numbers that is dropped."""
    block_dropout: float = 0.3
    """Share of a block's answers that is dropped."""


class Block(nn.Module):
    """Attention to what came before, then a net of each place alone; both are added."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.before_attention = nn.LayerNorm(config.width)
        self.mix = nn.Linear(config.width, 3 * config.width)
        self.join = nn.Linear(config.width, config.width)
        self.before_net = nn.LayerNorm(config.width)
        self.net = nn.Sequential(
            nn.Linear(config.width, 4 * config.width),
            nn.GELU(),
            nn.Linear(4 * config.width, config.width),
        )
        self.dropout = nn.Dropout(config.block_dropout)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Mix every place with those before it."""
        batch, length, width = x_BLD.shape
        mixed = self.mix(self.before_attention(x_BLD))
        q, k, v = mixed.view(batch, length, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        heard = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        heard_BLD = heard.transpose(1, 2).reshape(batch, length, width)
        x_BLD = x_BLD + self.dropout(self.join(heard_BLD))
        return x_BLD + self.dropout(self.net(self.before_net(x_BLD)))


class Network(nn.Module):
    """Item vectors, places, blocks."""

    def __init__(self, num_items: int, config: NetworkConfig) -> None:
        super().__init__()
        self.items = nn.Embedding(num_items + 1, config.width, padding_idx=num_items)
        self.places = nn.Embedding(config.max_length, config.width)
        self.dropout = nn.Dropout(config.input_dropout)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.num_blocks)])
        self.last = nn.LayerNorm(config.width)
        nn.init.normal_(self.items.weight, std=config.width**-0.5)
        nn.init.normal_(self.places.weight, std=0.1 * config.width**-0.5)
        with torch.no_grad():
            self.items.weight[num_items].zero_()

    def forward(self, item_BL: Tensor) -> Tensor:
        """Answer at every place: B × L × D. Padding stands at the end of a row."""
        x_BLD = self.items(item_BL) * self.items.embedding_dim**0.5
        x_BLD = self.dropout(x_BLD + self.places.weight[: item_BL.shape[1]])
        for block in self.blocks:
            x_BLD = block(x_BLD)
        return self.last(x_BLD)
