"""Vectors of all fields' codes in one table, and a gradient that touches those that were read.

A step reads some hundred thousand vectors, of some ten thousand codes. torch's own sparse gradient
keeps one row a reading and sorts them; here readings of a code are added up first, by marks instead
of sorting, and the optimiser is given each code once.

Shapes: F fields, D width, K readings.
"""

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.rankers.deep_config import Field, NetworkConfig

FIRST_DEVIATION: Final = 0.05
"""Of vectors that have not learned yet."""


class Table(nn.Module):
    """Fields one behind the other; code 0 of each is its unknown."""

    first_of_user: Tensor
    first_of_candidate: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        sizes = torch.tensor([0, *(field.size for field in config.fields)])
        first = sizes.cumsum(0).to(torch.int32)
        num_user = len(config.user_fields)
        self.weight = nn.Parameter(torch.randn(int(first[-1]), config.width) * FIRST_DEVIATION)
        self.register_buffer("first_of_user", first[:num_user], persistent=False)
        self.register_buffer("first_of_candidate", first[num_user:-1], persistent=False)
        self.of_user, self.of_candidate = (
            _rates(config.user_fields),
            _rates(config.candidate_fields),
        )

    def users(self, code_UF: Tensor) -> Tensor:
        """Places of users' codes in the table, some taken for unknown while learning."""
        return self._kept(code_UF, self.of_user) + self.first_of_user

    def candidates(self, code_F: Tensor) -> Tensor:
        """Places of candidates' codes, or of those of an event, which has the first fields of one.

        Args:
            code_F: Any shape; the last dimension is over fields.
        """
        num_fields = code_F.shape[-1]
        kept = self._kept(code_F, self.of_candidate[:num_fields])
        return kept + self.first_of_candidate[:num_fields]

    def vectors(self, *places: Tensor) -> list[Tensor]:
        """Look vectors up: for each tensor of places … × F one of … × (F · D)."""
        if self.training and torch.is_grad_enabled():
            flat_K = torch.cat([place.flatten() for place in places])
            found = LookUp.apply(self.weight, flat_K).split([place.numel() for place in places])
        else:
            found = [F.embedding(place, self.weight) for place in places]
        width = self.weight.shape[1]
        return [
            one.view(*place.shape[:-1], place.shape[-1] * width)
            for one, place in zip(found, places, strict=True)
        ]

    def _kept(self, code: Tensor, rate_F: Tensor) -> Tensor:
        if not self.training or not rate_F.any():
            return code
        return code.where(torch.rand(code.shape) >= rate_F, 0)


def _rates(fields: Sequence[Field]) -> Tensor:
    return torch.tensor([field.unknown_dropout for field in fields])


class LookUp(torch.autograd.Function):
    """``weight[place]`` with a coalesced sparse gradient."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, place_K: Tensor) -> Tensor:  # noqa: ANN401
        """Rows of the weight."""
        ctx.save_for_backward(place_K)
        ctx.shape = weight.shape
        return F.embedding(place_K, weight)

    @staticmethod
    def backward(ctx: Any, grad_KD: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        """Sums of the rows' slopes, for rows that were read alone."""
        [place_K] = ctx.saved_tensors
        num_codes = ctx.shape[0]
        is_read = torch.zeros(num_codes, dtype=torch.bool)
        is_read[place_K] = True
        read = is_read.nonzero()[:, 0]
        number = torch.empty(num_codes, dtype=torch.int32)
        number[read] = torch.arange(len(read), dtype=torch.int32)
        of_read = torch.ops.aten.embedding_dense_backward(
            grad_KD, number[place_K], len(read), -1, False
        )
        sure = {"is_coalesced": True, "check_invariants": False}
        return torch.sparse_coo_tensor(read[None], of_read, ctx.shape, **sure), None
