"""Learned sources as nights keep them, fitted on planted histories."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from tests.training.retrieval.source_conformance import NUM_ITEMS, planted
from tests.training.retrieval.test_learned_sources import CONFIGS, config_of
from training.retrieval.fitted import Fitted
from training.retrieval.learned import NIGHTLY


def is_available(name: str) -> bool:
    needs = NIGHTLY[name].needs
    return needs is None or find_spec(needs) is not None


@cache
def fitted(name: str) -> Fitted:
    """What a source learned of items 0 … NUM_ITEMS − 1."""
    learned = NIGHTLY[name]
    config = CONFIGS[name] if name in CONFIGS else config_of(name)
    module = import_module(f"training.retrieval.{learned.module}")
    source = module.fit(planted(), config=config, seed=7)
    return Fitted(learned, np.arange(NUM_ITEMS, dtype=np.int64), source)


def all_fitted() -> dict[str, Fitted]:
    return {name: fitted(name) for name in NIGHTLY if is_available(name)}
