"""``python -m training.retrieval.compiled``: compiles what numba else compiles at its first use.

``make setup`` calls it, so that no night waits; numba keeps what it made beside the modules.
"""

import numpy as np

from training.retrieval.interests_ward import clusters
from training.retrieval.products import products


def main() -> None:
    """Call each compiled function once, on next to nothing of the types it is used with."""
    vectors_ND = np.eye(3, 4, dtype=np.float32)
    products(vectors_ND, vectors_ND)
    clusters(vectors_ND, np.array([0, 3]), 1.0, 2)


if __name__ == "__main__":
    main()
