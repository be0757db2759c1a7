"""Opens one surface of the current publication for one answer.

Belongs here: the pointer's race and LMDB. What is asked of a publication is ``scoring.reader``.
"""

import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import lmdb
import msgspec

from scoring.published import (
    Item,
    Manifest,
    Neighbours,
    NoPublicationError,
    Slate,
    SurfaceFile,
    key,
    read_current,
    read_manifest,
)

Entry = TypeVar("Entry", Slate, Item, Neighbours)
Answer = dict[str, Any]
Answering = Callable[["Opened"], Answer]

_ONE_AT_A_TIME: Final = threading.Lock()
"""LMDB refuses to open a file twice in one process, so threads take turns."""


class UnknownSurfaceError(LookupError):
    """A surface was asked for that the publication does not have."""


class BrokenPublicationError(RuntimeError):
    """A publication lacks what it promises."""


class Opened:
    """One surface's file within one read transaction."""

    def __init__(
        self, transaction: lmdb.Transaction, manifest: Manifest, of_surface: SurfaceFile
    ) -> None:
        self._transaction = transaction
        self.manifest = manifest
        self.of_surface = of_surface

    def find(self, kind: str, identity: str, of_type: type[Entry]) -> Entry | None:
        """Look an entry up; one whose full id is another's is not it."""
        raw = self._transaction.get(key(kind, identity))
        if raw is None:
            return None
        entry = msgspec.msgpack.decode(raw, type=of_type)
        return entry if entry.id == identity else None

    def item(self, item_no: int) -> Item:
        """Look up what a slate names."""
        found = self.find("item", str(item_no), Item)
        if found is None:
            raise BrokenPublicationError(
                f"publication {self.manifest.publication_id} names item_no {item_no} and does not "
                "hold it; publish again: nightmarket publish"
            )
        return found


def answered(publications: Path, surface: str, answer: Answering) -> Answer:
    """Answer from one publication, whichever is current when its file is opened.

    A publication may be removed between reading the pointer and opening its file, if the pointer
    has moved on: then the pointer is read again.

    Raises:
        BrokenPublicationError: If its files are missing or damaged.
    """
    publication_id = read_current(publications).publication_id
    while True:
        try:
            with _ONE_AT_A_TIME, _opened(publications, publication_id, surface) as opened:
                return answer(opened)
        except FileNotFoundError as error:
            before, publication_id = publication_id, read_current(publications).publication_id
            if publication_id == before:
                raise BrokenPublicationError(
                    f"the pointer names {before}, whose {error.filename} is missing; publish "
                    "again: nightmarket publish, or go back: nightmarket rollback"
                ) from error
        except (lmdb.Error, msgspec.MsgspecError, struct.error, ValueError) as error:
            raise _damaged(publication_id, surface, str(error)) from error


def _damaged(publication_id: str, surface: str, found: str) -> BrokenPublicationError:
    return BrokenPublicationError(
        f"publication {publication_id} is damaged, {surface} cannot be read ({found}); publish "
        "again: nightmarket publish, or go back: nightmarket rollback"
    )


@contextmanager
def _opened(publications: Path, publication_id: str, surface: str) -> Iterator[Opened]:
    manifest = read_manifest(publications, publication_id)
    of_surface = _file_of(manifest, surface)
    path = publications / publication_id / str(of_surface.file)
    with (
        _environment(path) as environment,
        environment.begin() as transaction,
    ):
        # A page behind the file's end would end the process, not raise.
        num_bytes = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        if path.stat().st_size < num_bytes:
            raise _damaged(publication_id, surface, f"{path.name} is cut off")
        yield Opened(transaction, manifest, of_surface)


def _environment(path: Path) -> lmdb.Environment:
    """Open a finished file, which nobody writes: without locks, and read where asked."""
    try:
        return lmdb.open(
            str(path), subdir=False, readonly=True, create=False, lock=False, readahead=False
        )
    except lmdb.Error:
        path.stat()  # LMDB is vague about a missing file, this is FileNotFoundError
        raise


def _file_of(manifest: Manifest, surface: str) -> SurfaceFile:
    if surface not in manifest.surfaces:
        known = ", ".join(sorted(manifest.surfaces))
        raise UnknownSurfaceError(f"no surface {surface!r} is published; there are {known}")
    found = manifest.surfaces[surface]
    if found.file is None:
        raise NoPublicationError(
            f"nothing is published for {surface}: {found.block}. Once that is mended, run: "
            "nightmarket night --day D"
        )
    return found
