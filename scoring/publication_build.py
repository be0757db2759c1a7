"""Builds one publication's folder: a file for each surface, and the manifest that names them.

Belongs here: what lies in the folder. Whether it may be published, and the pointer, are
``scoring.publish``.
"""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import lmdb
import msgspec
import pyarrow as pa

from etl import surfaces as known_surfaces
from scoring import publication_folder as folder
from scoring.publication_store import Rows, write
from scoring.published import MANIFEST, Manifest, SurfaceFile


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """One surface's checked rows of one day."""

    day: date
    slates: Rows
    """All rows of ``tables.SLATES`` of the day, in any order; read once."""
    similar: Rows
    """Rows of ``tables.SIMILAR`` as of the day, one an item; read once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocked:
    """A surface that keeps what it serves."""

    reason: str
    """In words, for the manifest and for readers who find nothing."""


class PublicationError(RuntimeError):
    """Nothing was published; the message says why and what to do. Readers see what they saw."""


def build(
    publications: Path, draft: Manifest, *, surfaces: Mapping[str, Offer | Blocked], items: pa.Table
) -> Manifest:
    """Write a publication that nobody sees yet.

    Args:
        publications: The folder of publications.
        draft: Its manifest, with the surfaces of the publication before.
        surfaces: By name, each surface's rows, or why it keeps its file.
        items: ``item_no``, ``item_id`` and ``title`` of at least every item that is named.

    Returns:
        The manifest as written.

    Raises:
        PublicationError: If no surface has a file, or the disk refused.
        StoreError: If rows cannot be published as they are.
    """
    try:
        with folder.building(publications) as part:
            files = {
                known_surfaces.named(name).name: _file(
                    part, name, offered=offered, items=items, draft=draft
                )
                for name, offered in sorted(surfaces.items())
            }
            _keep_files(publications / draft.previous_id, part, files)
            manifest = _complete(draft, files)
            _write_manifest(part, manifest)
            folder.put(part, publications, manifest.publication_id)
    except (lmdb.Error, OSError) as error:
        raise PublicationError(
            f"publication {draft.publication_id} could not be written to {publications}: {error}. "
            "Readers see what they saw; mend that (df -h shows the space left) and publish again"
        ) from error
    return manifest


def require_whole(publications: Path, manifest: Manifest) -> None:
    """Compare a publication's files with its manifest.

    Raises:
        PublicationError: If one is missing or was changed.
    """
    for name, of_surface in manifest.surfaces.items():
        path = publications / manifest.publication_id / str(of_surface.file)
        if of_surface.file is not None and not (
            path.exists() and _sha256(path) == of_surface.sha256
        ):
            raise PublicationError(
                f"{path} of {name} is missing or not what its manifest names; name another "
                "publication: nightmarket rollback --to ID"
            )


def _file(
    part: Path, name: str, *, offered: Offer | Blocked, items: pa.Table, draft: Manifest
) -> SurfaceFile:
    if isinstance(offered, Blocked):
        kept = draft.surfaces.get(name, SurfaceFile(file=None))
        return msgspec.structs.replace(kept, block=offered.reason)
    path = part / f"{name}.lmdb"
    written = write(
        path, day=offered.day, slates=offered.slates, similar=offered.similar, items=items
    )
    folder.fsync(path)
    champion = written.champion()
    return SurfaceFile(
        file=path.name,
        slate_date=offered.day,
        rows=written.rows,
        k=written.k,
        ranker=champion.ranker,
        model_date=champion.model_date,
        sha256=_sha256(path),
        published_in=draft.publication_id,
    )


def _keep_files(before: Path, part: Path, files: Mapping[str, SurfaceFile]) -> None:
    """Give blocked surfaces their files of the publication before, which may be removed then."""
    for of_surface in files.values():
        if of_surface.block is not None and of_surface.file is not None:
            _link(before / of_surface.file, part / of_surface.file)


def _link(source: Path, target: Path) -> None:
    """Link a file that nobody writes again; copy it where the disk knows no links."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
        folder.fsync(target)


def _complete(draft: Manifest, files: dict[str, SurfaceFile]) -> Manifest:
    days = [found.slate_date for found in files.values() if found.slate_date is not None]
    if not days:
        blocks = "; ".join(f"{name}: {found.block}" for name, found in files.items())
        raise PublicationError(
            f"no surface has anything to publish ({blocks}). Mend that, then run: nightmarket "
            "night --day D"
        )
    return msgspec.structs.replace(draft, surfaces=files, slate_date=max(days))


def _write_manifest(part: Path, manifest: Manifest) -> None:
    path = part / MANIFEST
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    folder.fsync(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
