"""Every ranker by name, and the only module that touches model files.

A ranker's module is imported when it is asked for: workers pay for its libraries, and one that is
not installed leaves the others alone. Files lie in ``models/<ranker>/<surface>/<night>/``. A model
is named by ranker, surface and night, and by the hash of its files; nothing is ever found
as "the latest". A model's folder is renamed into place when it is whole.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from etl.tables.ranking import RANKER_NAMES
from training.inputs import OURS
from training.rankers.ranker import Days, Ranker, UnknownModelError
from training.split import CalendarConfig, Split, UnfittedError

CALENDARS: Final[Mapping[str, CalendarConfig]] = {name: CalendarConfig() for name in RANKER_NAMES}
"""When each ranker is fitted, and on how much."""
SEQUENTIAL: Final = frozenset({"deep", "ensemble"})
"""Rankers that read histories."""
_MANIFEST: Final = "manifest.json"
_PART: Final = ".part"


class MissingLibraryError(UnfittedError, ImportError):
    """A ranker needs a library that is not installed; the text names both."""


def config_of(
    ranker: str, *, max_steps: int = 0, num_processes: int = 1, cluster_folder: str | None = None
) -> Any:  # noqa: ANN401
    """Make a ranker's usual configuration: ``WideDeepConfig`` for ``wide_deep``.

    Args:
        ranker: Its name.
        max_steps: Steps after which a network ends to learn; 0: as many as its examples ask for.
        num_processes: Processes that learn a network together.
        cluster_folder: Where they are workers of a cluster: a folder that all of them reach.

    Raises:
        MissingLibraryError: If what it needs is not installed.
    """
    words = "".join(word.capitalize() for word in ranker.split("_"))
    config = getattr(_module(ranker), f"{words}Config")()
    learning = {
        "max_steps": max_steps,
        "num_processes": num_processes,
        "cluster_folder": cluster_folder,
    }
    return _learning_by(learning, config)


def _learning_by(learning: Mapping[str, Any], config: Any) -> Any:  # noqa: ANN401
    """Change how networks learn in a configuration, and in all that it is made of."""
    parts = {one.name: getattr(config, one.name) for one in fields(config)}
    inner = {
        name: _learning_by(learning, part) for name, part in parts.items() if is_dataclass(part)
    }
    own = {name: value for name, value in learning.items() if name in parts}
    return replace(config, **inner, **own)


def fit(ranker: str, days: Days, split: Split, *, config: Any, seed: int) -> Ranker:  # noqa: ANN401
    """Fit a ranker on the days of a split.

    Args:
        ranker: Its name.
        days: Reads one day's examples.
        split: The days to learn from and to stop on.
        config: As ``config_of`` makes it.
        seed: Of all that is drawn.

    Raises:
        MissingLibraryError: If what it needs is not installed.
    """
    found: Ranker = _module(ranker).fit(days, split, config, seed)
    return found


def _module(ranker: str) -> ModuleType:
    if ranker not in RANKER_NAMES:
        raise UnknownModelError(
            f"no ranker {ranker!r}; there are {', '.join(sorted(RANKER_NAMES))}"
        )
    try:
        found = import_module(f"training.rankers.{ranker}")
    except ModuleNotFoundError as error:
        raise MissingLibraryError(
            f"{ranker} needs {error.name}, which is not installed (make setup)"
        ) from error
    if "torch" in sys.modules:
        # How sums are split over threads would show in the last digits.
        sys.modules["torch"].set_num_threads(1)
    return found


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
    part = folder.with_name(folder.name + _PART)
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


def kept(models: Path) -> list[ModelName]:
    """List the models whose files are kept, sources' too, by ranker, surface and night."""
    named = (path.parts[-3:] for path in sorted(models.glob("*/*/????-??-??")))
    return [ModelName(name, surface, date.fromisoformat(day)) for name, surface, day in named]


def leftovers(models: Path) -> list[Path]:
    """List the folders that a killed ``save`` or ``remove`` has left."""
    return sorted(models.glob(f"*/*/*{_PART}"))


def remove(models: Path, name: ModelName) -> None:
    """Remove a model's files; whoever asks for it then is told how to fit it again."""
    folder = name.folder(models)
    part = folder.with_name(folder.name + _PART)
    shutil.rmtree(part, ignore_errors=True)
    folder.rename(part)
    shutil.rmtree(part)


def load(ranker: str, files: Mapping[str, bytes]) -> Ranker:
    """Make a ranker of its files.

    Raises:
        UnknownModelError: If no ranker has that name, the files are not its own, were written by
            another version, or it reads features that examples do not have any more.
        MissingLibraryError: If what it needs is not installed.
    """
    found: Ranker = _module(ranker).load(files)
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
