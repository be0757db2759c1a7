import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import debias, debias_curve, debias_fits
from benchmarks.debias_curve import curves
from benchmarks.debias_fits import FITS, DebiasConfig
from benchmarks.simulated_examples import Simulated, SimulatedConfig
from etl.arrow import is_in
from simulator.config import ShopConfig
from simulator.ledger import pairs
from training.rankers.gbdt import GbdtConfig

FAST = DebiasConfig(
    num_days=6,
    num_asked=100,
    num_unseen=20,
    ranker=GbdtConfig(num_rounds=10, max_depth=3, max_bin=16),
)


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    shop = ShopConfig(users=1_500, items=250, days=9, seed=3, start=date(2026, 1, 1))
    return Simulated.of(shop, SimulatedConfig(kept_share=0.1, num_whole=3, is_blind=True))


def test_no_score_depends_on_the_place_at_which_an_item_stood(simulated: Simulated) -> None:
    given = simulated.days[simulated.day(8)].batch.given
    for fit in FITS.values():
        score = fit(simulated, FAST, 1)
        np.testing.assert_array_equal(score(given), score(given.at_positions(30.0)))


def test_only_ours_says_more_of_items_that_are_looked_at(simulated: Simulated) -> None:
    """At the first place all are looked at: there they attract more than where they stood."""
    given = simulated.days[simulated.day(8)].batch.given
    mean = {name: fit(simulated, FAST, 1)(given).mean() for name, fit in FITS.items()}

    assert mean["ours"] > 1.3 * mean["place ignored"]


def test_random_items_are_none_that_the_user_was_shown(simulated: Simulated) -> None:
    asked = debias_fits.unseen(simulated, FAST)

    pair_M = pairs(asked.user_M, asked.given.item_N)
    assert len(pair_M) > 1_000
    assert not any(is_in(pair_M, of_day).any() for of_day in simulated.shop.state.ledger.shown)
    assert ((asked.attraction_M > 0) & (asked.attraction_M < 1)).all()


def test_a_curve_read_off_chance_is_nearer_to_the_truth(
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debias_curve, "_RESAMPLES", 10)
    found = curves(simulated, FAST.split(simulated).fit, seed=1)["curves"]

    chance, every = found["what chance placed"]["error"], found["all impressions"]["error"]
    assert 0 <= chance["low"] <= chance["high"]
    assert chance["mean"] < every["mean"]


def test_the_command_writes_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debias, "DebiasConfig", lambda: FAST)
    monkeypatch.setattr(debias_curve, "_RESAMPLES", 10)
    app = debias.typer.Typer()
    app.command()(debias.main)
    asked = ["--users", "300", "--items", "150", "--days", "9", "--json"]
    result = CliRunner().invoke(app, [*asked, str(tmp_path / "found.json")])
    assert result.exit_code == 0, result.output
    said = json.loads((tmp_path / "found.json").read_text())
    assert list(said["cases"]) == ["whole", "by looks", "by looks, blind policy"]
    for case in said["cases"].values():
        for measure in case.values():
            assert measure["ours"]["ours_more"]["mean"] == 0
            assert np.isfinite([one["value"]["mean"] for one in measure.values()]).all()
