"""Matrix factorisation of implicit feedback by alternating least squares, with ``implicit``.

Hu, Koren, Volinsky, ICDM 2008. Only the items' vectors are kept; a user's vector is solved for from
his history, whoever he is: with A = YᵀY + λI and his n items' vectors Y_n,
(A + αY_nᵀY_n)⁻¹ Y_nᵀ 1 (1 + α) = (1 + α) A⁻¹ Y_nᵀ (I + αY_n A⁻¹ Y_nᵀ)⁻¹ 1, a system of n by n.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from training.retrieval.interactions import Interactions
from training.retrieval.source import dense_products, packed, unpacked, without


@dataclass(frozen=True, kw_only=True, slots=True)
class FactorsConfig:
    """Size and strength of the factorisation."""

    num_factors: int = 128
    """Length of a vector."""
    l2: float = 2.0
    """λ: shrinks vectors."""
    alpha: float = 20.0
    """A touched item weighs 1 + α where an untouched one weighs 1."""
    num_rounds: int = 12
    """Times that users, then items are solved for."""
    num_last: int = 200
    """A user's newest items that his vector is solved from: against the cost of bots."""
    recency: float = 0.9
    """Weight of each step back in a history, in what is solved for."""


@dataclass(frozen=True, slots=True)
class Factors:
    """The items' vectors."""

    vectors_ID: np.ndarray
    """float32."""
    inverse_DD: np.ndarray
    """float32: A⁻¹."""
    config: FactorsConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Solve for the users' vectors and multiply: float32, U × I."""
        return dense_products(self, histories)

    def user_vectors(self, histories: Interactions) -> np.ndarray:
        """Solve for the users' vectors: float32, U × D."""
        user_UD = self._solved(histories.distinct().last(self.config.num_last))
        return without(user_UD, histories.length_U == 0)

    def item_vectors(self) -> np.ndarray:
        """Say the items' vectors: float32, I × D."""
        return self.vectors_ID

    def _solved(self, histories: Interactions) -> np.ndarray:
        alpha, decay = self.config.alpha, self.config.recency if histories.is_ordered else 1.0
        user_UD = np.zeros((len(histories), self.vectors_ID.shape[1]), np.float32)
        wanted_N = decay**histories.steps_back_N
        for user, (start, stop) in enumerate(
            zip(histories.indptr[:-1], histories.indptr[1:], strict=True)
        ):
            own = self.vectors_ID[histories.item_N[start:stop]]
            spread = own @ self.inverse_DD
            system = alpha * (spread @ own.T)
            np.einsum("ii->i", system)[:] += 1
            user_UD[user] = np.linalg.solve(system, wanted_N[start:stop]) @ spread
        return user_UD

    def save(self) -> dict[str, bytes]:
        """Write the vectors and the settings."""
        arrays = {"vectors": self.vectors_ID, "inverse": self.inverse_DD}
        return packed(arrays, self.config)


def fit(interactions: Interactions, *, config: FactorsConfig, seed: int) -> Factors:
    """Factorise who touched what.

    Args:
        interactions: Histories, ordered or not; an item counts once a user.
        config: Size and strength.
        seed: Of the vectors' start.
    """
    model = AlternatingLeastSquares(
        factors=config.num_factors,
        regularization=config.l2,
        alpha=config.alpha,
        iterations=config.num_rounds,
        num_threads=1,
        random_state=seed,
    )
    model.fit(csr_matrix(interactions.matrix()), show_progress=False)
    vectors = np.asarray(model.item_factors, np.float64)
    gram = vectors.T @ vectors + config.l2 * np.eye(vectors.shape[1])
    return Factors(vectors.astype(np.float32), np.linalg.inv(gram).astype(np.float32), config)


def load(files: Mapping[str, bytes]) -> Factors:
    """Read what ``save`` wrote."""
    arrays, config = unpacked(files, FactorsConfig)
    return Factors(arrays["vectors"], arrays["inverse"], config)
