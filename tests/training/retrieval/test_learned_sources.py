from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import pytest

from tests.training.retrieval import source_conformance as promises
from tests.training.retrieval.source_conformance import Implementation
from training.retrieval.content import ContentConfig
from training.retrieval.factors import FactorsConfig
from training.retrieval.graph_filter import GraphFilterConfig
from training.retrieval.interactions import Interactions
from training.retrieval.interests import InterestsConfig
from training.retrieval.item_cf import ItemCfConfig
from training.retrieval.learned import Config
from training.retrieval.linear_items import LinearItemsConfig
from training.retrieval.low_pass import LowPassConfig
from training.retrieval.most_touched import MostTouchedConfig
from training.retrieval.onward import OnwardConfig
from training.retrieval.propagation import PropagationConfig
from training.retrieval.source import Source, VectorSource
from training.retrieval.user_cf import UserCfConfig

CONFIGS: dict[str, Config] = {
    "most_touched": MostTouchedConfig(),
    "onward": OnwardConfig(),
    "item_cf": ItemCfConfig(),
    "linear_items": LinearItemsConfig(l2=5.0),
    "linear_items, of low rank": LinearItemsConfig(l2=5.0, max_exact_items=0, rank=6),
    "linear_items, of both kinds": LinearItemsConfig(
        l2=5.0, hidden_share=0.3, user_power=0.5, max_exact_items=11, rank=6
    ),
    "propagation": PropagationConfig(),
    "low_pass": LowPassConfig(rank=4),
    "graph_filter": GraphFilterConfig(rank=4),
    "content": ContentConfig(num_factors=4),
    "interests": InterestsConfig(rank=6, num_content=4),
    "user_cf": UserCfConfig(num_neighbours=10),
    "factors": FactorsConfig(num_factors=8, num_rounds=5),
}
"""One line for each source there is; those of networks follow where they are installed."""
NETWORKS = {
    "item2vec": "gensim",
    "sasrec": "torch",
    "softmax_factors": "torch",
    "two_tower": "torch",
}
"""What each needs."""
BY_VECTORS = {
    "low_pass",
    "content",
    "factors",
    "item2vec",
    "softmax_factors",
    "sasrec",
    "two_tower",
}
"""Those whose scores are products of vectors."""


def config_of(name: str) -> Config:
    if name == "item2vec":
        from training.retrieval.item2vec import Item2vecConfig

        return Item2vecConfig(num_factors=8, num_negatives=3, num_epochs=300)
    if name == "sasrec":
        from training.retrieval.sasrec import SasrecConfig
        from training.retrieval.sasrec_network import NetworkConfig

        small = NetworkConfig(width=16, max_length=4, input_dropout=0.1, block_dropout=0.0)
        return SasrecConfig(
            network=small, num_epochs=12, batch_users=16, num_negatives=16, learning_rate=0.01
        )
    if name == "two_tower":
        from training.retrieval.two_tower import TwoTowerConfig
        from training.retrieval.two_tower_network import NetworkConfig as TowersConfig

        return TwoTowerConfig(
            network=TowersConfig(width=8, max_length=4),
            num_content=4,
            num_epochs=30,
            batch_size=64,
            num_uniform=8,
        )
    from training.retrieval.softmax_factors import SoftmaxFactorsConfig

    return SoftmaxFactorsConfig(
        width=8, num_epochs=40, batch_size=64, num_negatives=16, learning_rate=0.05
    )


@dataclass(frozen=True)
class Tried:
    """One source and what it learned from the planted histories."""

    name: str
    made: Implementation
    fitted: Source


@pytest.fixture(scope="module", params=[*CONFIGS, *NETWORKS])
def tried(request: pytest.FixtureRequest) -> Tried:
    name = request.param
    if name in NETWORKS and find_spec(NETWORKS[name]) is None:
        pytest.skip(f"{NETWORKS[name]} is not installed (NETWORKS=0)")
    module = import_module(f"training.retrieval.{name.split(',')[0]}")
    config = CONFIGS[name] if name in CONFIGS else config_of(name)
    made = Implementation(module.fit, module.load, config)
    return Tried(name, made, made.fit(promises.planted(), config=config, seed=7))


def test_the_same_seed_gives_the_same_lists(tried: Tried) -> None:
    promises.same_seed_same_lists(tried.made)


def test_a_loaded_source_lists_as_the_saved_one(tried: Tried) -> None:
    promises.a_loaded_source_lists_as_the_saved_one(tried.made, tried.fitted)


def test_scores_are_numbers(tried: Tried) -> None:
    promises.scores_are_numbers(tried.fitted)


def test_nothing_known_is_listed(tried: Tried) -> None:
    promises.nothing_known_is_listed(tried.fitted)


def test_users_do_not_speak_to_one_another(tried: Tried) -> None:
    promises.users_do_not_speak_to_one_another(tried.fitted)


def test_what_is_not_allowed_is_not_listed(tried: Tried) -> None:
    promises.what_is_not_allowed_is_not_listed(tried.fitted)


def test_what_is_known_is_listed_where_it_may_be(tried: Tried) -> None:
    promises.what_is_known_is_listed_where_it_may_be(tried.fitted)


def test_neighbours_are_what_one_item_leads_to(tried: Tried) -> None:
    promises.neighbours_are_what_one_item_leads_to(tried.fitted)


def test_vectors_list_what_scores_do(tried: Tried) -> None:
    assert isinstance(tried.fitted, VectorSource) == (tried.name in BY_VECTORS)
    if isinstance(tried.fitted, VectorSource):
        promises.vectors_list_what_scores_do(tried.fitted)


def test_little_is_enough(tried: Tried) -> None:
    promises.little_is_enough(tried.made)


def test_the_same_circle_is_found(tried: Tried) -> None:
    if tried.name == "most_touched":
        pytest.skip("popularity knows no circles")
    promises.the_same_circle_is_found(tried.fitted)


def test_histories_without_an_order_are_learned_from(tried: Tried) -> None:
    if tried.name in ("sasrec", "item2vec", "onward"):
        pytest.skip("reads the order")
    made = promises.planted()
    plain = Interactions(made.indptr, made.item_N, made.num_items, False, made.user_U)
    source = tried.made.fit(plain, config=tried.made.config, seed=7)
    promises.nothing_known_is_listed(source)
