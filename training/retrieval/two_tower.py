"""Two towers: users and items in one space, where items stand by their content as well.

Learned on what each user touched after his newest items, by the softmax among a step's items with
the chance of each to stand there taken off (Yi et al., RecSys 2019); some drawn uniformly stand
beside them (Yang et al., WWW 2020). An item that no history holds is found by its content alone,
which items' own vectors left out at random while learning make ready for it (DropoutNet: Volkovs et
al., NeurIPS 2017). torch comes with the networks' lock; without it the source is skipped.

Shapes: B users of a step, N items of their histories, C items to choose among, I items, A content
width, D width, U users.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Final, cast

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from etl.arrow import ranges
from training.retrieval import content
from training.retrieval.interactions import Interactions
from training.retrieval.learning_rate import rate
from training.retrieval.source import Parent, dense_products, without
from training.retrieval.two_tower_network import Network, NetworkConfig, bucket

_SMALLEST: Final = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class TwoTowerConfig:
    """How the towers learn."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    """Size, and what it forgets while it learns."""
    num_content: int = 128
    """A: singular vectors of the items' attributes."""
    num_epochs: int = 16
    """Times that everything touched is foretold."""
    num_warm_epochs: int = 4
    """Likewise, where an earlier fit is gone on with."""
    batch_size: int = 2048
    """B."""
    num_uniform: int = 1024
    """Items drawn uniformly, beside those that a step foretells."""
    temperature: float = 0.1
    """Cosines are divided by it."""
    learning_rate: float = 8e-3
    """AdamW's at its height; it rises over the first tenth and falls to about 0."""
    weight_decay: float = 0.01
    """AdamW's."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step learns from."""

    item_N: np.ndarray
    """int64: the newest items of each user."""
    user_N: np.ndarray
    """int64: whose, 0 … B − 1, ascending."""
    back_N: np.ndarray
    """int64: how many of the same user's are newer; 0 without an order."""
    target_B: np.ndarray
    """int64: what each user touched then."""


@dataclass(frozen=True, slots=True)
class TwoTower:
    """Fitted towers, and their items laid out for asking."""

    network: Network
    items_ID: np.ndarray
    """float32, of length 1; 0 for an item of which nothing is known."""
    asking_ID: np.ndarray
    """float32: items in the role of asking."""
    loud_I: np.ndarray
    """float32: logarithm of how loudly they ask."""
    place_L: np.ndarray
    """float32: likewise, by steps back."""
    length_KD: np.ndarray
    """float32: what is added for each length of history."""
    config: TwoTowerConfig
    is_ordered: bool

    @classmethod
    @torch.inference_mode()
    def of(cls, network: Network, config: TwoTowerConfig, *, is_ordered: bool) -> "TwoTower":
        """Lay the items of learned towers out."""
        network.eval()
        items_ID = network.items(torch.arange(len(network.ids.weight)))
        asking_ID, loud_I = network.asking(items_ID)
        items_ID = F.normalize(items_ID, dim=1)
        return cls(
            network=network,
            items_ID=items_ID.numpy(),
            asking_ID=asking_ID.numpy(),
            loud_I=loud_I.numpy(),
            place_L=network.places.numpy(),
            length_KD=network.lengths.weight.numpy(),
            config=config,
            is_ordered=is_ordered,
        )

    def score_users(self, histories: Interactions) -> np.ndarray:
        """Cosine of each user and item: float32, U × I."""
        return dense_products(self, histories)

    def item_vectors(self) -> np.ndarray:
        """The items' vectors of length 1: float32, I × D; of whom nothing is known NaN."""
        return without(self.items_ID, np.count_nonzero(self.items_ID, axis=1) == 0)

    def user_vectors(self, histories: Interactions) -> np.ndarray:
        """The users' vectors of length 1: float32, U × D; of whom nothing is known NaN."""
        return without(self._users(histories), histories.length_U == 0)

    def _users(self, histories: Interactions) -> np.ndarray:
        """Users as the network joins them, each by himself: float32, U × D."""
        if self.is_ordered:
            histories = histories.last(self.config.network.max_length)
        back_N = histories.steps_back_N * self.is_ordered
        loud_N = self.loud_I[histories.item_N] + self.place_L[back_N]
        loudest_U = np.full(len(histories), -np.inf, np.float32)
        np.maximum.at(loudest_U, histories.row_N, loud_N)
        weight_UI = histories.weighted(np.exp(loud_N - loudest_U[histories.row_N]))
        total_U1 = np.maximum(weight_UI.sum(axis=1), _SMALLEST)[:, None]
        length_U = bucket(torch.from_numpy(histories.length_U.clip(max=len(self.place_L)))).numpy()
        users_UD = (weight_UI @ self.asking_ID) / total_U1 + self.length_KD[length_U]
        norm_U1 = np.sqrt((users_UD**2).sum(axis=1, keepdims=True))
        return (users_UD / np.maximum(norm_U1, _SMALLEST)).astype(np.float32)

    def save(self) -> dict[str, bytes]:
        """Write the network's weights, the items' content among them, and the settings."""
        said = asdict(self.config) | {"is_ordered": self.is_ordered}
        return {
            "network.safetensors": save_tensors(self.network.state_dict()),
            "config.json": json.dumps(said, sort_keys=True).encode(),
        }


