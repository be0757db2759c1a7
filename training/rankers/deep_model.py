"""A deep ranker's network that has learned: it scores, and is saved and read again as bytes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from training.rankers.deep_config import Field, Head, InvalidNetworkError, NetworkConfig
from training.rankers.deep_network import Network
from training.rankers.deep_rows import Rows
from training.rankers.deep_scoring import Scorer
from training.rankers.ranker import UnknownModelError

_WEIGHTS: Final = "network.safetensors"
_CONFIG: Final = "config.json"
_VERSION: Final = 1
"""Of what the weights mean; another one is refused."""


@dataclass(frozen=True, slots=True)
class DeepModel:
    """A network and how it is laid out for scoring."""

    network: Network
    scorer: Scorer

    @classmethod
    def of(cls, network: Network, dtype: torch.dtype = torch.float32) -> "DeepModel":
        """Lay a network out; ``dtype`` as ``Scorer.of`` takes it."""
        return cls(network.eval(), Scorer.of(network, dtype))

    def score(self, rows: Rows) -> dict[str, np.ndarray]:
        """Predict where rows stand, for each head: float32, N, in [0, 1].

        Raises:
            InvalidNetworkError: If these are not rows that the network reads.
        """
        score_TN = self.scorer.score(rows).T.contiguous().numpy()
        names = (head.name for head in self.network.config.heads)
        return dict(zip(names, score_TN, strict=True))

    def save(self) -> dict[str, bytes]:
        """Write the weights as safetensors and the configuration as JSON."""
        said = {"version": _VERSION, "network": asdict(self.network.config)}
        return {
            _WEIGHTS: save_tensors(self.network.state_dict()),
            _CONFIG: json.dumps(said, sort_keys=True).encode(),
        }


def load(files: Mapping[str, bytes], dtype: torch.dtype = torch.float32) -> DeepModel:
    """Make the model again from what ``DeepModel.save`` wrote.

    Raises:
        UnknownModelError: If a file is missing, cut off, or of another version.
    """
    missing = {_WEIGHTS, _CONFIG} - files.keys()
    if missing:
        raise UnknownModelError(f"a deep ranker has {sorted(missing)} too, found {sorted(files)}")
    try:
        network = Network(_config(json.loads(files[_CONFIG])))
        network.load_state_dict(load_tensors(files[_WEIGHTS]))
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise UnknownModelError(
            f"the files hold no deep ranker of version {_VERSION}: {error}; fit it again"
        ) from error
    return DeepModel.of(network, dtype)


def _config(said: Mapping[str, Any]) -> NetworkConfig:
    if said["version"] != _VERSION:
        raise InvalidNetworkError(f"they are of version {said['version']}")
    given = dict(said["network"])
    for name in ("user_fields", "candidate_fields"):
        given[name] = tuple(Field(**field) for field in given[name])
    given["heads"] = tuple(Head(**head) for head in given["heads"])
    for name in ("event_fields", "event_contexts", "attention", "trunk"):
        given[name] = tuple(given[name])
    return NetworkConfig(**given)
