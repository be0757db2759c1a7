"""Pictures of rankers, on a lake written without Spark."""

import base64
from datetime import date
from pathlib import Path

import pytest

from etl import tables
from etl.days import Days
from etl.home import Home
from etl.lake import Lake
from orchestration import ranker_pictures as pictures
from orchestration.table_asset import Night
from orchestration.workspace import Workspace
from tests.orchestration.written_lake import made, write

DAY = date(2026, 1, 5)
MODEL = {"surface": "product_feed", "ranker": "gbdt", "model_date": date(2026, 1, 1)}


@pytest.fixture
def night(tmp_path: Path) -> Night:
    home = Home(tmp_path)
    home.begin(DAY)
    workspace = Workspace(home_path=str(tmp_path))
    for table in (tables.RANKERS_REPORTS, tables.RANKERS_CHAMPIONS):
        made(workspace.files, table, DAY, DAY)
    return Night(workspace, Lake(None, home.lake, DAY), Days(DAY, DAY), "run")  # type: ignore[arg-type]


def bins(*points: tuple[float, float, float, float]) -> list[dict[str, object]]:
    """Points of a reliability picture: predicted, observed, and the interval of that."""
    rows = []
    for number, (predicted, observed, low, high) in enumerate(points):
        same = MODEL | {"task": "click", "segment": f"bin={number}", "examples_date": DAY}
        rows.append(same | {"metric": "predicted", "value": predicted})
        rows.append(same | {"metric": "observed", "value": observed, "low": low, "high": high})
    return rows


def test_a_bin_in_which_nothing_came_is_drawn_too(night: Night) -> None:
    files = night.lake.files
    write(files, tables.RANKERS_CHAMPIONS, DAY, MODEL)
    write(
        files,
        tables.RANKERS_REPORTS,
        DAY,
        *bins((0.001, 0.0, 0.0, 0.002), (0.1, 0.12, 0.1, 0.14), (0.2, 0.19, 0.15, 0.22)),
    )

    drawn = pictures.reliability(night)

    png = base64.b64decode(drawn.removeprefix("![picture](data:image/png;base64,")[:-1])
    assert png.startswith(b"\x89PNG")


def test_where_nobody_served_who_predicts_a_sentence_is_given(night: Night) -> None:
    write(night.lake.files, tables.RANKERS_REPORTS, DAY, *bins((0.1, 0.12, 0.1, 0.14)))

    assert pictures.reliability(night).startswith("Nobody who predicts")
    assert pictures.learning(night) == "No ranker has been judged yet."