def fit(
    interactions: Interactions, *, config: TwoTowerConfig, seed: int, parent: Parent | None = None
) -> TwoTower:
    """Learn what users touched after what they had touched.

    Args:
        interactions: Histories, and what is known of the items. Without an order each epoch draws
            one of its own.
        config: How the towers learn.
        seed: Of weights, order, negatives and dropout.
        parent: An earlier fit of the same config, to go on from.
    """
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(interactions, config, seed)
        num_epochs = config.num_epochs
        if parent is not None:
            _go_on(network, cast(TwoTower, parent.source).network, parent.place_I)
            num_epochs = config.num_warm_epochs
        _learn(network, interactions, replace(config, num_epochs=num_epochs), rng)
    return TwoTower.of(network, config, is_ordered=interactions.is_ordered)


def load(files: Mapping[str, bytes]) -> TwoTower:
    """Read what ``save`` wrote."""
    said = json.loads(files["config.json"])
    is_ordered, size = said.pop("is_ordered"), NetworkConfig(**said.pop("network"))
    config = TwoTowerConfig(network=size, **said)
    tensors = load_tensors(files["network.safetensors"])
    network = Network(tensors["content"], tensors["is_touched"], size)
    network.load_state_dict(tensors)
    return TwoTower.of(network, config, is_ordered=is_ordered)


def _network(interactions: Interactions, config: TwoTowerConfig, seed: int) -> Network:
    """Make towers that have learned nothing yet."""
    found_IR = content.vectors(interactions, rank=config.num_content, seed=seed)
    # As wide whatever attributes there are, so that a later fit can go on from this one.
    content_IA = np.pad(found_IR, ((0, 0), (0, config.num_content - found_IR.shape[1])))
    is_touched_I = np.bincount(interactions.item_N, minlength=interactions.num_items) > 0
    return Network(torch.from_numpy(content_IA), torch.from_numpy(is_touched_I), config.network)


def _go_on(network: Network, parent: Network, place_I: np.ndarray) -> None:
    """Start from a parent's weights; items that it did not know keep their own.

    Singular vectors of tonight's attributes are not those of the parent's: content is turned so
    that the items that both know lie where they lay (Procrustes: Schönemann, 1966).
    """
    known = np.flatnonzero(place_I >= 0)
    given, now = parent.state_dict(), network.state_dict()
    ids, content_IA = now["ids.weight"].clone(), now["content"]
    ids[known] = given["ids.weight"][place_I[known]]
    before_NA = given["content"][place_I[known]]
    left, _, right = torch.linalg.svd(content_IA[known].T @ before_NA)
    turned_IA = content_IA @ (left @ right)
    kept = {"ids.weight": ids, "content": turned_IA, "is_touched": now["is_touched"]}
    network.load_state_dict({**given, **kept})


