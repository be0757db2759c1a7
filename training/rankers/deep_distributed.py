"""Several processes learn the deep ranker's network together, started by Spark's TorchDistributor.

The driver writes each block once into a folder, one after the other. The processes map these files
into memory, so that those of a machine share what they read, learn as
``training.rankers.deep_training`` says with a ``Share`` each, and the first leaves the weights in
the folder, which is then removed. The folder takes as much of the disk as all blocks together.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch
from torch import distributed

from training.rankers import deep_training
from training.rankers.deep_config import NetworkConfig
from training.rankers.deep_events import FlatEvents, FlatExamples, FlatRows
from training.rankers.deep_network import Network
from training.rankers.deep_rows import Events, Examples, Rows
from training.rankers.deep_share import Share
from training.rankers.deep_training import Blocks, Learned, TrainingConfig
from training.split import UnfittedError

_FIT: Final = "fit"
_STOP: Final = "stop"
_LEARNED: Final = "learned.pt"
_FAILED: Final = "failed.txt"
_KINDS: Final[list[type]] = [Examples, FlatExamples, FlatRows, FlatEvents, Rows, Events]
"""All that a block is made of besides tensors; of a file nothing else is read."""


class ProcessFailedError(UnfittedError, RuntimeError):
    """A process that learned with others failed; the text says why."""


def learn(
    blocks: Blocks, stopping: Blocks, network: NetworkConfig, config: TrainingConfig, seed: int
) -> Learned:
    """Learn as ``deep_training.learn`` does, by ``config.num_processes`` processes.

    The running Spark session starts them, or one of this machine where none runs.

    Args:
        blocks: Read once each, here.
        stopping: The same.
        network: What is learned.
        config: How, and where the processes run.
        seed: Of first weights, orders and what is dropped.

    Raises:
        ProcessFailedError: If a process fails, be it that there is nothing to learn.
    """
    with TemporaryDirectory(prefix="nightmarket-learning-", dir=config.cluster_folder) as name:
        folder = Path(name)
        _write(blocks, folder / _FIT)
        _write(stopping, folder / _STOP)
        _run(folder, network, config, seed)
        return _read(folder, network)


def _write(blocks: Blocks, folder: Path) -> None:
    folder.mkdir()
    for number, block in enumerate(blocks):
        torch.save(block(), folder / f"{number:06d}.pt")


def _run(folder: Path, network: NetworkConfig, config: TrainingConfig, seed: int) -> None:
    # What learns needs neither, and would wait for their imports.
    from pyspark.ml.torch.distributor import TorchDistributor

    from etl import spark

    spark.session(spark.SparkConfig())
    starter = TorchDistributor(
        num_processes=config.num_processes,
        local_mode=config.cluster_folder is None,
        use_gpu=False,
    )
    try:
        starter.run(_take_part, str(folder), network, config, seed)
    except Exception as error:
        raise ProcessFailedError(
            f"{config.num_processes} processes were to learn a network together, and one failed: "
            f"{_said(folder)}"
        ) from error


def _said(folder: Path) -> str:
    said = folder / _FAILED
    if not said.exists():
        return "it was ended before it could say why, most often for want of memory"
    return said.read_text()


def _read(folder: Path, network: NetworkConfig) -> Learned:
    found = torch.load(folder / _LEARNED, weights_only=True)
    net = Network(network)
    net.load_state_dict(found["weights"])
    return Learned(net.eval(), tuple(found["judged"]))


def _take_part(name: str, network: NetworkConfig, config: TrainingConfig, seed: int) -> None:
    """Be one of the processes: the starter has said in the environment which, and who is first."""
    torch.set_num_threads(1)
    folder = Path(name)
    distributed.init_process_group("gloo")
    try:
        _learn(folder, network, config, seed)
    except Exception as error:
        _say(folder, error)
        raise
    finally:
        distributed.destroy_process_group()


def _learn(folder: Path, network: NetworkConfig, config: TrainingConfig, seed: int) -> None:
    share = Share(distributed.get_rank(), distributed.get_world_size(), distributed.group.WORLD)
    fit, stop = _blocks(folder / _FIT), _blocks(folder / _STOP)
    found = deep_training.learn(fit, stop, network, config, seed, share=share)
    weights = found.network.state_dict()
    share.refuse_unless_alike(weights.values())
    if share.rank == 0:
        torch.save({"weights": weights, "judged": list(found.judged)}, folder / _LEARNED)


def _blocks(folder: Path) -> list[Callable[[], Any]]:
    return [partial(_load, path) for path in sorted(folder.iterdir())]


def _load(path: Path) -> Examples | FlatExamples:
    with torch.serialization.safe_globals(_KINDS):
        return torch.load(path, weights_only=True, mmap=True)


def _say(folder: Path, error: Exception) -> None:
    """Leave word of the first failure; others follow from it, as connections close."""
    with suppress(FileExistsError), (folder / _FAILED).open("x") as file:
        file.write(f"{type(error).__name__}: {error}")
