"""Writes the boosters of a model as files, reads them again, and says what they look at.

Of a file that ends early xgboost ends the process: a model says the hash of each of its own.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import xgboost as xgb

from training.rankers.ranker import UnknownModelError

_ENDING: Final = ".ubj"


def written(heads: Mapping[str, xgb.Booster]) -> dict[str, bytes]:
    """Write each task's booster as UBJ, ``<task>.ubj``."""
    return {task + _ENDING: bytes(head.save_raw("ubj")) for task, head in heads.items()}


def hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    """Say each file's sha256."""
    return {name: sha256(content).hexdigest() for name, content in files.items()}


def read(files: Mapping[str, bytes], said: Mapping[str, str]) -> dict[str, xgb.Booster]:
    """Read the boosters whose hashes a model says, by task.

    Raises:
        UnknownModelError: If a file is not the one that was saved.
        KeyError: If it is missing.
    """
    return {
        name.removesuffix(_ENDING): _booster(name, files[name], sha) for name, sha in said.items()
    }


def _booster(name: str, content: bytes, said: str) -> xgb.Booster:
    if sha256(content).hexdigest() != said:
        raise UnknownModelError(f"{name} is not the file that was saved; fit it again")
    found = xgb.Booster(model_file=bytearray(content))
    found.set_param({"nthread": 1})
    return found


def importance(booster: xgb.Booster) -> dict[str, float]:
    """Say each feature's share of the gain, largest first; used ones only."""
    gain = booster.get_score(importance_type="total_gain")
    total = sum(gain.values()) or 1.0
    ordered = sorted(gain.items(), key=lambda pair: (-pair[1], pair[0]))
    return {name: value / total for name, value in ordered}
