"""Blocks of examples as Parquet files: what a deep ranker's learning reads in its measure.

A block is two files: one row a user with his lists, one row a candidate. Arrays keep their names.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.rankers.deep_rows import Examples

_KINDS: Final = ("users", "candidates")


def write(arrays: Mapping[str, np.ndarray], folder: Path, number: int) -> None:
    """Write a block, as ``Examples.of`` takes it."""
    for kind in _KINDS:
        of_kind = {name: array for name, array in arrays.items() if _kind(name) == kind}
        columns, shapes = {}, {}
        for name, array in of_kind.items():
            shapes[name] = [array.dtype.str, *array.shape[1:]]
            width = int(np.prod(array.shape[1:]))
            if width:
                flat = pa.array(np.ascontiguousarray(array).ravel())
                is_plain = array.ndim == 1
                columns[name] = flat if is_plain else pa.FixedSizeListArray.from_arrays(flat, width)
        said = {"shapes": json.dumps(shapes), "rows": str(len(next(iter(of_kind.values()))))}
        pq.write_table(pa.table(columns).replace_schema_metadata(said), _path(folder, number, kind))


def read(folder: Path, number: int) -> Examples:
    """Read a block."""
    arrays: dict[str, np.ndarray] = {}
    for kind in _KINDS:
        table = pq.read_table(_path(folder, number, kind), use_threads=False)
        said = table.schema.metadata or {}
        num_rows = int(said[b"rows"])
        for name, (dtype, *inner) in json.loads(said[b"shapes"]).items():
            shape = (num_rows, *inner)
            is_there = name in table.column_names
            arrays[name] = _numbers(table, name, shape) if is_there else np.zeros(shape, dtype)
    return Examples.of(arrays)


def _numbers(table: pa.Table, name: str, shape: tuple[int, ...]) -> np.ndarray:
    column = table.column(name).combine_chunks()
    flat = column.flatten() if len(shape) > 1 else column
    # Arrow's memory may not be written to, and torch warns of that.
    return np.array(flat.to_numpy()).reshape(shape)


def _kind(name: str) -> str:
    return "users" if name.rsplit("_", 1)[1].startswith("U") else "candidates"


def _path(folder: Path, number: int, kind: str) -> Path:
    return folder / f"{number:04}.{kind}.parquet"