def _learn(
    network: Network, interactions: Interactions, config: TwoTowerConfig, rng: np.random.Generator
) -> None:
    num_steps = -(-int((interactions.places_N() > 0).sum()) // config.batch_size)
    if not num_steps * config.num_epochs:
        return
    chance_I = _chances(interactions, config)
    network.train()
    optimizer = AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    num_steps *= config.num_epochs
    schedule = LambdaLR(optimizer, lambda step: rate(step, num_steps, rising_share=0.1))
    touched = np.flatnonzero(network.is_touched.numpy())
    for _ in range(config.num_epochs):
        for step in _steps(interactions, config, rng):
            drawn_M = rng.choice(touched, config.num_uniform)
            loss = _loss(network, step, drawn_M, chance_I, config.temperature)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def _loss(
    network: Network, step: Step, drawn_M: np.ndarray, chance_I: np.ndarray, temperature: float
) -> Tensor:
    """Cross entropy of what each user touched among all that a step foretells or draws.

    An item stands there by its chance, whose logarithm is taken off. What a user has touched
    before is no wrong answer.
    """
    choice_C, target_B = _distinct(np.r_[step.target_B, drawn_M])
    target_B = target_B[: len(step.target_B)]
    items_CD = F.normalize(network.items(torch.from_numpy(choice_C)), dim=1)
    logits_BC = _users(network, step) @ items_CD.T / temperature
    logits_BC = logits_BC - torch.log(torch.from_numpy(chance_I[choice_C]))
    place_N = np.searchsorted(choice_C, step.item_N).clip(max=len(choice_C) - 1)
    is_known_N = (choice_C[place_N] == step.item_N) & (place_N != target_B[step.user_N])
    logits_BC[step.user_N[is_known_N], place_N[is_known_N]] = -torch.inf
    return F.cross_entropy(logits_BC, torch.from_numpy(target_B))


def _users(network: Network, step: Step) -> Tensor:
    distinct, place_N = _distinct(step.item_N)
    asking, loud = network.asking(network.items(torch.from_numpy(distinct)))
    loud_N = loud[place_N] + network.places[step.back_N]
    return network.users(asking[place_N], loud_N, torch.from_numpy(step.user_N))


def _distinct(item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distinct, place = np.unique(item, return_inverse=True)
    return distinct, place


def _chances(interactions: Interactions, config: TwoTowerConfig) -> np.ndarray:
    """How likely each item is to stand in a step, foretold or drawn: float32, I."""
    num_I = np.bincount(interactions.item_N, minlength=interactions.num_items)
    share_I = num_I / len(interactions.item_N)
    left_out_I = (1 - share_I) ** config.batch_size * (
        1 - 1 / (num_I > 0).sum()
    ) ** config.num_uniform
    return (1 - left_out_I).clip(min=_SMALLEST).astype(np.float32)


def _steps(
    interactions: Interactions, config: TwoTowerConfig, rng: np.random.Generator
) -> Iterator[Step]:
    """Foretell everything that was touched after something, in a new order."""
    if not interactions.is_ordered:
        order = np.lexsort((rng.random(len(interactions.item_N)), interactions.row_N))
        interactions = replace(interactions, item_N=interactions.item_N[order])
    place_N = interactions.places_N()
    foretold = rng.permutation(np.flatnonzero(place_N > 0))
    for start in range(0, len(foretold), config.batch_size):
        at_B = foretold[start : start + config.batch_size]
        first_B = at_B - np.minimum(place_N[at_B], config.network.max_length)
        user_N, element_N = ranges(
            np.stack([first_B, at_B], axis=1).ravel(), 2 * np.arange(len(at_B))
        )
        back_N = (at_B[user_N] - 1 - element_N) * interactions.is_ordered
        item_N = interactions.item_N
        yield Step(item_N[element_N], user_N, back_N, item_N[at_B])
