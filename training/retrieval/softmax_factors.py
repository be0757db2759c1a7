"""Matrix factorisation by cosine under a sampled softmax: what LightGCN reaches, without its graph.

A user's and an item's vector of length 1, their product over a temperature, and the softmax of a
touched item among drawn ones (Wu et al., TOIS 2024: sampled softmax for item recommendation). Hard
negatives weigh most by themselves. A user of no fit is the mean of his items' vectors; one of the
fit is his own vector and, by a setting, some of that mean. torch comes with the networks' lock.

Shapes: B interactions of a step, M negatives, D width, U users, I items.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy.sparse import diags_array
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from training.retrieval.eigen import normalised, strongest
from training.retrieval.interactions import UNSEEN, Interactions
from training.retrieval.source import dense_products, packed, unpacked, without

_NOISE: Final = 0.1
_SMALLEST: Final = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class SoftmaxFactorsConfig:
    """How vectors are learned, and how users ask."""

    width: int = 64
    """D."""
    num_epochs: int = 12
    """Times that all interactions are read."""
    batch_size: int = 4096
    """Interactions of a step."""
    num_negatives: int = 512
    """Items drawn against each, shared by a step."""
    temperature: float = 0.1
    """Cosines are divided by it."""
    learning_rate: float = 3e-3
    """Adam's at first; it falls to 0 along a cosine."""
    history_share: float = 0.5
    """How much a known user is the mean of his items rather than his own vector."""


@dataclass(frozen=True, slots=True)
class SoftmaxFactors:
    """Vectors of length 1."""

    users_VD: np.ndarray
    """float32: the users of the fit."""
    items_ID: np.ndarray
    """float32."""
    config: SoftmaxFactorsConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Cosine of each user and item: float32, U × I."""
        return dense_products(self, histories)

    def user_vectors(self, histories: Interactions) -> np.ndarray:
        """Take a user's own vector and the mean of his items': float32, U × D, of length 1."""
        num_U = np.maximum(histories.length_U, 1)
        mean_UD = diags_array((1 / num_U).astype(np.float32)) @ (histories.matrix() @ self.items_ID)
        mean_UD = _normal(mean_UD)
        share_U1 = np.full((len(histories), 1), self.config.history_share, np.float32)
        share_U1[histories.user_U == UNSEEN] = 1
        # An unseen user's own vector is a row of nothing, behind all others.
        own_UD = np.vstack([self.users_VD, np.zeros_like(self.items_ID[:1])])[histories.user_U]
        asking_UD = _normal(share_U1 * mean_UD + (1 - share_U1) * own_UD)
        return without(asking_UD, histories.length_U == 0)

    def item_vectors(self) -> np.ndarray:
        """Say the items' vectors: float32, I × D, of length 1."""
        return self.items_ID

    def save(self) -> dict[str, bytes]:
        """Write the vectors and the settings."""
        arrays = {"users": self.users_VD, "items": self.items_ID}
        return packed(arrays, self.config)


def fit(interactions: Interactions, *, config: SoftmaxFactorsConfig, seed: int) -> SoftmaxFactors:
    """Learn the vectors of users and items.

    Args:
        interactions: Histories, ordered or not.
        config: How they are learned.
        seed: Of their start, of the order and of the negatives.
    """
    rng = np.random.default_rng(seed)
    users, items = _started(interactions, config.width, rng)
    user_N, item_N = interactions.row_N, interactions.item_N
    optimizer = Adam([users, items], lr=config.learning_rate, fused=True)
    for epoch in range(config.num_epochs):
        for group in optimizer.param_groups:
            falling = 0.5 * (1 + math.cos(math.pi * epoch / config.num_epochs))
            group["lr"] = config.learning_rate * falling
        order = rng.permutation(len(item_N))
        for start in range(0, len(order), config.batch_size):
            batch = order[start : start + config.batch_size]
            user_B, item_B = torch.from_numpy(user_N[batch]), torch.from_numpy(item_N[batch])
            negative_M = torch.from_numpy(
                rng.integers(0, interactions.num_items, config.num_negatives)
            )
            loss = _loss(users[user_B], items[item_B], items[negative_M], config.temperature)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    users_VD, items_ID = (_normal(one.detach().numpy()) for one in (users, items))
    return SoftmaxFactors(users_VD, items_ID, config)


def load(files: Mapping[str, bytes]) -> SoftmaxFactors:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, SoftmaxFactorsConfig)
    return SoftmaxFactors(arrays["users"], arrays["items"], config)


def _loss(user_BD: Tensor, item_BD: Tensor, negative_MD: Tensor, temperature: float) -> Tensor:
    """Cross entropy of the touched item among the negatives."""
    user_BD = F.normalize(user_BD, dim=1)
    positive_B = (user_BD * F.normalize(item_BD, dim=1)).sum(1)
    negative_BM = user_BD @ F.normalize(negative_MD, dim=1).T
    logits = torch.cat([positive_B[:, None], negative_BM], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))


def _started(
    interactions: Interactions, width: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Start from the graph's smoothest vectors, which halves the way; a little noise beside them.

    Rows are stretched to about length 1, as steps of Adam do not follow lengths.
    """
    normal = normalised(interactions)
    values_R, vectors_IR = strongest(normal, rank=width, seed=int(rng.integers(1 << 31)))
    roots_R = np.sqrt(np.maximum(values_R, _SMALLEST))
    found = (normal @ vectors_IR / roots_R, vectors_IR * roots_R)
    users, items = (_noisy(_normal(one), width, rng) for one in found)
    return users, items


def _noisy(start: np.ndarray, width: int, rng: np.random.Generator) -> Tensor:
    whole = rng.standard_normal((len(start), width)).astype(np.float32) * _NOISE * width**-0.5
    whole[:, : start.shape[1]] += start
    return torch.from_numpy(whole).requires_grad_()


def _normal(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(length, 1e-12)).astype(np.float32)
