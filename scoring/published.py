"""What lies in a publication: names, keys and values, the same for its writer and its readers.

Belongs here: the format, and nothing that needs more than msgspec, since every reader imports it.

A folder ``publications/<id>/`` holds ``manifest.json`` and ``<surface>.lmdb``. A value keeps its
items as little-endian arrays one behind another, and titles lie once an item, not once a place.
"""

import hashlib
import struct
from datetime import date, datetime
from pathlib import Path
from typing import Final

import msgspec

FORMAT: Final = 1
"""Written into each manifest; readers refuse any other."""
CURRENT: Final = "current"
SWAPS: Final = "swaps.jsonl"
"""Every move of the pointer, oldest first, one a line."""
MANIFEST: Final = "manifest.json"
EVERYBODY: Final = "*"
"""The key of the default row."""
EXPLORATION_BIT: Final = 0
"""The bit of ``Slate.marks`` that says an item was drawn; bit c: source c of the manifest."""
_KEY_BYTES: Final = 16


class Slate(msgspec.Struct, array_like=True, frozen=True):
    """One row of slates/<surface>: the P items of the slate, then those of the reserve."""

    id: str
    """The audience's key in full: two ids may share a hash."""
    segment: str
    short_reason: str | None
    num_items: int
    """How many of the P are the slate; the rest are the reserve."""
    item_nos: bytes
    """int32[P]."""
    scores: bytes
    """float64[P], in the surface's currency."""
    marks: bytes
    """uint32[P]: see ``EXPLORATION_BIT``."""


class Item(msgspec.Struct, array_like=True, frozen=True):
    """What a reader is told of an item."""

    id: str
    """The item_no in decimals."""
    item_id: str
    title: str | None


class Neighbours(msgspec.Struct, array_like=True, frozen=True):
    """One row of similar/<surface>: P neighbours, nearest first."""

    id: str
    """The item_id in full."""
    item_nos: bytes
    """int32[P]."""
    scores: bytes
    """float64[P], higher is nearer."""
    sources: bytes
    """uint8[P]: the strongest source's code."""


class SurfaceFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest says of one surface."""

    file: str | None
    """Beside the manifest; None where nothing was ever published."""
    slate_date: date | None = None
    rows: int = 0
    k: int = 0
    """Items of its longest slate."""
    ranker: str | None = None
    model_date: date | None = None
    sha256: str | None = None
    published_in: str | None = None
    """The publication that made the file; an older one where the surface was blocked."""
    block: str | None = None
    """Why this publication has no file of its own for it."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One publication."""

    format: int
    publication_id: str
    previous_id: str
    """What it replaced; empty for the first."""
    made_at: datetime
    slate_date: date
    """The newest among its surfaces."""
    surfaces: dict[str, SurfaceFile]
    sources: dict[int, str]
    """Names of the sources by code, as in marks and neighbours."""
    segment_rule: str
    """How a segment's key is made of what a request says."""
    versions: dict[str, str]
    """Of the software that made it."""


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """One move of the pointer; ``publications/current`` holds the last."""

    publication_id: str
    action: str
    """publish or rollback."""
    slate_date: date
    published_at: datetime
    previous_id: str
    surfaces: dict[str, SurfaceFile]


class NoPublicationError(LookupError):
    """There is nothing to read; the message names the command that makes it."""


def key(kind: str, identity: str) -> bytes:
    """Hash what an entry is of: LMDB's keys end at 511 bytes, ids do not.

    Args:
        kind: user, segment, default, item or similar.
        identity: The id in full.
    """
    said = f"{kind}\0{identity}".encode(errors="surrogatepass")
    return hashlib.blake2b(said, digest_size=_KEY_BYTES).digest()


def integers(raw: bytes) -> tuple[int, ...]:
    """Read int32[P]."""
    return struct.unpack(f"<{len(raw) // 4}i", raw)


def marks(raw: bytes) -> tuple[int, ...]:
    """Read uint32[P]."""
    return struct.unpack(f"<{len(raw) // 4}I", raw)


def scores(raw: bytes) -> tuple[float, ...]:
    """Read float64[P]."""
    return struct.unpack(f"<{len(raw) // 8}d", raw)


def read_current(publications: Path) -> Swap:
    """Read the pointer.

    Raises:
        NoPublicationError: If nothing was published here, or the pointer is damaged.
    """
    try:
        said = (publications / CURRENT).read_bytes()
    except FileNotFoundError:
        raise NoPublicationError(
            f"nothing is published in {publications}; run: nightmarket night --day D"
        ) from None
    try:
        return msgspec.json.decode(said, type=Swap)
    except msgspec.MsgspecError as error:
        raise NoPublicationError(
            f"{publications / CURRENT} is damaged ({error}); put the last line of "
            f"{publications / SWAPS} in its place"
        ) from error


def read_manifest(publications: Path, publication_id: str) -> Manifest:
    """Read one publication's manifest; FileNotFoundError if it is gone.

    Raises:
        NoPublicationError: If another release wrote it.
    """
    manifest = msgspec.json.decode(
        (publications / publication_id / MANIFEST).read_bytes(), type=Manifest
    )
    if manifest.format != FORMAT:
        raise NoPublicationError(
            f"publication {publication_id} is of format {manifest.format}, this release reads "
            f"{FORMAT}; publish again: nightmarket publish"
        )
    return manifest
