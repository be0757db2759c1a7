"""Processes that learn a network together, started as nights start them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

pytest.importorskip("torch", reason="torch is not installed (NETWORKS=0)")

import torch

from tests.training.rankers.conformance import SPLIT
from tests.training.rankers.deep_worlds import EVERYTHING, drawn
from tests.training.rankers.test_deep import days
from training.rankers import deep, deep_distributed, deep_training
from training.rankers.deep import DeepConfig
from training.rankers.deep_distributed import ProcessFailedError
from training.rankers.deep_rows import Examples
from training.rankers.deep_training import Learned, TrainingConfig

pytestmark = pytest.mark.usefixtures("drill")

_NETWORK = replace(EVERYTHING, num_wide=8)
_TRAINING = TrainingConfig(num_epochs=3, batch_rows=30, judged_each=5, num_processes=2)


def _examples(counts: list[int], seed: int) -> Examples:
    rows = drawn(_NETWORK, counts, seed=seed)
    rng = np.random.default_rng(seed)
    label_NT = torch.from_numpy(rng.integers(2, size=(len(rows), 4)).astype(np.float32))
    label_NT[rng.random(len(rows)) < 0.5, 2] = torch.nan
    weight_N = torch.from_numpy(rng.integers(1, 5, len(rows)).astype(np.float32))
    return Examples(rows=rows, label_NT=label_NT, weight_N=weight_N)


def _learned(learn: Callable[..., Learned]) -> Learned:
    # The last batch of each block is a single user's.
    blocks = [_examples([10, 20, 0, 7, 23, 4], seed=1), _examples([6] * 11, seed=2)]
    return learn(
        [lambda block=block: block for block in blocks],
        [lambda: _examples([5] * 9, seed=3)],
        _NETWORK,
        _TRAINING,
        seed=4,
    )


def test_two_processes_learn_what_one_learns(spark: SparkSession) -> None:
    alone = _learned(deep_training.learn)

    together = _learned(deep_distributed.learn)

    assert len(alone.judged) > 2
    assert together.judged == pytest.approx(alone.judged, abs=1e-5)
    found = together.network.state_dict()
    for name, weight in alone.network.state_dict().items():
        torch.testing.assert_close(found[name], weight, atol=1e-5, rtol=1e-4, msg=name)


def test_a_failed_process_says_why_and_leaves_nothing_behind(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    far = replace(_TRAINING, learning_rate=1e30, table_learning_rate=1e30)

    with pytest.raises(ProcessFailedError, match=r"DivergedError: .* learn at lower rates"):
        deep.fit(days, SPLIT, DeepConfig(factors=None, training=far), seed=1)

    assert list(tmp_path.iterdir()) == []
