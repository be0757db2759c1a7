import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_readers_see_one_whole_publication_whatever_is_killed(
    tmp_path: Path, *, is_whole: bool
) -> None:
    """A process is killed before each of its steps, and at random times; a reader reads on."""
    num_kills = 200 if is_whole else 20
    killed = [sys.executable, "-m", "tests.scoring.killed_publisher"]
    command = [*killed, str(tmp_path / "published"), str(num_kills)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["steps"] > 20
    assert seen["rollback_steps"] > 10
    assert seen["reads"] > 100
