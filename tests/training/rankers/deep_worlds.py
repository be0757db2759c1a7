"""Networks of any shape, rows for them, and a plain world in which clicks follow known rules."""

from collections.abc import Sequence

import numpy as np
import torch

from training.rankers.deep_config import Field, Head, NetworkConfig
from training.rankers.deep_rows import Events, Examples, Rows

EVERYTHING = NetworkConfig(
    user_fields=(Field(name="segment", size=5), Field(name="platform", size=3)),
    candidate_fields=(
        Field(name="item", size=30),
        Field(name="category", size=6),
        Field(name="brand", size=7),
    ),
    num_user_dense=2,
    num_candidate_dense=3,
    num_content=4,
    event_fields=("item", "category"),
    event_contexts=(4, 3),
    searched_by="category",
    max_found=5,
    width=4,
    content_width=5,
    attention=(7, 3),
    num_crosses=3,
    cross_rank=5,
    trunk=(11, 6),
    num_experts=3,
    num_places=4,
    heads=(
        Head(name="click"),
        Head(name="order", after="click"),
        Head(name="watch", weight=0.5),
        Head(name="cart", after="click"),
    ),
)
"""A network with all its parts."""


def shaken(network: torch.nn.Module) -> torch.nn.Module:
    """Give every weight some size, or parts that begin with 0 would say nothing."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn(weight.shape) * 0.2)
        network.places.weight[0] = 0
    return network.eval()


def drawn(
    config: NetworkConfig, counts: Sequence[int], *, seed: int, short: int = 8, long: int = 20
) -> Rows:
    """Users with so many candidates each; histories of any length up to the given ones."""
    draw = torch.Generator().manual_seed(seed)
    num_users, num_rows = len(counts), sum(counts)

    def codes(sizes: Sequence[int], *shape: int) -> torch.Tensor:
        columns = [torch.randint(size, shape, generator=draw) for size in sizes]
        return torch.stack(columns, dim=-1) if columns else torch.zeros(*shape, 0).long()

    def events(length: int) -> Events:
        of_event = config.candidate_fields[: len(config.event_fields)]
        return Events(
            code_ULG=codes([field.size for field in of_event], num_users, length),
            context_ULX=codes(config.event_contexts, num_users, length),
            length_U=torch.randint(length + 1, (num_users,), generator=draw),
        )

    return Rows(
        user_code_UF=codes([field.size for field in config.user_fields], num_users),
        user_dense_UE=torch.randn(num_users, config.num_user_dense, generator=draw),
        history=events(short),
        long=events(long),
        user_N=torch.arange(num_users).repeat_interleave(torch.tensor(counts)),
        code_NF=codes([field.size for field in config.candidate_fields], num_rows),
        dense_NE=torch.randn(num_rows, config.num_candidate_dense, generator=draw) * 3,
        content_NC=torch.randn(num_rows, config.num_content, generator=draw),
        place_N=torch.zeros(num_rows, dtype=torch.int64),
        wide_NC=codes([config.num_wide] * 3, num_rows) if config.num_wide else None,
    )


NUM_ITEMS, NUM_CATEGORIES, LENGTH = 200, 10, 12
PLANTED = NetworkConfig(
    user_fields=(Field(name="segment", size=4),),
    candidate_fields=(
        Field(name="item", size=NUM_ITEMS, unknown_dropout=0.1),
        Field(name="category", size=NUM_CATEGORIES),
    ),
    num_candidate_dense=1,
    event_fields=("item", "category"),
    width=8,
    attention=(16,),
    num_crosses=1,
    cross_rank=8,
    trunk=(32,),
    num_places=3,
    heads=(Head(name="click"), Head(name="order", after="click")),
)
"""What the planted world is learned with."""


def planted(*, num_users: int, seed: int, each: int = 10) -> Examples:
    """Users who click what is of the categories of their history, seldom below the first place.

    Half of the candidates are of a category the user has been to. Who clicks orders in four of ten
    cases if the item's number is even, never otherwise.
    """
    rng = np.random.default_rng(seed)
    category_of = np.r_[0, np.arange(1, NUM_ITEMS) % (NUM_CATEGORIES - 1) + 1]
    liked_U2 = rng.integers(1, NUM_CATEGORIES, (num_users, 2))
    of_event_UL = np.take_along_axis(liked_U2, rng.integers(2, size=(num_users, LENGTH)), axis=1)
    event_UL = _item_of(of_event_UL, rng)
    asked_UN = rng.integers(1, NUM_CATEGORIES, (num_users, each))
    liked_UN = np.take_along_axis(liked_U2, rng.integers(2, size=(num_users, each)), axis=1)
    item_UN = _item_of(np.where(rng.random((num_users, each)) < 0.5, asked_UN, liked_UN), rng)
    is_liked_UN = (category_of[item_UN][:, :, None] == liked_U2[:, None]).any(axis=2)
    place_UN = rng.integers(3, size=(num_users, each))
    logit_UN = np.where(is_liked_UN, 0.5, -2.0) + np.array([0.0, -0.7, -1.4])[place_UN]
    is_click_UN = rng.random((num_users, each)) < 1 / (1 + np.exp(-logit_UN))
    is_order_UN = is_click_UN & (item_UN % 2 == 0) & (rng.random((num_users, each)) < 0.4)
    code_ULG = np.stack([event_UL, category_of[event_UL]], axis=2)
    nothing = np.zeros((num_users, LENGTH, 0), np.int64)
    return Examples.of(
        {
            "user_code_UF": rng.integers(4, size=(num_users, 1)),
            "user_dense_UE": np.zeros((num_users, 0), np.float32),
            "history_code_ULG": code_ULG,
            "history_context_ULX": nothing,
            "history_length_U": np.full(num_users, LENGTH),
            "long_code_ULG": code_ULG[:, :0],
            "long_context_ULX": nothing[:, :0],
            "long_length_U": np.zeros(num_users, np.int64),
            "user_N": np.repeat(np.arange(num_users), each),
            "code_NF": np.stack([item_UN, category_of[item_UN]], axis=2).reshape(-1, 2),
            "dense_NE": rng.standard_normal((num_users * each, 1)).astype(np.float32),
            "content_NC": np.zeros((num_users * each, 0), np.float32),
            "place_N": place_UN.ravel(),
            "label_NT": np.stack([is_click_UN, is_order_UN], axis=2).reshape(-1, 2) * np.float32(1),
            "weight_N": np.ones(num_users * each, np.float32),
        }
    )


def _item_of(category: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Any item of each category."""
    step = NUM_CATEGORIES - 1
    return category - 1 + step * rng.integers(1, NUM_ITEMS // step, size=category.shape)
