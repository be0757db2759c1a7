import json
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from benchmarks import slopes
from benchmarks.slopes import Night, slope


def written(path: Path, users: int, *, lines: float, slates: float) -> Path:
    """A night that costs 100 cpu-seconds, and so many more a million lines and slates."""
    steps: list[dict[str, Any]] = [
        {"name": "bronze/lines", "num_rows": users * 10, "cpu_seconds": 50.0},
        {"name": "silver/events", "num_rows": users * 10, "cpu_seconds": users * 10 * lines / 1e6},
        {"name": "candidates/product_feed", "num_rows": users, "cpu_seconds": 50.0},
        {"name": "slates/product_feed", "num_rows": users, "cpu_seconds": users * slates / 1e6},
    ]
    steps = [step | {"check_cpu_seconds": 1.0} for step in steps]
    whole = {"cpu_seconds": 300.0, "wall_seconds": 200.0, "peak_memory_mb": 1000.0}
    nights = {
        "2026-01-08": {"whole": whole, "steps": []},
        "2026-01-09": {"whole": whole, "steps": steps},
    }
    path.write_text(json.dumps({"shop": {"users": users}, "nights": nights}))
    return path


def test_what_a_run_costs_before_it_has_anything_to_do_is_left_out(tmp_path: Path) -> None:
    small = Night.read(written(tmp_path / "small", 10_000, lines=150, slates=5000))
    large = Night.read(written(tmp_path / "large", 30_000, lines=150, slates=5000))

    lines, slates = (slope(small, large, part)[0] for part in slopes.PARTS)

    assert round(lines, 6) == 150
    assert round(slates, 6) == 5000


def test_slopes_are_said_beside_their_goals(tmp_path: Path) -> None:
    paths = [
        str(written(tmp_path / str(users), users, lines=150, slates=5000))
        for users in (10_000, 30_000)
    ]

    app = typer.Typer()
    app.command()(slopes.main)
    told = CliRunner().invoke(app, paths)

    assert told.exit_code == 0, told.output
    rows = [line for line in told.output.splitlines() if "million" in line]
    assert ["yes" in row for row in rows] == [True, False]
    assert "30,000 users: 300 cpu-seconds, checks 1%" in told.output
