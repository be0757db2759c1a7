"""The reference network, one as a shop would have it, and a drawn world to learn from.

In that world users have tastes for categories, which their histories show; they click what is of
their taste, what is good, and what a few fields, numbers and their products say. Who clicks orders
by other items' goodness.

Shapes: U users, N candidates of each, L events, F fields, E numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.tables.user_states import EVENT_CODES
from training.inputs import NUMERIC, OF_SOURCES
from training.rankers.deep_config import Field, Head, NetworkConfig

_ITEMS: Final = 100_000
_CATEGORIES: Final = 60
"""Of a field's thousand codes those that are used."""
_HISTORY: Final = 50
"""Events of a short history."""
_LONG: Final = 1000
"""Events of a long one."""

REFERENCE: Final = NetworkConfig(
    user_fields=tuple(Field(name=f"user_{number}", size=1000) for number in range(15)),
    candidate_fields=(
        Field(name="item", size=_ITEMS, unknown_dropout=0.1),
        *(Field(name=f"candidate_{number}", size=1000) for number in range(1, 15)),
    ),
    num_user_dense=5,
    num_candidate_dense=5,
    event_fields=("item", "candidate_1"),
    width=16,
    attention=(64,),
    num_crosses=3,
    cross_rank=64,
    trunk=(512, 256, 128),
    heads=(Head(name="click"), Head(name="order", after="click")),
)
"""History 50 × 32, 30 fields × 16, 10 numbers, 3 low-rank crosses, 512-256-128, 2 heads."""

_OF_USER: Final = sum(name.startswith("user_") for name in NUMERIC)
SHOP: Final = NetworkConfig(
    user_fields=tuple(
        Field(name=name, size=50) for name in ("user_country", "user_platform", "user_language")
    ),
    candidate_fields=(
        Field(name="item", size=_ITEMS, unknown_dropout=0.1),
        Field(name="item_category", size=500),
        *(Field(name=name, size=500) for name in ("item_brand", "item_seller_id", "item_host_id")),
    ),
    num_user_dense=_OF_USER,
    num_candidate_dense=len(NUMERIC) - _OF_USER - len(OF_SOURCES) - 1,
    event_fields=("item", "item_category"),
    event_contexts=(len(EVENT_CODES) + 1, 16),
    searched_by="item_category",
    num_places=32,
    heads=(
        Head(name="click"),
        Head(name="cart", after="click"),
        Head(name="order", after="click"),
        Head(name="hide"),
    ),
)
"""The shop's words, numbers and tasks, both histories, and sizes as they are by default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """How much is drawn."""

    num_users: int
    """U."""
    each: int
    """N."""
    seed: int
    """Of users and what they do; the world itself is always the same."""


def block(config: NetworkConfig, drawn: Drawn) -> dict[str, np.ndarray]:
    """Draw users with candidates and what they did, as ``Examples.of`` takes it."""
    rng, world = np.random.default_rng(drawn.seed), _World.of(config)
    shape = (drawn.num_users, drawn.each)
    taste_UC = rng.dirichlet(np.full(_CATEGORIES, 0.15), drawn.num_users)
    user_UF = _codes(config.user_fields, (drawn.num_users,), rng)
    code_UNF = _codes(config.candidate_fields, shape, rng)
    liked_UN = _of_taste(taste_UC, drawn.each, rng)
    is_liked_UN = rng.integers(2, size=shape) == 0
    any_UN = rng.integers(_CATEGORIES, size=shape)
    code_UNF[:, :, 0] = _items(np.where(is_liked_UN, liked_UN, any_UN), rng)
    code_UNF[:, :, 1] = _category(code_UNF[:, :, 0])
    dense_UNE = rng.standard_normal((*shape, config.num_candidate_dense), np.float32)
    share_UN = np.take_along_axis(taste_UC, code_UNF[:, :, 1] - 1, axis=1)
    logit_UN = world.of_fields(user_UF, code_UNF) + 3 * np.sqrt(share_UN) - 3.2
    logit_UN += 0.4 * dense_UNE[:, :, 0] * dense_UNE[:, :, 1] + 0.3 * dense_UNE[:, :, 2]
    is_click_UN = rng.random(shape) < _chance(logit_UN)
    of_click_UN = _chance(2 * world.goodness_I[-code_UNF[:, :, 0]] - 1)
    is_order_UN = is_click_UN & (rng.random(shape) < of_click_UN)
    label_UNT = np.zeros((*shape, len(config.heads)), np.float32)
    for number, head in enumerate(config.heads):
        label_UNT[:, :, number] = is_order_UN if head.after else is_click_UN
    num_long = _LONG if config.searched_by else 0
    return {
        "user_code_UF": user_UF,
        "user_dense_UE": rng.standard_normal((drawn.num_users, config.num_user_dense), np.float32),
        **_events("history", config, taste_UC, _HISTORY, rng),
        **_events("long", config, taste_UC, num_long, rng),
        "user_N": np.repeat(np.arange(drawn.num_users), drawn.each),
        "code_NF": code_UNF.reshape(-1, code_UNF.shape[2]),
        "dense_NE": dense_UNE.reshape(-1, config.num_candidate_dense),
        "content_NC": np.zeros((drawn.num_users * drawn.each, 0), np.float32),
        "place_N": np.zeros(drawn.num_users * drawn.each, np.int64),
        "label_NT": label_UNT.reshape(-1, len(config.heads)),
        "weight_N": np.ones(drawn.num_users * drawn.each, np.float32),
    }


def without_histories(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same block for a network that reads none."""
    codes = {name for name in arrays if name.endswith(("code_ULG", "context_ULX"))}
    return {name: array[:, :0, :0] if name in codes else array for name, array in arrays.items()}


