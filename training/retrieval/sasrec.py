"""SASRec with sampled softmax: what a history as a whole leads to next.

The loss at every place is the softmax of the item that came next among negatives drawn uniformly
and shared by a batch, which is what lifts SASRec over its first recipe (Klenitskiy, Vasilev, RecSys
2023). Several networks of different seeds may answer together. torch comes with the networks' lock;
without it the source is skipped.

Shapes: B users, L places, D width, P places that are learned from, M negatives, U users, I items.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, cast

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from training.retrieval.interactions import Interactions
from training.retrieval.learning_rate import rate
from training.retrieval.sasrec_network import Network, NetworkConfig
from training.retrieval.source import Parent, dense_products

_ANSWERED: Final = 64
"""Users answered at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SasrecConfig:
    """How the networks learn."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    """Size, and what it forgets while it learns."""
    num_networks: int = 1
    """Networks whose answers are averaged."""
    num_epochs: int = 50
    """Times that all histories are read."""
    num_warm_epochs: int = 5
    """Times that they are read where an earlier fit is gone on with."""
    max_places: int | None = None
    """Places that a network learns from at most, each reading of one counted; long histories are
    read fewer times then, once at least."""
    batch_users: int = 256
    """Users of a step."""
    num_negatives: int = 512
    """Items drawn against each that came next, shared by a step."""
    learning_rate: float = 2e-3
    """At its height; it rises over the first epoch or two and falls to 0 along a cosine."""
    weight_decay: float = 0.01
    """AdamW's."""


@dataclass(frozen=True, slots=True)
class Sasrec:
    """Fitted networks."""

    networks: tuple[Network, ...]
    num_items: int
    config: SasrecConfig

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Score what comes next by the mean of the networks' log-chances: float32, U × I."""
        return dense_products(self, histories)

    @torch.inference_mode()
    def user_vectors(self, histories: Interactions) -> np.ndarray:
        """Say the networks' answers side by side, and what makes log-chances of their products.

        A user's numbers follow from his history alone, bit for bit: how libraries multiply depends
        on shapes, so everybody is answered in a block of the same shape as whoever has as many
        visits, filled up with nobody.

        Returns:
            float32, U × (networks × D + 1).
        """
        recent = histories.last(self.config.network.max_length)
        width = len(self.networks) * self.config.network.width + 1
        vectors = np.full((len(histories), width), np.nan, np.float32)
        lengths = _lengths(self.config.network.max_length)
        group_U = np.searchsorted(lengths, recent.length_U)
        for group, length in enumerate(lengths):
            rows = np.flatnonzero((group_U == group) & (recent.length_U > 0))
            for start in range(0, len(rows), _ANSWERED):
                of = rows[start : start + _ANSWERED]
                vectors[of] = self._answered(recent.taken(of), length)
        return vectors

    def item_vectors(self) -> np.ndarray:
        """Say the items' vectors of all networks side by side, and 1: float32, I × …."""
        given = [self._items(network).numpy() for network in self.networks]
        return np.concatenate([*given, np.ones((self.num_items, 1), np.float32)], axis=1)

    def _answered(self, histories: Interactions, length: int) -> np.ndarray:
        """Answer at most ``_ANSWERED`` users of histories up to a length: float32, U × …."""
        item_BL, length_B = _padded(histories, shape=(_ANSWERED, length))
        last = (torch.arange(_ANSWERED), torch.from_numpy(length_B - 1).clamp(min=0))
        answers, normal_B = [], torch.zeros(_ANSWERED)
        for network in self.networks:
            answer_BD = network(torch.from_numpy(item_BL))[last]
            normal_B -= torch.logsumexp(answer_BD @ self._items(network).T, dim=1)
            answers.append(answer_BD)
        whole = torch.cat([*answers, normal_B[:, None]], dim=1) / len(self.networks)
        return whole[: len(histories)].numpy()

    def _items(self, network: Network) -> Tensor:
        return network.items.weight[: self.num_items].detach()

    def save(self) -> dict[str, bytes]:
        """Write the networks' weights and the settings."""
        files = {f"{n}.safetensors": save_tensors(net.state_dict()) for n, net in self._numbered()}
        said = asdict(self.config) | {"num_items": self.num_items}
        return files | {"config.json": json.dumps(said, sort_keys=True).encode()}

    def _numbered(self) -> Iterator[tuple[int, Network]]:
        return enumerate(self.networks)


def fit(
    interactions: Interactions, *, config: SasrecConfig, seed: int, parent: Parent | None = None
) -> Sasrec:
    """Learn what comes next at every place of every history.

    Args:
        interactions: Ordered histories.
        config: How the networks learn.
        seed: Of weights, order, negatives and dropout; each network has its own from it.
        parent: An earlier fit of the same config, to go on from.
    """
    seeds = np.random.SeedSequence(seed).generate_state(config.num_networks)
    num_epochs = config.num_epochs if parent is None else config.num_warm_epochs
    networks = []
    for number, one in enumerate(seeds):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(one))
            network = Network(interactions.num_items, config.network)
            if parent is not None:
                _go_on(network, cast(Sasrec, parent.source).networks[number], parent.place_I)
            rng = np.random.default_rng(int(one))
            _learn(network, interactions, config=config, num_epochs=num_epochs, rng=rng)
        networks.append(network.eval())
    return Sasrec(tuple(networks), interactions.num_items, config)


