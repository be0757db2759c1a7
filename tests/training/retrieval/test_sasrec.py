import pytest

from tests.training.retrieval import source_conformance as promises

pytest.importorskip("torch", reason="torch is not installed (NETWORKS=0)")

from training.retrieval import sasrec
from training.retrieval.sasrec import SasrecConfig
from training.retrieval.sasrec_network import NetworkConfig

_SMALL = NetworkConfig(width=8, max_length=4)
_PLACES = 90 * 3
"""Of ``planted`` in one reading: every item but the first of 90 users is foretold."""


def test_a_network_learns_from_so_many_places_at_most() -> None:
    def saved(**settings: int) -> bytes:
        config = SasrecConfig(network=_SMALL, num_networks=1, batch_users=16, **settings)
        return sasrec.fit(promises.planted(), config=config, seed=1).save()["0.safetensors"]

    twice = saved(num_epochs=2)

    assert saved(num_epochs=5, max_places=2 * _PLACES + 1) == twice
    assert saved(num_epochs=2, max_places=9 * _PLACES) == twice
    assert saved(num_epochs=5, max_places=1) == saved(num_epochs=1)
