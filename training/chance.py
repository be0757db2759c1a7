"""How much an example counts while rankers learn: what chance placed counts for more.

A policy may know of a user what no feature says, and shows him what he will click for reasons that
the log does not hold. A ranker that learns from its places takes that for what the features say,
and is too hopeful of items that nobody has chosen for him: of those that slates are made of. What
chance placed is free of it, and rare. Weights by the inverse of the logged propensity would make
all others count as nothing; clipped, they let chance correct what the many rows say (truncated
importance sampling: Ionides, JCGS 2008; Bottou et al., JMLR 2013, § 5.1). A policy's own choices
all have nearly the same propensity, and chance a hundredth of it or less, so that the clipped
weights are two numbers. Measured: docs/experiments.md, docs/decisions/0029.

Shapes: N examples.
"""

from typing import Final

import numpy as np

from training import example_parts
from training.rankers.ranker import Batch

TIMES: Final = 4.0
"""Times that an example counts that chance placed."""


def weights(batch: Batch) -> np.ndarray:
    """Say how much N examples count to who learns from them: float64.

    Where no propensity is logged, as much as they did.
    """
    return batch.weight_N * np.where(example_parts.is_exploration(batch), TIMES, 1.0)