def load(files: Mapping[str, bytes]) -> Sasrec:
    """Read what ``save`` wrote."""
    said = json.loads(files["config.json"])
    num_items, network = said.pop("num_items"), NetworkConfig(**said.pop("network"))
    config = SasrecConfig(network=network, **said)
    networks = []
    for number in range(config.num_networks):
        one = Network(num_items, network).eval()
        one.load_state_dict(load_tensors(files[f"{number}.safetensors"]))
        networks.append(one)
    return Sasrec(tuple(networks), num_items, config)


def _go_on(network: Network, parent: Network, place_I: np.ndarray) -> None:
    """Start from a parent's weights; items that it did not know keep their own."""
    given = parent.state_dict()
    items = network.items.weight.detach().clone()
    known = np.flatnonzero(place_I >= 0)
    items[known] = given["items.weight"][place_I[known]]
    network.load_state_dict({**given, "items.weight": items})


def _learn(
    network: Network,
    interactions: Interactions,
    *,
    config: SasrecConfig,
    num_epochs: int,
    rng: np.random.Generator,
) -> None:
    pieces = _pieces(interactions, config.network.max_length)
    optimizer = AdamW(
        network.train().parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,
    )
    num_epochs = _num_epochs(pieces, most=num_epochs, max_places=config.max_places)
    num_steps = num_epochs * math.ceil(len(pieces) / config.batch_users)
    schedule = LambdaLR(optimizer, lambda step: rate(step, num_steps))
    for _ in range(num_epochs):
        for batch in _batches(pieces, config.batch_users, rng):
            drawn = rng.integers(0, interactions.num_items, config.num_negatives)
            loss = _loss(network, batch, torch.from_numpy(drawn))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def _num_epochs(pieces: Interactions, *, most: int, max_places: int | None) -> int:
    num_places = max(len(pieces.item_N) - len(pieces), 1)
    return most if max_places is None else min(most, max(max_places // num_places, 1))


def _loss(network: Network, batch: Interactions, negative_M: Tensor) -> Tensor:
    """Cross entropy of what came next among the negatives, each weighed for being a sample."""
    item_BL, length_B = _padded(batch)
    given, target = torch.from_numpy(item_BL[:, :-1]), torch.from_numpy(item_BL[:, 1:])
    is_place = torch.arange(given.shape[1])[None, :] < torch.from_numpy(length_B - 1)[:, None]
    answer_PD, target_P = network(given)[is_place], target[is_place]
    # Of I items M are drawn: each stands for I/M (Jean et al., ACL 2015), which is said of the one.
    weight = math.log(batch.num_items / len(negative_M))
    positive_P = (answer_PD * network.items(target_P)).sum(1) - weight
    negative_PM = answer_PD @ network.items(negative_M).T
    negative_PM = negative_PM.masked_fill(target_P[:, None] == negative_M[None, :], -math.inf)
    logits = torch.cat([positive_P[:, None], negative_PM], dim=1)
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))


def _pieces(interactions: Interactions, max_length: int) -> Interactions:
    """Cut histories so that each place is learned from once: max_length + 1 items at most.

    Neighbouring pieces share an item: the last that is foretold is the first that is given.
    """
    lengths = interactions.length_U
    num_pieces = np.ceil(np.maximum(lengths - 1, 0) / max_length).astype(np.int64)
    row = np.repeat(np.arange(len(interactions)), num_pieces)
    number = np.arange(len(row)) - np.repeat(np.cumsum(num_pieces) - num_pieces, num_pieces)
    start = interactions.indptr[row] + number * max_length
    stop = np.minimum(start + max_length + 1, interactions.indptr[row + 1])
    indptr = np.r_[0, np.cumsum(stop - start)].astype(np.int64)
    place = np.arange(indptr[-1]) + np.repeat(start - indptr[:-1], stop - start)
    return Interactions(
        indptr, interactions.item_N[place], interactions.num_items, True, interactions.user_U[row]
    )


def _batches(
    pieces: Interactions, num_users: int, rng: np.random.Generator
) -> Iterator[Interactions]:
    """Go through all pieces in a new order; those of a batch are of like length, to pad little."""
    lengths = pieces.length_U
    order = np.lexsort((rng.random(len(lengths)), lengths))
    cuts = np.arange(num_users, len(order), num_users)
    batches = np.split(order, cuts) if len(order) else []
    for number in rng.permutation(len(batches)):
        yield pieces.taken(batches[number])


def _lengths(most: int) -> np.ndarray:
    """Lengths of the blocks in which users are answered: int64, rising up to ``most``."""
    return np.unique([min(length, most) for length in (4, 8, 16, 32, 64, 128, 256, most)])


def _padded(
    histories: Interactions, *, shape: tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Lay histories side by side: int64, B × L, filled at the end; and their lengths.

    Args:
        histories: Of B users at most.
        shape: B × L; as many users and as long as the longest where it is not given.
    """
    longest = max(int(histories.length_U.max(initial=0)), 1)
    num_users, width = shape or (len(histories), longest)
    item_BL = np.full((num_users, width), histories.num_items, np.int64)
    item_BL[histories.row_N, histories.places_N()] = histories.item_N
    length_B = np.zeros(num_users, np.int64)
    length_B[: len(histories)] = histories.length_U
    return item_BL, length_B
