"""The deep ranker's network as papers write it: the naive way to score, which tests compare with.

It reads the same weights and repeats a user for each of his candidates; the attention's net is
given [q, k, q − k, q · k] side by side, and a long history is read whole, with all but a category
masked.

Shapes: N rows, L events, D numbers of an event, X all that crosses and trunk read, T heads.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from training.rankers.deep_attention import Attention
from training.rankers.deep_network import Network
from training.rankers.deep_rows import Events, Rows


@torch.inference_mode()
def scores(network: Network, rows: Rows) -> Tensor:
    """Chances at the places where rows stood: float32, N × T."""
    config, rows = network.config, rows.repeated()
    parts = [
        _vectors(network, rows.user_code_UF, first=0),
        network.user_dense(rows.user_dense_UE),
        _vectors(network, rows.code_NF, first=len(config.user_fields)),
        network.candidate_dense(rows.dense_NE),
    ]
    q_ND = parts[2][:, : config.event_width]
    if config.num_content:
        parts.append(rows.content_NC @ network.content.weight.T)
    if config.event_fields:
        is_read_NL = _is_event(rows.history)
        parts.append(_heard(network.short, q_ND, _events(network, rows.history), is_read_NL))
    if config.searched_by is not None:
        is_read_NL = _is_found(network, rows)
        parts.append(_heard(network.long, q_ND, _events(network, rows.long), is_read_NL))
    own_NT = _own(network, torch.cat(parts, dim=1))
    if rows.wide_NC is not None:
        own_NT = own_NT + network.wide[rows.wide_NC].sum(1)
    names = [head.name for head in config.heads]
    chance_NT = torch.sigmoid(own_NT + network.places(rows.place_N) * network.is_first)
    first = [names.index(head.after or head.name) for head in config.heads]
    before_NT = chance_NT[:, first].where(network.is_first == 0, 1.0)
    return chance_NT * before_NT


def _own(network: Network, x_NX: Tensor) -> Tensor:
    crossed_NX, crosses = x_NX, network.crosses
    for down_XR, up_RX, bias_X in zip(crosses.down, crosses.up, crosses.bias, strict=True):
        crossed_NX = x_NX * (crossed_NX @ down_XR @ up_RX + bias_X) + crossed_NX
    cross_NT = network.cross_heads(crossed_NX)
    each = [network.expert_heads(expert(x_NX)) for expert in network.experts]
    if len(each) == 1:
        return cross_NT + each[0]
    share_NTE = torch.softmax(network.gates(x_NX).view(len(x_NX), -1, len(each)), dim=2)
    return cross_NT + sum(share_NTE[:, :, number] * one for number, one in enumerate(each))


def _heard(attention: Attention, q_ND: Tensor, k_NLD: Tensor, is_read_NL: Tensor) -> Tensor:
    q_NLD = q_ND[:, None].expand(-1, k_NLD.shape[1], -1)
    hidden = torch.cat([q_NLD, k_NLD, q_NLD - k_NLD, q_NLD * k_NLD], dim=2)
    hidden = F.relu(hidden @ attention.first.flatten(0, 1) + attention.bias)
    for layer in attention.rest:
        hidden = F.relu(layer(hidden))
    loud_NL = attention.last(hidden)[:, :, 0] + attention.gain * (q_NLD * k_NLD).sum(2)
    loud_NL1 = (loud_NL * is_read_NL)[:, :, None]
    return torch.cat([(loud_NL1 * k_NLD).sum(1), loud_NL1.sum(1)], dim=1)


def _vectors(network: Network, code: Tensor, *, first: int) -> Tensor:
    sizes = [field.size for field in network.config.fields]
    vectors = [
        network.table.weight[code[..., number] + sum(sizes[: first + number])]
        for number in range(code.shape[-1])
    ]
    return torch.cat(vectors, dim=-1) if vectors else network.table.weight.new_zeros(len(code), 0)


def _events(network: Network, events: Events) -> Tensor:
    k_NLD = _vectors(network, events.code_ULG, first=len(network.config.user_fields))
    for number, context in enumerate(network.contexts):
        k_NLD = k_NLD + context.weight[events.context_ULX[:, :, number]]
    return k_NLD


def _is_event(events: Events) -> Tensor:
    return torch.arange(events.code_ULG.shape[1]) < events.length_U[:, None]


def _is_found(network: Network, rows: Rows) -> Tensor:
    config = network.config
    field = config.event_fields.index(config.searched_by or "")
    asked_N1 = rows.code_NF[:, field, None]
    is_alike_NL = (rows.long.code_ULG[:, :, field] == asked_N1) & _is_event(rows.long)
    return is_alike_NL & (asked_N1 > 0) & (is_alike_NL.cumsum(1) <= config.max_found)