@dataclass(frozen=True, slots=True)
class _World:
    """What fields say."""

    goodness_I: np.ndarray
    of_user: np.ndarray
    of_candidate: np.ndarray

    @classmethod
    def of(cls, config: NetworkConfig) -> "_World":
        rng = np.random.default_rng(0)
        sizes = [max(field.size for field in config.fields), 3]
        return cls(rng.normal(0, 0.7, _ITEMS), *rng.normal(0, 0.3, (2, *sizes)))

    def of_fields(self, user_UF: np.ndarray, code_UNF: np.ndarray) -> np.ndarray:
        """What the item, three other fields of the candidate, and three of the user are worth."""
        of_user_U = sum(self.of_user[user_UF[:, number], number] for number in range(3))
        of_candidate_UN = sum(self.of_candidate[code_UNF[:, :, n + 2], n] for n in range(3))
        return self.goodness_I[code_UNF[:, :, 0]] + of_candidate_UN + of_user_U[:, None]


def _events(
    kind: str, config: NetworkConfig, taste_UC: np.ndarray, length: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    num_users, shape = len(taste_UC), (len(taste_UC), length)
    item_UL = _items(_of_taste(taste_UC, length, rng), rng)
    code_ULG = np.stack([item_UL, _category(item_UL)], axis=2).astype(np.int32)
    contexts = [rng.integers(size, size=(*shape, 1)) for size in config.event_contexts]
    empty = np.zeros((*shape, 0), np.int32)
    return {
        f"{kind}_code_ULG": code_ULG,
        f"{kind}_context_ULX": np.concatenate([empty, *contexts], axis=2).astype(np.int32),
        f"{kind}_length_U": np.full(num_users, length),
    }


def _codes(
    fields: tuple[Field, ...], shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    drawn = [rng.integers(field.size, size=shape, dtype=np.int32) for field in fields]
    return np.stack(drawn, axis=-1)


def _of_taste(taste_UC: np.ndarray, each: int, rng: np.random.Generator) -> np.ndarray:
    """Draw categories, from 0, by taste."""
    bound_UC = taste_UC.cumsum(axis=1)
    drawn_UN = rng.random((len(taste_UC), each))
    above_UN = (drawn_UN[:, :, None] > bound_UC[:, None]).sum(axis=2)
    return np.minimum(above_UN, _CATEGORIES - 1)


def _items(category: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw an item of each category; a tenth of the items has half of the draws."""
    num_each = _ITEMS // _CATEGORIES
    share = rng.random(category.shape) ** 3
    return (category + _CATEGORIES * (share * num_each).astype(np.int64)).astype(np.int32)


def _category(item: np.ndarray) -> np.ndarray:
    """The category of an item as a code; 0 is unknown."""
    return (item % _CATEGORIES + 1).astype(np.int32)


def _chance(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))
