import subprocess
import sys
from pathlib import Path

import pytest

from etl.home import Home
from orchestration.holding import HomeBusyError, hold

WAITS = """
import sys
from pathlib import Path
from etl.home import Home
from orchestration.holding import hold
hold(Home(Path(sys.argv[1])), "nightmarket night")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> "subprocess.Popen[str]":
    """Another process that holds the home until it is ended."""
    started = subprocess.Popen(
        [sys.executable, "-c", WAITS, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "held\n"
    return started


def test_a_second_process_is_refused_by_name(
    holder: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    try:
        with pytest.raises(HomeBusyError, match=rf"nightmarket night, process {holder.pid}, is"):
            hold(Home(tmp_path), "nightmarket backfill")
    finally:
        holder.communicate()


def test_a_home_is_free_once_its_holder_was_killed(
    holder: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    holder.kill()
    holder.wait()

    hold(Home(tmp_path), "nightmarket backfill")

    assert (tmp_path / "working").read_text().startswith("nightmarket backfill")


def test_taking_a_home_again_changes_nothing(tmp_path: Path) -> None:
    hold(Home(tmp_path), "first")

    hold(Home(tmp_path), "second")

    assert (tmp_path / "working").read_text().startswith("first")
