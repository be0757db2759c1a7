"""The graph filter against its definition on a spectrum computed whole."""

import numpy as np
import pytest

from tests.training.retrieval.source_conformance import planted
from training.retrieval.eigen import normalised
from training.retrieval.graph_filter import GraphFilterConfig, fit
from training.retrieval.interactions import Interactions


def by_definition(histories: Interactions, config: GraphFilterConfig) -> np.ndarray:
    """Scores in float64."""
    normal = normalised(histories).toarray().astype(np.float64)
    values, vectors = np.linalg.eigh(normal.T @ normal)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    last = values[config.rank - 1]
    passed = config.rest_share * last**config.pass_power * values / last
    passed[: config.rank] = values[: config.rank] ** config.pass_power
    degree = np.maximum(histories.matrix().sum(axis=0), 1).astype(np.float64)
    asked = histories.recent(config.recency).toarray() * degree**-config.from_power
    return (asked @ (vectors * passed) @ vectors.T) * degree**-config.to_power


@pytest.mark.parametrize(
    "config",
    [
        GraphFilterConfig(rank=5),
        GraphFilterConfig(rank=5, pass_power=0.0, rest_share=1.0, from_power=0.3, to_power=-0.2),
        GraphFilterConfig(rank=5, pass_power=0.5, rest_share=0.0),
    ],
)
def test_vectors_pass_by_the_power_and_the_rest_by_the_line(config: GraphFilterConfig) -> None:
    found = fit(planted(), config=config, seed=1).score_users(planted())

    np.testing.assert_allclose(found, by_definition(planted(), config), atol=2e-4)


def test_the_linear_filter_is_the_graph_itself_whatever_the_rank() -> None:
    config = GraphFilterConfig(rank=3, pass_power=1.0, rest_share=1.0)
    normal = normalised(planted())

    found = fit(planted(), config=config, seed=1).score_users(planted())

    degree = np.maximum(planted().matrix().sum(axis=0), 1)
    asked = planted().recent(config.recency).toarray() / np.sqrt(degree)
    linear = asked @ (normal.T @ normal).toarray() * np.sqrt(degree)
    np.testing.assert_allclose(found, linear, atol=1e-5)
