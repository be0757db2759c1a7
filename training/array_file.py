"""Named arrays in one Arrow file that every worker maps into memory instead of loading.

A night's item side is the same for all users. It is written once on the driver, named by its
content, sent along with ``SparkContext.addFile``, and mapped by each worker: no copy a process.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa


def write(arrays: Mapping[str, np.ndarray | pa.Array], folder: Path) -> Path:
    """Write arrays into one file below ``folder``; the same content gives the same name.

    Args:
        arrays: One-dimensional arrays of any length, without nulls.
        folder: Where the file goes; it is made if missing.

    Returns:
        The file's path.
    """
    columns = {name: _as_one_cell(array) for name, array in arrays.items()}
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    content = sink.getvalue()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(content).hexdigest()[:32]}.arrow"
    if not path.exists():
        # Whoever maps a file must never see it shrink.
        part = path.with_suffix(".part")
        part.write_bytes(content)
        part.rename(path)
    return path


def read(path: Path) -> dict[str, pa.Array]:
    """Map a file's arrays into memory.

    Returns:
        The arrays by name; ``numbers`` makes numpy views of them.
    """
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    return {name: table.column(name).chunk(0).flatten() for name in table.column_names}


def numbers(array: pa.Array) -> np.ndarray:
    """View an array of numbers as numpy, without a copy."""
    return array.to_numpy(zero_copy_only=True)


def _as_one_cell(array: np.ndarray | pa.Array) -> pa.Array:
    values = array if isinstance(array, pa.Array) else pa.array(array)
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)
