"""Low-rank crosses of all that is read: x ← x₀ · (U Vᵀ x + b) + x (Wang et al., DCN V2, WWW 2021).

Every x is x₀ · g with g = 1 + Σ (U c + b) over the layers before, c = Vᵀ (x₀ · g). Where a part u
of x₀ is the same for many rows, as a user's is for his candidates, what it brings to a layer's c is

    V_uᵀ (u · g_u) = V_uᵀ (u · (1 + Σ b_u)) + Σ (V_uᵀ diag(u) U_u) c,

one vector and a small matrix for each layer before; rows then carry the candidate's part alone, and
the heads read the user's part the same way.

Shapes: N rows of a user, X numbers of a row, of which S are the user's and C the candidate's, R
rank, J layers, T heads.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


class Crosses(nn.Module):
    """The layers."""

    def __init__(self, num_inputs: int, *, num_layers: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(num_layers, num_inputs, rank) * num_inputs**-0.5)
        self.up = nn.Parameter(torch.randn(num_layers, rank, num_inputs) * rank**-0.5 / 10)
        self.bias = nn.Parameter(torch.zeros(num_layers, num_inputs))

    def forward(self, x_NX: Tensor) -> Tensor:
        """All crosses of rows: N × X."""
        first_NX = x_NX
        for down_XR, up_RX, bias_X in zip(self.down, self.up, self.bias, strict=True):
            x_NX = torch.addcmul(x_NX, first_NX, torch.addmm(bias_X, x_NX @ down_XR, up_RX))
        return x_NX


@dataclass(frozen=True, slots=True)
class UserCross:
    """What a user brings to all layers and heads."""

    constant: tuple[Tensor, ...]
    """For each layer R."""
    mixed: tuple[Tensor, ...]
    """For each layer (R · layers before) × R."""
    heads_T: Tensor
    """float32."""
    heads_JRT: Tensor
    """float32, (J · R) × T."""


@dataclass(frozen=True, slots=True)
class SplitCrosses:
    """``Crosses`` and what the heads read of them, the user's part and the candidate's apart."""

    dtype: torch.dtype
    user_down_JSR: Tensor
    """float32, like all that a user is multiplied with."""
    user_up_JRS: Tensor
    user_gain_JS: Tensor
    """1 + the biases of the layers before, and behind the last layer's those of all."""
    user_head_ST: Tensor
    down_JCR: Tensor
    up_JRC: Tensor
    bias_JC: Tensor
    head_CT: Tensor
    """float32."""

    @classmethod
    def of(
        cls, crosses: Crosses, head_TX: Tensor, *, num_user: int, dtype: torch.dtype
    ) -> "SplitCrosses":
        """Split layers behind the user's numbers, and the heads' weights of what comes out."""
        first_1X = torch.ones(1, crosses.bias.shape[1])
        gain = torch.cat([first_1X, crosses.bias]).cumsum(0)
        bias_JX = crosses.bias.clone()
        bias_JX[:1] += 1
        return cls(
            dtype,
            crosses.down[:, :num_user].contiguous(),
            crosses.up[:, :, :num_user].contiguous(),
            gain[:, :num_user].contiguous(),
            head_TX[:, :num_user].T.contiguous(),
            crosses.down[:, num_user:].contiguous().to(dtype),
            crosses.up[:, :, num_user:].contiguous().to(dtype),
            bias_JX[:, num_user:].contiguous().to(dtype),
            head_TX[:, num_user:].T.contiguous(),
        )

    def user(self, user_S: Tensor) -> UserCross:
        """Work out what a user brings, once for all candidates."""
        num_layers = len(self.down_JCR)
        constant, mixed = [], []
        for layer in range(num_layers):
            down_RS = (self.user_down_JSR[layer] * user_S[:, None]).T
            constant.append((down_RS @ self.user_gain_JS[layer]).to(self.dtype))
            before = self.user_up_JRS[:layer].flatten(0, 1)
            mixed.append((before @ down_RS.T).to(self.dtype))
        head_ST = self.user_head_ST * user_S[:, None]
        return UserCross(
            tuple(constant),
            tuple(mixed),
            self.user_gain_JS[num_layers] @ head_ST,
            self.user_up_JRS.flatten(0, 1) @ head_ST,
        )

    def heads(self, candidate_NC: Tensor, user: UserCross) -> Tensor:
        """What the heads read of all crosses of a user's candidates: float32, N × T."""
        rank = self.down_JCR.shape[2]
        found_NJR = candidate_NC.new_empty(len(candidate_NC), len(self.down_JCR) * rank)
        crossed_NC, gain_NC = candidate_NC, None
        for layer, down_CR in enumerate(self.down_JCR):
            found_NR = torch.addmm(user.constant[layer], crossed_NC, down_CR)
            if gain_NC is not None:
                found_NR.addmm_(found_NJR[:, : layer * rank], user.mixed[layer])
            bias_C = self.bias_JC[layer]
            gain_NC = bias_C if gain_NC is None else gain_NC.add_(bias_C)
            found_NJR[:, layer * rank : (layer + 1) * rank] = found_NR
            gain_NC = torch.addmm(gain_NC, found_NR, self.up_JRC[layer])
            crossed_NC = candidate_NC * gain_NC
        of_user_NT = torch.addmm(user.heads_T, found_NJR.float(), user.heads_JRT)
        return of_user_NT.addmm_(crossed_NC.float(), self.head_CT)
