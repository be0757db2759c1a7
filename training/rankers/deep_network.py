"""The deep ranker's network: two histories, crosses and a trunk, and heads over all impressions.

What is read: vectors of a user's and a candidate's fields, dense numbers, content, what the
candidate hears of the short history and of those events of the long one that share its category.
Crosses and trunk read all of it side by side (Wang et al., DCN V2, WWW 2021, fig. 1, parallel), the
heads read both.

Where an impression stood is kept out of all that: heads that come first add a number of the place
to their logit, which is 0 at place 0. While chances are small, σ(a + b)
is e^b σ(a): the place multiplies the chance as being looked at does (``etl.features.examination``),
and what is left to the rest is the item's worth wherever it stands. Heads that come after another
one have no such number: who clicked has looked.

Shapes: U users, N candidates, F fields, L events of a history, M events found in a long one, D
numbers of an event, S of a user, C of a candidate, X all that crosses and trunk read, T heads.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from training.rankers.deep_attention import Attention
from training.rankers.deep_config import NetworkConfig
from training.rankers.deep_crosses import Crosses
from training.rankers.deep_dense import Dense
from training.rankers.deep_rows import Events, Rows
from training.rankers.deep_search import Found, search
from training.rankers.deep_table import FIRST_DEVIATION, LookUp, Table


class Network(nn.Module):
    """All parts; parts that a config leaves out are not there."""

    is_first: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        config.check()
        super().__init__()
        self.config = config
        self.table = Table(config)
        self.user_dense = Dense(config.num_user_dense)
        self.candidate_dense = Dense(config.num_candidate_dense)
        if config.num_content:
            self.content = nn.Linear(config.num_content, config.content_width, bias=False)
        if config.event_fields:
            self.short = Attention(config.event_width, config.attention)
        if config.searched_by is not None:
            self.long = Attention(config.event_width, config.attention)
        contexts = [_context(size, config.event_width) for size in config.event_contexts]
        self.contexts = nn.ModuleList(contexts)
        num_inputs = config.user_width + config.candidate_width
        self.crosses = Crosses(num_inputs, num_layers=config.num_crosses, rank=config.cross_rank)
        experts = [_expert(num_inputs, config) for _ in range(config.num_experts)]
        self.experts = nn.ModuleList(experts)
        num_heads = len(config.heads)
        if config.num_experts > 1:
            self.gates = nn.Linear(num_inputs, num_heads * config.num_experts)
        self.expert_heads = nn.Linear(config.trunk[-1], num_heads)
        self.cross_heads = nn.Linear(num_inputs, num_heads, bias=False)
        self.places = nn.Embedding(config.num_places, num_heads, padding_idx=0)
        is_first = torch.tensor([float(head.after is None) for head in config.heads])
        self.register_buffer("is_first", is_first, persistent=False)
        _silence(self.places, self.expert_heads, self.cross_heads)
        if config.num_wide:
            self.wide = nn.Parameter(torch.zeros(config.num_wide, num_heads))

    def forward(self, rows: Rows) -> Tensor:
        """Logits of each head's own chance, where the rows stood: float32, N × T."""
        found = self.search(rows)
        long = found.events(rows.long)
        user_UF, candidate_NF, short_ULD, long_NMD = self.table.vectors(
            self.table.users(rows.user_code_UF),
            self.table.candidates(rows.code_NF),
            self.table.candidates(rows.history.code_ULG),
            self.table.candidates(long.code_ULG),
        )
        user_NS = self.read_users(rows, user_UF)[rows.user_N]
        parts = [user_NS, self.read_candidates(rows, candidate_NF)]
        q_ND = candidate_NF[:, : self.config.event_width]
        if self.config.num_content:
            parts.append(self.content(rows.content_NC))
        if self.config.event_fields:
            k_NLD = self.read_events(short_ULD, rows.history)[rows.user_N]
            parts.append(self.short(q_ND, k_NLD, rows.history.length_U[rows.user_N]))
        if self.config.searched_by is not None:
            parts.append(self.long(q_ND, self.read_events(long_NMD, long), long.length_U))
        x_NX = torch.cat(parts, dim=1)
        own_NT = self.cross_heads(self.crosses(x_NX)) + self._of_experts(x_NX)
        return own_NT.float() + self.read_aside(rows)

    def search(self, rows: Rows) -> Found:
        """Find what candidates hear of the long histories."""
        config = self.config
        if config.searched_by is None:
            return Found.nothing(len(rows))
        field = config.event_fields.index(config.searched_by)
        asked_N = rows.code_NF[:, field]
        return search(rows.long, asked_N, rows.user_N, field=field, most=config.max_found)

    def read_users(self, rows: Rows, vector_UF: Tensor) -> Tensor:
        """All that is read of users but their histories: U × S."""
        return torch.cat([vector_UF, self.user_dense(rows.user_dense_UE)], dim=1)

    def read_candidates(self, rows: Rows, vector_NF: Tensor) -> Tensor:
        """Candidates' fields and numbers; first those fields that they ask with: N × …."""
        return torch.cat([vector_NF, self.candidate_dense(rows.dense_NE)], dim=1)

    def read_events(self, vector_ULD: Tensor, events: Events) -> Tensor:
        """Events' vectors with what is told of events alone: U × L × D."""
        for number, context in enumerate(self.contexts):
            vector_ULD = vector_ULD + context(events.context_ULX[:, :, number])
        return vector_ULD

    def read_aside(self, rows: Rows) -> Tensor:
        """What places, the wide part and what is known add to the heads: float32, N × T."""
        aside_NT = self.places(rows.place_N) * self.is_first
        if rows.known_NT is not None:
            aside_NT = aside_NT + rows.known_NT
        if rows.wide_NC is None:
            return aside_NT
        learns = self.training and torch.is_grad_enabled()
        look_up = LookUp.apply if learns else lambda weight, place_K: weight[place_K]
        found = look_up(self.wide, rows.wide_NC.flatten())
        return aside_NT + found.view(*rows.wide_NC.shape, found.shape[1]).sum(1)

    def _of_experts(self, x_NX: Tensor) -> Tensor:
        each = [self.expert_heads(expert(x_NX)) for expert in self.experts]
        if len(each) == 1:
            return each[0]
        share_NTE = self.gates(x_NX).view(-1, len(self.is_first), len(each)).softmax(dim=2)
        return (share_NTE * torch.stack(each, dim=2)).sum(dim=2)


def _silence(*layers: nn.Module) -> None:
    """Let all rows begin with the base rates: what is drawn stays where little is ever told."""
    for layer in layers:
        nn.init.zeros_(layer.weight)


def _context(num_codes: int, width: int) -> nn.Embedding:
    context = nn.Embedding(num_codes, width)
    nn.init.normal_(context.weight, std=FIRST_DEVIATION)
    return context


def _expert(num_inputs: int, config: NetworkConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise((num_inputs, *config.trunk)):
        layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(config.dropout)]
    return nn.Sequential(*layers)
