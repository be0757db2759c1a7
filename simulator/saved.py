"""Keeps a state between two calls: its arrays by the names of their fields, in one npz file.

States are dataclasses of arrays, numbers, such dataclasses, tuples of these, and columns by name;
their type hints say what comes back. No pickle is written or read.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

Value = TypeVar("Value")
_LENGTH: Final = "length"


def save(state: object, path: Path) -> None:
    """Write a state."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=False, **_flat(state, "state"))


def load(kind: type[Value], path: Path) -> Value:
    """Read a state of this dataclass back."""
    with np.load(path, allow_pickle=False) as arrays:
        return _built(kind, "state", dict(arrays))


def _flat(value: Any, name: str) -> dict[str, np.ndarray]:  # noqa: ANN401
    if isinstance(value, tuple):
        parts = {str(place): one for place, one in enumerate(value)}
        length = {f"{name}.{_LENGTH}": np.array(len(value))}
        return length | _flat_parts(parts, name)
    if is_dataclass(value):
        return _flat_parts({f.name: getattr(value, f.name) for f in fields(value)}, name)
    return _flat_parts(value, name) if isinstance(value, Mapping) else {name: np.asarray(value)}


def _flat_parts(parts: Mapping[str, Any], name: str) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for part, value in parts.items():
        found |= _flat(value, f"{name}.{part}")
    return found


def _built(kind: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:  # noqa: ANN401
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        parts = {f.name: _built(hints[f.name], f"{name}.{f.name}", arrays) for f in fields(kind)}
        return kind(**parts)  # type: ignore[operator]
    if get_origin(kind) is tuple:
        length, of = int(arrays[f"{name}.{_LENGTH}"]), get_args(kind)[0]
        return tuple(_built(of, f"{name}.{place}", arrays) for place in range(length))
    if get_origin(kind) is dict:
        return {
            key.removeprefix(f"{name}."): arrays[key]
            for key in arrays
            if key.startswith(f"{name}.")
        }
    return arrays[name] if kind is np.ndarray else kind(arrays[name].item())
