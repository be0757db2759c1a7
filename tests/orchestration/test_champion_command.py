"""Whom a person may choose, and what he is told otherwise; nothing here starts a run."""

import sys
from datetime import date
from pathlib import Path

import pytest

from etl import tables
from etl.home import Home
from etl.lake_files import LakeFiles
from orchestration import cli, decisions
from tests.orchestration.written_lake import made, write
from training import registry
from training.registry import ModelName

FIRST, DAY = date(2026, 1, 1), date(2026, 1, 9)
FITTED = {"surface": "product_feed", "ranker": "gbdt", "model_date": FIRST, "is_fitted": True}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Nine nights, the first with a fit."""
    found = Home(tmp_path)
    found.begin(FIRST)
    files = LakeFiles(found.lake, FIRST)
    name = ModelName("gbdt", "product_feed", FIRST)
    sha256 = registry.save(found.models, name, {"click.ubj": b"trees"}, {})
    write(files, tables.RANKERS["gbdt"], FIRST, FITTED | {"sha256": sha256})
    for table in (*tables.RANKERS.values(), tables.RANKERS_CHAMPIONS):
        made(files, table, FIRST, DAY)
    return found


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("billboard", "--ranker", "none"), 2, "no surface 'billboard'; there are product_feed"),
        (("product_feed", "--ranker", "forest", "--model-date", "2026-01-01"), 2, "no ranker 'for"),
        (("product_feed", "--ranker", "gbdt"), 2, "--model-date names the model"),
        (("product_feed", "--ranker", "gbdt", "--model-date", "2026-01-02"), 2, "no gbdt was fit"),
        (("product_feed", "--ranker", "gbdt", "--model-date", "2026-02-01"), 2, "is after the new"),
        (("product_feed", "--ranker", "gbdt", "--model-date", "2026-01-01"), 1, "a gbdt needs"),
    ],
)
def test_who_cannot_serve_is_refused_and_nothing_is_written(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.setenv("NIGHTMARKET_HOME", str(home.root))
    asked = ["nightmarket", "champion", *arguments, "--reason", "orders fell"]
    monkeypatch.setattr(sys, "argv", asked)

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == code
    words = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert said in words
    assert decisions.read(home.decisions, "product_feed") == []


def test_a_choice_needs_a_reason(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTMARKET_HOME", str(home.root))
    asked = ["nightmarket", "champion", "product_feed", "--ranker", "none", "--reason", " "]
    monkeypatch.setattr(sys, "argv", asked)

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 2
    assert "--reason is empty" in capsys.readouterr().err
