"""What is read of reports to judge what was served, on a lake written without Spark."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from etl import tables
from etl.lake_files import LakeFiles
from orchestration.served_truth import verdicts
from tests.orchestration.written_lake import write
from training.calibration_verdict import Level, VerdictConfig

FIRST = date(2026, 1, 1)
FITTED = date(2025, 12, 30)
CONFIG = VerdictConfig(min_positives=1_000)


def made(files: LakeFiles, day: date, value: float, **said: object) -> None:
    """One night on which gbdt served, was calibrated and judged."""
    model = {"surface": "product_feed", "ranker": "gbdt", "model_date": FITTED}
    write(files, tables.RANKERS_CHAMPIONS, day, model)
    calibrated = {"task": "click", "is_fitted": True, "shown_by": "us"}
    write(files, tables.RANKERS_CALIBRATORS, day, model | calibrated | said)
    row = model | {
        "task": "click",
        "metric": "predicted_to_observed",
        "examples_date": day,
        "num_users": 100,
        "num_positives": 600,
    }
    off = row | {"value": 3.0, "low": 2.9, "high": 3.1}
    write(
        files,
        tables.RANKERS_REPORTS,
        day,
        row | {"segment": "shown_by=us", "value": value, "low": value - 0.01, "high": value + 0.01},
        off | {"segment": "all"},
        off | {"segment": "shown_by=us", "ranker": "deep"},
    )


@pytest.mark.parametrize(("value", "level"), [(1.0, "passed"), (1.06, "warned"), (0.5, "blocked")])
def test_who_served_is_judged_by_what_he_was_calibrated_on(
    tmp_path: Path, value: float, level: Level
) -> None:
    files = LakeFiles(tmp_path, FIRST)
    made(files, FIRST, value)
    made(files, FIRST + timedelta(days=1), value)

    [found] = verdicts(files, FIRST + timedelta(days=1), CONFIG)

    assert (found.surface, found.task, found.verdict.level) == ("product_feed", "click", level)
    assert (found.first_date, found.last_date) == (FIRST, FIRST + timedelta(days=1))
    assert "over 1,200 positives" in found.verdict.text


def test_no_older_day_is_taken_than_is_needed(tmp_path: Path) -> None:
    files = LakeFiles(tmp_path, FIRST)
    for number, value in enumerate((0.5, 1.0, 1.0)):
        made(files, FIRST + timedelta(days=number), value)

    [found] = verdicts(files, FIRST + timedelta(days=2), CONFIG)

    assert (found.first_date, found.verdict.level) == (FIRST + timedelta(days=1), "passed")


def test_one_day_alone_may_be_too_few(tmp_path: Path) -> None:
    files = LakeFiles(tmp_path, FIRST)
    made(files, FIRST, 0.5)

    [found] = verdicts(files, FIRST, CONFIG)

    assert found.verdict.level == "too_few"


def test_what_was_served_as_the_ranker_predicts_it_is_no_calibration_s_fault(
    tmp_path: Path,
) -> None:
    files = LakeFiles(tmp_path, FIRST)
    made(files, FIRST, 0.5, is_fitted=False)

    assert verdicts(files, FIRST, CONFIG) == []
