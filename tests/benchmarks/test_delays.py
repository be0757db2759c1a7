import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import delays
from benchmarks.delays_ways import WAYS, Night, NightConfig, said, slowed
from benchmarks.simulated_examples import Simulated, SimulatedConfig
from etl.silver.attribution import WINDOW_DAYS
from simulator.config import ShopConfig
from training.rankers.gbdt import GbdtConfig

FAST = NightConfig(ranker=GbdtConfig(num_rounds=5, max_depth=3, max_bin=16, min_positives=10))


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    shop = ShopConfig(users=1_500, items=300, days=34, seed=4, start=date(2026, 1, 1))
    return Simulated.of(shop, SimulatedConfig(kept_share=0.05))


def test_where_nothing_is_delayed_all_ways_of_the_same_days_agree(simulated: Simulated) -> None:
    at_once = replace(simulated.outcomes, known_O=simulated.outcomes.shown_O)
    night = Night(simulated, at_once, simulated.day(22), FAST, 1)

    found = {way: said(night, WAYS[way](night)) for way in ("naive", "ours", "oracle")}

    assert night.delays.num_orders > 100
    for one in found.values():
        assert one.known_share == 1.0
        np.testing.assert_array_equal(one.raw_N, found["oracle"].raw_N)
        np.testing.assert_array_equal(one.calibrated_N, found["oracle"].calibrated_N)


def test_where_orders_are_slow_ours_is_nearer_to_the_final_labels(simulated: Simulated) -> None:
    ends = {"since": simulated.day(0), "until": simulated.day(33)}
    night = Night(simulated, slowed(simulated.outcomes, **ends, seed=1), simulated.day(22), FAST, 1)

    found = {way: said(night, WAYS[way](night)) for way in ("naive", "ours", "oracle")}

    least, ours, final = (one.raw_N.mean() for one in found.values())
    assert least < 0.98 * final
    assert abs(ours - final) < abs(least - final)


def test_what_is_slowed_comes_later_and_within_the_window(simulated: Simulated) -> None:
    told = simulated.outcomes
    later = slowed(told, since=simulated.day(5), until=simulated.day(9), seed=1)
    is_meant = later.known_O != told.known_O
    shown = np.unique(later.shown_O[is_meant].astype("datetime64[D]"))

    assert (later.known_O >= told.known_O).all()
    assert (later.known_O - later.shown_O)[is_meant].max() <= WINDOW_DAYS
    assert shown.min() >= np.datetime64(simulated.day(5))
    assert shown.max() <= np.datetime64(simulated.day(9))


def figures(found: object) -> Iterator[float]:
    """Every number, wherever it stands."""
    if isinstance(found, dict):
        for one in found.values():
            yield from figures(one)
    elif isinstance(found, float):
        yield found


def test_the_command_writes_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delays, "NightConfig", lambda: FAST)
    app = delays.typer.Typer()
    app.command()(delays.main)
    asked = ["--users", "150", "--items", "150", "--days", "40", "--json"]
    result = CliRunner().invoke(app, [*asked, str(tmp_path / "found.json")])
    assert result.exit_code == 0, result.output
    said_of = json.loads((tmp_path / "found.json").read_text())["nights"]
    assert list(said_of) == [
        "as they come",
        "slow",
        "slower for a week",
        "sooner for a week",
        "after a sale",
    ]
    for night in said_of.values():
        assert night["ways"].keys() == WAYS.keys()
        assert np.isfinite(list(figures(night["ways"]))).all()
