import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_a_process_without_a_main_file_can_check_too() -> None:
    code = "from data_quality.engine import great_expectations as gx; print(gx().__version__)"

    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0
    assert ended.stdout.strip(), ended.stderr
