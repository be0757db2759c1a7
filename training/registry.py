"""The only module that touches model files: ``models/<ranker>/<surface>/<night>/``.

A model is named by ranker, surface and night, and by the hash of its files; nothing is ever found
as "the latest". A model's folder is renamed into place when it is whole.
"""

import hashlib
import json
import shutil
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Final

from training.inputs import OURS
from training.rankers.ranker import Ranker, UnknownModelError

_MANIFEST: Final = "manifest.json"
_MODULES: Final = {
    name: f"training.rankers.{name}"
    for name in ("logistic", "factorization", "gbdt", "wide_deep", "deep")
}
"""Where each ranker is loaded; imported when one is, since each worker pays for its libraries."""


@dataclass(frozen=True, slots=True)
class ModelName:
    """Which model: fitted by whom, for which surface, on which night."""

    ranker: str
    surface: str
    night: date

    def folder(self, models: Path) -> Path:
        """Where it lies below the home's ``models`` folder."""
        return models / self.ranker / self.surface / str(self.night)


def save(
    models: Path, name: ModelName, files: Mapping[str, bytes], manifest: Mapping[str, object]
) -> str:
    """Write a model and its manifest; a model of the same name is replaced.

    Returns:
        The model's sha256, which the manifest carries too.
    """
    folder = name.folder(models)
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for file, content in files.items():
        (part / file).write_bytes(content)
    said = {**manifest, "sha256": sha256_of(files)}
    (part / _MANIFEST).write_text(json.dumps(said, indent=2, sort_keys=True, default=str) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return sha256_of(files)


def read(models: Path, name: ModelName, sha256: str) -> dict[str, bytes]:
    """Read a model's files.

    Raises:
        UnknownModelError: If they are not there or are not those that were saved.
    """
    folder = name.folder(models)
    if not folder.is_dir():
        raise UnknownModelError(
            f"no model in {folder}. Fit it again: nightmarket backfill --from {name.night} "
            f"--to {name.night}"
        )
    files = {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.name != _MANIFEST}
    if sha256_of(files) != sha256:
        raise UnknownModelError(
            f"the model in {folder} is not the one that was saved (sha256 differs). Fit it again: "
            f"nightmarket backfill --from {name.night} --to {name.night}"
        )
    return files


def load(ranker: str, files: Mapping[str, bytes]) -> Ranker:
    """Make a ranker of its files.

    Raises:
        UnknownModelError: If no ranker has that name, the files are not its own, or it reads
            features that examples do not have any more.
    """
    if ranker not in _MODULES:
        raise UnknownModelError(f"no ranker {ranker!r}; there are {', '.join(sorted(_MODULES))}")
    found: Ranker = import_module(_MODULES[ranker]).load(files)
    gone = _without(found.layout.numeric, OURS.numeric) + _without(found.layout.words, OURS.words)
    if gone:
        raise UnknownModelError(
            f"the model was fitted on other features; fit it again. Gone: {', '.join(gone)}"
        )
    return found


def _without(names: Iterable[str], known: Container[str]) -> list[str]:
    return [name for name in names if name not in known]


def sha256_of(files: Mapping[str, bytes]) -> str:
    """Hash a model's files, their names included."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{len(files[name])}\0".encode())
        whole.update(files[name])
    return whole.hexdigest()
