"""Lays values of large arrays on disk, mapped: read often, they need not lie in memory.

The files have no name: they go when the last array does, and with a killed process.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from errno import ENOSPC
from shutil import disk_usage
from tempfile import TemporaryFile, gettempdir
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa

_LEAST_BYTES: Final = 1 << 16
"""Smaller arrays stay where they are."""
_LEFT_FREE: Final = 4 << 30
"""Bytes of the disk that others may need: steps beside it, Spark's shuffles."""
_Value = TypeVar("_Value")


def spilled(value: _Value) -> _Value:
    """Give the same value, its large arrays in temporary files (``TMPDIR``).

    Args:
        value: A dataclass, a mapping, an array or a column of words; what is in them in turn.
            Anything else is returned as it is.

    Raises:
        OSError: If the disk is nearly full.
    """
    found: Any = value
    if isinstance(value, np.ndarray):
        found = _mapped(value)
    elif isinstance(value, pa.DictionaryArray):
        found = _words(value)
    elif isinstance(value, Mapping):
        found = {name: spilled(one) for name, one in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: spilled(getattr(value, field.name)) for field in fields(value)}
        found = replace(value, **parts)
    return found


def _mapped(array: np.ndarray) -> np.ndarray:
    if array.nbytes < _LEAST_BYTES or array.dtype.hasobject:
        return array
    if disk_usage(gettempdir()).free - array.nbytes < _LEFT_FREE:
        raise OSError(ENOSPC, f"less than {_LEFT_FREE >> 30} GB would be left", gettempdir())
    with TemporaryFile() as file:
        np.ascontiguousarray(array).tofile(file)
        # Copied on write: whoever would write into an array finds one like any other.
        return np.asarray(np.memmap(file, array.dtype, mode="c", shape=array.shape))


def _words(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Lay the codes on disk; the words are few."""
    codes = column.indices
    if codes.nbytes < _LEAST_BYTES:
        return column
    valid = codes.is_valid().buffers()[1] if codes.null_count else None
    laid = pa.py_buffer(_mapped(codes.fill_null(0).to_numpy()))
    mapped = pa.Array.from_buffers(codes.type, len(codes), [valid, laid])
    return pa.DictionaryArray.from_arrays(mapped, column.dictionary)
