"""The strongest singular vectors of who touched what, by randomised block iteration.

Halko, Martinsson, Tropp, SIAM Review 2011, algorithm 4.4: each pass multiplies a block by XᵀX and
makes it orthonormal again. Shapes: U users, I items, R vectors.
"""

from typing import Final

import numpy as np
from scipy.linalg import eigh, qr
from scipy.sparse import csr_array, diags_array

from training.retrieval.interactions import Interactions

_PASSES: Final = 6
_SPARE: Final = 1.1
"""Vectors iterated, per vector kept: the weakest converge last."""


def normalised(interactions: Interactions) -> csr_array:
    """R̃ = D_u^−½ R D_i^−½ of who touched what: float32, U × I."""
    touched = interactions.matrix()
    degree_U = np.maximum(touched.sum(axis=1), 1)
    degree_I = np.maximum(touched.sum(axis=0), 1)
    normal = diags_array(degree_U**-0.5) @ touched @ diags_array(degree_I**-0.5)
    return csr_array(normal, dtype=np.float32)


def strongest(matrix_UI: csr_array, *, rank: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the strongest right singular vectors.

    Args:
        matrix_UI: Sparse, float32.
        rank: How many; fewer where the matrix is smaller.
        seed: Of the block that the passes start from.

    Returns:
        values_R: float32, singular values, falling.
        vectors_IR: float32, orthonormal columns.
    """
    num_items = matrix_UI.shape[1]
    if not matrix_UI.nnz:
        return np.empty(0, np.float32), np.empty((num_items, 0), np.float32)
    width = min(int(rank * _SPARE) + 8, *matrix_UI.shape)
    block = np.random.default_rng(seed).standard_normal((num_items, width)).astype(np.float32)
    turned = matrix_UI.T.tocsr()
    for _ in range(_PASSES):
        block, _ = qr(block, mode="economic", overwrite_a=True, check_finite=False)
        block = turned @ (matrix_UI @ block)
    block, _ = qr(block, mode="economic", overwrite_a=True, check_finite=False)
    shown = matrix_UI @ block
    squares, rotation = eigh(shown.T @ shown)
    kept = np.argsort(-squares)[:rank]
    values = np.sqrt(np.maximum(squares[kept], 0)).astype(np.float32)
    return values, (block @ rotation[:, kept]).astype(np.float32)
