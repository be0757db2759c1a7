"""EASE: the linear item–item model that best tells each touched item from a user's other ones.

B minimises ‖X − XB‖² + λ‖B‖² with an empty diagonal, in closed form: B = I − P / diag(P) by
columns, P = (XᵀX + λI)⁻¹ (Steck, WWW 2019). Above ``max_exact_items`` P is written through the
strongest eigenvectors of XᵀX = V S Vᵀ: P ≈ (I − V S/(S+λ) Vᵀ) / λ, and B off its diagonal is
V S/(S+λ) Vᵀ / (λ diag(P)), so that neither memory nor time is quadratic in items.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import spotrf, spotri

from training.retrieval.eigen import strongest
from training.retrieval.interactions import Interactions
from training.retrieval.source import packed, unpacked


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearItemsConfig:
    """How the model is kept small, and how a history asks it."""

    l2: float = 200.0
    """λ: shrinks weights of items with few users."""
    max_exact_items: int = 20_000
    """Above this number of items the model is of low rank."""
    rank: int = 1000
    """Eigenvectors that are kept then."""
    recency: float = 0.8
    """Weight of each step back in the history that asks."""


@dataclass(frozen=True, slots=True)
class LinearItems:
    """B, up to its diagonal, which history masks anyway, as ``left @ right``."""

    left_IR: np.ndarray
    """float32: B itself where it is exact, else V."""
    right_RI: np.ndarray
    """float32: what V is multiplied by; of no rows where B is exact."""
    config: LinearItemsConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Sum weights from what each user touched: float32, U × I."""
        scores = histories.recent(self.config.recency) @ self.left_IR
        if self.config.max_exact_items < histories.num_items:
            scores = scores @ self.right_RI
        scores[histories.length_U == 0] = -np.inf
        return scores

    def save(self) -> dict[str, bytes]:
        """Write the weights and the settings."""
        return packed({"left": self.left_IR, "right": self.right_RI}, self.config)


def fit(interactions: Interactions, *, config: LinearItemsConfig, seed: int) -> LinearItems:
    """Solve for B.

    Args:
        interactions: Histories, ordered or not; an item counts once a user.
        config: λ, and when to be of low rank.
        seed: Of the eigenvectors' start.
    """
    if interactions.num_items > config.max_exact_items:
        return _of_low_rank(interactions, config, seed)
    touched = interactions.matrix()
    gram_II = np.asfortranarray((touched.T @ touched).toarray(), dtype=np.float32)
    np.einsum("ii->i", gram_II)[:] += config.l2
    factor_II, _ = spotrf(gram_II, lower=1, overwrite_a=1)
    inverse_II, _ = spotri(factor_II, lower=1, overwrite_c=1)
    return LinearItems(_weights(inverse_II), np.empty((0, 0), np.float32), config)


def load(files: Mapping[str, bytes]) -> LinearItems:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, LinearItemsConfig)
    return LinearItems(arrays["left"], arrays["right"], config)


def _weights(lower_II: np.ndarray) -> np.ndarray:
    """B of the lower triangle of P, in P's place: −P / diag(P) by columns, 0 on the diagonal."""
    diagonal = lower_II.diagonal().copy()
    for item in range(len(lower_II)):
        lower_II[item, item + 1 :] = lower_II[item + 1 :, item]
    lower_II /= -diagonal
    np.einsum("ii->i", lower_II)[:] = 0
    return np.ascontiguousarray(lower_II)


def _of_low_rank(interactions: Interactions, config: LinearItemsConfig, seed: int) -> LinearItems:
    values_R, vectors_IR = strongest(interactions.matrix(), rank=config.rank, seed=seed)
    kept_R = values_R**2 / (values_R**2 + config.l2)
    unexplained_I = 1 - (vectors_IR**2) @ kept_R
    right_RI = (vectors_IR * kept_R).T / np.maximum(unexplained_I, 1e-6)
    return LinearItems(vectors_IR, right_RI.astype(np.float32), config)
