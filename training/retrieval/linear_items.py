"""EASE: the linear item–item model that best tells each touched item from a user's other ones.

B minimises Σ_u w_u ‖x_u − x_u B‖² + Σ_i λ_i ‖b_i‖² with an empty diagonal, in closed form: B = I −
P / diag(P) by columns, P = (XᵀWX + Λ)⁻¹ (Steck, WWW 2019). λ_i grows with how many touched i, which
is what hiding a share of each history while it is learned from comes to (Steck, NeurIPS 2020).

Above ``max_exact_items`` the most touched items are solved for among themselves, and all others
through the strongest vectors of the graph: with M = Λ^−½ XᵀWX Λ^−½ = V S Vᵀ, P is Λ^−½ (I − V f(S)
Vᵀ) Λ^−½ of f(s) = s / (1 + s). All values behind the strongest are taken to be their mean s̄, by
which I remains I (1 − f(s̄)); neither memory nor time is then quadratic in items.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import spotrf, spotri
from scipy.sparse import csr_array, diags_array

from training.retrieval.eigen import strongest
from training.retrieval.interactions import Interactions
from training.retrieval.products import in_blocks
from training.retrieval.source import packed, unpacked


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearItemsConfig:
    """How the model is kept small, and how a history asks it."""

    l2: float = 200.0
    """λ: shrinks weights of items with few users."""
    hidden_share: float = 0.0
    """Share of a history that is as if hidden while the rest foretells it; below 1."""
    user_power: float = 0.0
    """A user of n items weighs n^−user_power."""
    max_exact_items: int = 20_000
    """Items at most that are solved for among themselves: the most touched."""
    rank: int = 1000
    """Vectors through which the others are reached, where there are others."""
    recency: float = 0.8
    """Weight of each step back in the history that asks."""


@dataclass(frozen=True, slots=True)
class LinearItems:
    """B, up to its diagonal, which history masks anyway."""

    exact_T: np.ndarray
    """int64, ascending: the T items that are solved for among themselves."""
    weight_TT: np.ndarray
    """float32: B among them."""
    left_IR: np.ndarray
    """float32: with ``right_RI`` B of all others; of no columns where there are none."""
    right_RI: np.ndarray
    """float32."""
    config: LinearItemsConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Sum weights from what each user touched: float32, U × I."""
        asked = histories.recent(self.config.recency)
        is_exact = len(self.exact_T) == histories.num_items
        scores = asked @ self.weight_TT if is_exact else self._of_all(asked)
        scores[histories.length_U == 0] = -np.inf
        return scores

    def _of_all(self, asked: csr_array) -> np.ndarray:
        is_other = np.ones(asked.shape[1], bool)
        is_other[self.exact_T] = False
        scores = np.empty(asked.shape, np.float32)
        scores[:, is_other] = in_blocks(asked @ self.left_IR, self.right_RI[:, is_other])
        # To the exact items the others alone lead through vectors.
        others = asked @ diags_array(is_other.astype(np.float32))
        through = in_blocks(others @ self.left_IR, self.right_RI[:, self.exact_T])
        scores[:, self.exact_T] = through + asked[:, self.exact_T] @ self.weight_TT
        return scores

    def save(self) -> dict[str, bytes]:
        """Write the weights and the settings."""
        arrays = {"exact": self.exact_T, "weight": self.weight_TT}
        return packed(arrays | {"left": self.left_IR, "right": self.right_RI}, self.config)


def fit(interactions: Interactions, *, config: LinearItemsConfig, seed: int) -> LinearItems:
    """Solve for B.

    Args:
        interactions: Histories, ordered or not; an item counts once a user.
        config: λ, and how many items are solved for exactly.
        seed: Of the vectors' start.
    """
    touched = interactions.matrix()
    weight_U = np.maximum(touched.sum(axis=1), 1) ** -config.user_power
    weighted_I = touched.T @ weight_U
    # λ stays in proportion to what users weigh.
    l2 = config.l2 * (weight_U.mean() if len(weight_U) else 1.0)
    hidden = config.hidden_share / (1 - config.hidden_share)
    root_I = np.sqrt(l2 + hidden * weighted_I)
    scaled = diags_array(np.sqrt(weight_U)) @ touched @ diags_array(1 / root_I)
    scaled_UI = csr_array(scaled, dtype=np.float32)
    exact_T = np.sort(np.argsort(-weighted_I, kind="stable")[: config.max_exact_items])
    weight_TT = _exact(scaled_UI[:, exact_T], root_I[exact_T])
    left_IR = np.empty((interactions.num_items, 0), np.float32)
    right_RI = left_IR.T
    if len(exact_T) < interactions.num_items:
        left_IR, right_RI = _of_low_rank(scaled_UI, root_I, rank=config.rank, seed=seed)
    return LinearItems(exact_T, weight_TT, left_IR, right_RI, config)


def load(files: Mapping[str, bytes]) -> LinearItems:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, LinearItemsConfig)
    exact_T, weight_TT = arrays["exact"], arrays["weight"]
    return LinearItems(exact_T, weight_TT, arrays["left"], arrays["right"], config)


def _exact(scaled_UT: csr_array, root_T: np.ndarray) -> np.ndarray:
    """B among some items: −P / diag(P) by columns, 0 on the diagonal."""
    if not scaled_UT.shape[1]:
        return np.empty((0, 0), np.float32)
    plus_TT = csr_array(scaled_UT.T @ scaled_UT, dtype=np.float32).toarray(order="F")
    np.einsum("ii->i", plus_TT)[:] += 1
    factor_TT, _ = spotrf(plus_TT, lower=1, overwrite_a=1)
    found_TT, _ = spotri(factor_TT, lower=1, overwrite_c=1)
    diagonal = found_TT.diagonal().copy()
    for item in range(len(found_TT)):
        found_TT[item, item + 1 :] = found_TT[item + 1 :, item]
    found_TT *= (-root_T / diagonal).astype(np.float32)
    # By its transpose, which lies in C's order, so that nothing is copied.
    found_TT.T[:] /= root_T.astype(np.float32)
    np.einsum("ii->i", found_TT)[:] = 0
    return np.ascontiguousarray(found_TT)


def _of_low_rank(
    scaled_UI: csr_array, root_I: np.ndarray, *, rank: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """B off its diagonal as ``left @ right``."""
    values_R, vectors_IR = strongest(scaled_UI, rank=rank, seed=seed)
    square_R = values_R.astype(np.float64) ** 2
    num_behind = max(scaled_UI.shape[1] - len(values_R), 1)
    behind = max(scaled_UI.multiply(scaled_UI).sum() - square_R.sum(), 0.0) / num_behind
    above_R = _kept(square_R) - _kept(behind)
    unexplained_I = np.maximum(1 - _kept(behind) - vectors_IR**2 @ above_R, 1e-6)
    left_IR = vectors_IR / root_I[:, None]
    right_RI = (vectors_IR * above_R).T * (root_I / unexplained_I)
    return left_IR.astype(np.float32), right_RI.astype(np.float32)


def _kept(square: np.ndarray) -> np.ndarray:
    """f: the share of a direction of the graph that the model keeps."""
    return square / (1 + square)
