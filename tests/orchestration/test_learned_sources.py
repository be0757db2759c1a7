from datetime import date, timedelta
from pathlib import Path

import pytest

from etl import tables
from etl.lake_files import LakeFiles
from etl.surfaces import LIVE_STREAMS, PRODUCT_FEED
from orchestration.learned_sources import fitted_last, models_by, weights_by
from scoring.mixes import CandidatesConfig, Share
from tests.orchestration.written_lake import made, write
from training import registry
from training.rankers.ranker import UnknownModelError
from training.registry import ModelName
from training.retrieval import user_groups

FIRST = date(2026, 1, 1)
WEEK = timedelta(days=7)
FITS = tables.RETRIEVAL_FITS["factors"]


@pytest.fixture
def files(tmp_path: Path) -> LakeFiles:
    return LakeFiles(tmp_path / "lake", FIRST)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def fit(files: LakeFiles, models: Path, day: date, content: bytes) -> None:
    name = ModelName("factors", PRODUCT_FEED.name, day)
    sha256 = registry.save(models, name, {"vectors": content}, {})
    row = {"surface": PRODUCT_FEED.name, "is_fitted": True, "sha256": sha256}
    write(files, FITS, day, row)


def found(files: LakeFiles, models: Path, evening: date) -> object:
    kept = fitted_last(files, PRODUCT_FEED, "factors", evening, models)
    return None if kept is None else kept.read()


def test_the_newest_fit_that_is_not_after_the_evening_proposes(
    files: LakeFiles, models: Path
) -> None:
    fit(files, models, FIRST, b"old")
    made(files, FITS, FIRST + timedelta(days=1), FIRST + WEEK - timedelta(days=1))
    fit(files, models, FIRST + WEEK, b"new")

    assert found(files, models, FIRST + timedelta(days=6)) == {"vectors": b"old"}
    assert found(files, models, FIRST + WEEK) == {"vectors": b"new"}
    assert fitted_last(files, LIVE_STREAMS, "factors", FIRST + WEEK, models) is None


def test_after_a_night_without_training_the_model_before_goes_on(
    files: LakeFiles, models: Path
) -> None:
    fit(files, models, FIRST, b"old")

    assert found(files, models, FIRST + WEEK + timedelta(days=2)) == {"vectors": b"old"}
    assert found(files, models, FIRST + 4 * WEEK) is None


def test_where_too_little_was_there_to_fit_the_model_before_goes_on(
    files: LakeFiles, models: Path
) -> None:
    fit(files, models, FIRST, b"old")
    write(files, FITS, FIRST + WEEK, {"surface": PRODUCT_FEED.name, "is_fitted": False})

    assert found(files, models, FIRST + WEEK) == {"vectors": b"old"}


def test_a_model_that_was_changed_is_refused(files: LakeFiles, models: Path) -> None:
    fit(files, models, FIRST, b"old")
    folder = ModelName("factors", PRODUCT_FEED.name, FIRST).folder(models)
    (folder / "vectors").write_bytes(b"other")

    with pytest.raises(UnknownModelError, match="sha256 differs"):
        found(files, models, FIRST)


def test_only_sources_of_the_mix_are_asked(files: LakeFiles, models: Path) -> None:
    fit(files, models, FIRST, b"old")

    def learned(num_items: int) -> object:
        config = CandidatesConfig(mix={"factors": Share(num_items, 1.0)})
        kept = models_by(files, models, PRODUCT_FEED, FIRST, config)
        return {name: model.read() for name, model in kept.items()}

    assert learned(10) == {"factors": {"vectors": b"old"}}
    assert learned(0) == {}


def test_weights_are_of_the_evening_and_the_surface(files: LakeFiles) -> None:
    rows = [
        {"surface": PRODUCT_FEED.name, "user_group": group, "source": "factors", "weight": float(n)}
        for n, group in enumerate(user_groups.NAMES)
    ]
    other = {**rows[0], "surface": LIVE_STREAMS.name, "weight": 9.0}
    write(files, tables.RETRIEVAL_WEIGHTS, FIRST, *rows, other)

    assert weights_by(files, PRODUCT_FEED, FIRST) == {"factors": (0.0, 1.0, 2.0)}
