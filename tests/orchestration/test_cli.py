import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from orchestration import cli
from scoring.publish import NothingToRollBackError

NIGHTMARKET = Path(sys.executable).with_name("nightmarket")


class Ended(NamedTuple):
    code: int
    out: str
    err: str


class Shell:
    """Calls the command line in this process, on a home of its own."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
    ) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch
        monkeypatch.setenv("NIGHTMARKET_HOME", str(home))

    def __call__(self, *arguments: str) -> Ended:
        self._monkeypatch.setattr(sys, "argv", ["nightmarket", *arguments])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return Ended(code, *self._capsys.readouterr())


@pytest.fixture
def shell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Shell:
    return Shell(capsys, monkeypatch, tmp_path / "home")


def test_the_installed_command_lists_what_there_is() -> None:
    ended = subprocess.run([NIGHTMARKET, "-h"], capture_output=True, text=True, check=False)

    assert ended.returncode == 0
    assert all(f"  {name} " in ended.stdout for name in cli.COMMANDS)


def test_saying_what_commands_there_are_loads_no_engine() -> None:
    code = (
        "import sys; from orchestration.cli import app; app(['-h'], standalone_mode=False); "
        "print(sorted({'pyspark', 'dagster', 'pydantic_settings'} & set(sys.modules)))"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert ended.stdout.splitlines()[-1] == "[]", ended.stderr
    assert "  simulate " in ended.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_says_what_it_takes(shell: Shell, name: str) -> None:
    ended = shell(name, "--help")

    assert ended.code == 0
    assert f"nightmarket {name}" in ended.out
    assert cli.COMMANDS[name] in ended.out


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_an_unknown_flag_is_a_wrong_use(shell: Shell, name: str) -> None:
    ended = shell(name, "--no-such-flag")

    assert ended.code == 2
    assert "--no-such-flag" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Commands: load"),
        (("nothing",), "No such command 'nothing'"),
        (("top",), "Missing argument 'user'"),
        (("night", "--day", "yesterday"), "'yesterday' is not a day like 2026-01-31"),
        (("backfill", "--from", "2026-01-02", "--to", "2026-01-01"), "is after"),
        (("load", "csv", "log.csv"), "--mapping"),
        (("load", "unheard-of", "log.csv"), "no source 'unheard-of'; there are retailrocket"),
        (("load", "rees46", "log.csv", "--name", "shop"), "--name shop is the app's own log"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_use_ends_with_2_and_says_what_is_right(
    shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    ended = shell(*arguments)

    assert ended.code == 2
    assert said in " ".join((ended.out + ended.err).split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("night", "--day", "2026-01-01"), "Load a log first: nightmarket load SOURCE FILE"),
        (("backfill", "--from", "2026-01-01", "--to", "2026-01-02"), "Load a log first"),
        (("publish", "--day", "2026-01-01"), "Load a log first"),
        (("export", "--day", "2026-01-01"), "Load a log first"),
        (("top", "user-1"), "nothing is published"),
        (("similar", "item-1"), "nothing is published"),
        (("why", "user-1", "item-1"), "nothing is published"),
        (("rollback",), "nothing is published"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_ends_with_1_and_one_sentence(
    shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    ended = shell(*arguments)

    assert ended.code == 1
    assert said in ended.err
    assert ended.err.startswith("nightmarket: ")
    assert len(ended.err.splitlines()) == 1
    assert "Traceback" not in ended.err


def test_a_trace_is_shown_where_it_is_asked_for(shell: Shell) -> None:
    with pytest.raises(NothingToRollBackError):
        shell("--debug", "rollback")


def test_a_log_is_loaded_once_and_what_comes_next_is_said(shell: Shell, tmp_path: Path) -> None:
    log, mapping = tmp_path / "log.csv", tmp_path / "log.toml"
    log.write_text("u,i,e,t\na,1,seen,2026-01-01T10:00:00\na,2,seen,2026-01-02T10:00:00\n")
    mapping.write_text(
        'user = "u"\nitem = "i"\nevent = "e"\ntime = "t"\ntime_unit = "iso"\n'
        'events = {view = ["seen"]}\n'
    )

    first = shell("load", "csv", str(log), "--mapping", str(mapping))
    again = shell("load", "csv", str(log), "--mapping", str(mapping))

    assert (first.code, again.code) == (0, 0)
    assert "2 lines; 2026-01-01 … 2026-01-02" in " ".join(first.out.split())
    assert "nightmarket backfill --from 2026-01-01 --to 2026-01-01" in " ".join(first.out.split())
    assert "2 of 2 files were there already" in " ".join(again.out.split())
    assert len(list((tmp_path / "home" / "landing").rglob("*.jsonl.gz"))) == 2


def test_a_damaged_file_is_named_and_nothing_is_loaded(shell: Shell, tmp_path: Path) -> None:
    log = tmp_path / "log.csv.gz"
    log.write_bytes(b"\x1f\x8b\x08\x00cut off")

    ended = shell("load", "retailrocket", str(log))

    assert ended.code == 1
    assert "log.csv.gz is cut off or damaged" in ended.err
    assert not list((tmp_path / "home" / "landing").rglob("*.gz"))


def test_the_doctor_names_a_home_of_another_version(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "nightmarket.toml").write_text(
        'lake_version = 99\nfirst_day = "2026-01-01"'
    )

    ended = shell("doctor")

    assert ended.code == 1
    assert "was written by lake version 99" in " ".join((ended.out + ended.err).split())
