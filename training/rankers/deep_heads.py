"""From a head's own logits to chances over all impressions, and what they cost.

A head that comes after another one is a chance within that one's: p = p(after) · p(own | after),
and it is learned from all impressions, those without the first included, so that it is right where
candidates are, not only where somebody clicked (Ma et al., ESMM, SIGIR 2018).

Shapes: N rows, T heads.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from training.rankers.deep_config import Head

_LEAST: Final = 1e-9
"""Sum of weights that is divided by, at least."""
_RAREST: Final = 1e-5
"""No head begins rarer."""


def chances(own_NT: Tensor, heads: Sequence[Head]) -> Tensor:
    """Each head's chance, or share: float32, N × T, in [0, 1]."""
    alone_NT = torch.sigmoid(own_NT)
    first = _first(heads)
    return torch.where(_is_after(heads), alone_NT * alone_NT[:, first], alone_NT)


def losses(own_NT: Tensor, label_NT: Tensor, heads: Sequence[Head]) -> Tensor:
    """Log loss of each label, 0 where it is not known: float32, N × T.

    Of a share y it is −y log p − (1 − y) log(1 − p), least where p is the share's mean. With own
    logit a and the first head's b, log p = log σ(a) + log σ(b), and log(1 − p) is
    log(e^−a + e^−b + e^−(a+b)) + log p, which keeps its digits at both ends.
    """
    first_NT = own_NT[:, _first(heads)]
    alone_NT, before_NT = F.logsigmoid(own_NT), F.logsigmoid(first_NT)
    both_NT = alone_NT + before_NT
    neither = torch.stack([-own_NT, -first_NT, -own_NT - first_NT])
    is_after_T = _is_after(heads)
    log_p_NT = torch.where(is_after_T, both_NT, alone_NT)
    log_not_NT = torch.where(is_after_T, neither.logsumexp(0) + both_NT, F.logsigmoid(-own_NT))
    is_known_NT = ~torch.isnan(label_NT)
    label_NT = label_NT.where(is_known_NT, 0.0)
    loss_NT = -(label_NT * log_p_NT + (1 - label_NT) * log_not_NT)
    return loss_NT.where(is_known_NT, 0.0)


def totals(own_NT: Tensor, label_NT: Tensor, weight_N: Tensor, heads: Sequence[Head]) -> Tensor:
    """Add up rows' weighed losses, and the weights of those whose label is known: 2 × T."""
    weight_NT = weight_N[:, None] * ~torch.isnan(label_NT)
    return torch.stack([(losses(own_NT, label_NT, heads) * weight_NT).sum(0), weight_NT.sum(0)])


def mean(totals_2T: Tensor, heads: Sequence[Head]) -> Tensor:
    """Weigh the heads' mean losses; a head none of whose labels is known has none."""
    of_head_T = torch.tensor([head.weight for head in heads])
    return (of_head_T * totals_2T[0] / totals_2T[1].clamp(min=_LEAST)).sum()


def label_sums(label_NT: Tensor, weight_N: Tensor) -> Tensor:
    """Add up rows' weighed labels, and the weights of those that are known: 2 × T."""
    weight_NT = weight_N[:, None] * ~torch.isnan(label_NT)
    return torch.stack([(label_NT.nan_to_num() * weight_NT).sum(0), weight_NT.sum(0)])


def base_logits(label_2T: Tensor, heads: Sequence[Head]) -> Tensor:
    """Own logits with which every row has its heads' mean labels, from their sums: float32, T."""
    rate_T = (label_2T[0] / label_2T[1].clamp(min=_LEAST)).clamp(_RAREST, 1 - _RAREST)
    own_T = torch.where(_is_after(heads), rate_T / rate_T[_first(heads)], rate_T)
    return torch.logit(own_T.clamp(_RAREST, 1 - _RAREST)).float()


def _is_after(heads: Sequence[Head]) -> Tensor:
    return torch.tensor([head.after is not None for head in heads])


def _first(heads: Sequence[Head]) -> Tensor:
    """The head after which each comes, or itself."""
    names = [head.name for head in heads]
    return torch.tensor([names.index(head.after or head.name) for head in heads])
