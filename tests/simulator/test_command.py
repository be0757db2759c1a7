import sys
from pathlib import Path

import pytest

from orchestration import cli

SMALL = ("--users", "60", "--items", "40", "--days", "2")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("NIGHTMARKET_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nightmarket", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_command_line_has_it_by_its_entry_point(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "-h") == 0

    said = " ".join(capsys.readouterr().out.split())
    assert "simulate Make a shop's log whose truth is known" in said


def test_it_says_what_was_made_and_what_comes_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    assert run(monkeypatch, "simulate", *SMALL) == 0

    said = " ".join(capsys.readouterr().out.split())
    assert "60 users, 40 products, seed 7" in said
    assert "2026-01-01 … 2026-01-02" in said
    assert "nightmarket backfill --from 2026-01-01 --to 2026-01-01" in said
    assert "nightmarket night --day 2026-01-02" in said
    assert sorted(path.name for path in home.iterdir()) == ["landing", "nightmarket.toml", "truth"]


def test_a_second_call_says_that_it_changed_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "simulate", *SMALL)
    capsys.readouterr()

    assert run(monkeypatch, "simulate", *SMALL) == 0

    assert "the same shop was there already" in capsys.readouterr().out


def test_another_folder_is_named_in_what_comes_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "simulate", *SMALL, "--out", str(tmp_path / "a b")) == 0

    assert f"NIGHTMARKET_HOME='{tmp_path}/a b' nightmarket night" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--one-more-day",), 1, "holds no simulated shop. Make one: nightmarket simulate"),
        (("--one-more-day", "--users", "9"), 2, "--users: --one-more-day goes on with the shop's"),
        (("--start", "tomorrow"), 2, "'tomorrow' is not a day like 2026-01-31"),
        (("--users", "0"), 2, "--users"),
        (("--served-share", "2"), 2, "--served-share"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    assert run(monkeypatch, "simulate", *arguments) == code

    err = " ".join(capsys.readouterr().err.split())
    assert said in err
    assert "Traceback" not in err
