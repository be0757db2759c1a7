"""Arrays as bytes and back, without pickles."""

import io
from collections.abc import Mapping

import numpy as np


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Write arrays by name."""
    sink = io.BytesIO()
    np.savez(sink, allow_pickle=False, **dict(arrays))
    return sink.getvalue()


def unpacked(content: bytes) -> dict[str, np.ndarray]:
    """Read what ``packed`` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        return dict(found)
