"""Memory that nothing uses any more, given back to the system."""

import ctypes
from contextlib import suppress

import pyarrow as pa


def give_back() -> None:
    """Return what Arrow and the C library keep for their next arrays.

    A step's gigabytes would count as this process's until it ends, beside the next steps' workers.
    """
    pa.default_memory_pool().release_unused()
    # The GNU C library's alone; others give back by themselves.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
