"""Numbers of any size, or missing, as a network can read them.

Shapes: N rows, E numbers.
"""

from typing import Final

import torch
from torch import Tensor, nn

_FARTHEST: Final = 6.0
"""Standard deviations beyond which a number counts as that far."""


class Dense(nn.Module):
    """Each number as sign(x) · log(1 + |x|), standardised, and beside it whether it is missing.

    Counts and prices reach over decades, which the logarithm makes even; it leaves shares as they
    are, nearly. Missing is what is not finite: it stands at the mean, and the second number lets
    the network give it a worth of its own.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, num_dense: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_dense))
        self.register_buffer("deviation", torch.ones(num_dense))

    def forward(self, dense_NE: Tensor) -> Tensor:
        """Numbers to read: float32, N × 2E, all finite."""
        is_known_NE = torch.isfinite(dense_NE)
        standard_NE = (_even(dense_NE) - self.mean) / self.deviation
        standard_NE = standard_NE.clamp(-_FARTHEST, _FARTHEST).where(is_known_NE, 0.0)
        return torch.cat([standard_NE, 1 - is_known_NE.to(standard_NE.dtype)], dim=1)

    @torch.no_grad()
    def settle(self, moments_3E: Tensor) -> None:
        """Take means and standard deviations from moments; what never varies keeps 1."""
        count, total, squares = moments_3E
        mean = total / count.clamp(min=1)
        deviation = (squares / count.clamp(min=1) - mean**2).clamp(min=0).sqrt()
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.where(deviation > 1e-6 * (1 + mean.abs()), 1.0))


def moments(dense_NE: Tensor) -> Tensor:
    """Count what is known, and add up numbers and their squares: float64, 3 × E; blocks add up."""
    is_known_NE = torch.isfinite(dense_NE)
    even_NE = _even(dense_NE.double()).where(is_known_NE, 0.0)
    return torch.stack([is_known_NE.sum(0), even_NE.sum(0), (even_NE**2).sum(0)])


def _even(dense: Tensor) -> Tensor:
    return torch.copysign(torch.log1p(dense.abs()), dense)
