import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from benchmarks import structure
from benchmarks.simulated_counts import Impressions
from benchmarks.structure import Told, told_days
from benchmarks.structure_parts import PARTS, Looks, Observer
from simulator.config import ShopConfig
from simulator.shop import Shop

CONFIG = ShopConfig(users=600, items=120, days=10, seed=3, start=date(2026, 1, 1))


@pytest.fixture(scope="module")
def days() -> dict[date, Told]:
    return told_days(CONFIG)


def _column(told: Told, name: str) -> np.ndarray:
    return told.batch.given.number(name).astype(np.float64)


def test_the_parts_are_all_that_attraction_is_made_of(days: dict[date, Told]) -> None:
    """But for hosts that are followed: products of the feed have none."""
    told = days[date(2026, 1, 6)]

    logit_N = sum(_column(told, part) for part in PARTS)

    np.testing.assert_allclose(1 / (1 + np.exp(-logit_N)), told.attraction_N, rtol=0.02)


def test_the_observer_knows_nobody_at_first_and_more_with_every_day() -> None:
    shop = Shop(CONFIG)
    observer = Observer.first(shop.world)
    topics_U = np.zeros(CONFIG.users, np.int64)
    everybody = np.arange(CONFIG.users)
    assert np.ptp(observer.said(shop.world, everybody, topics_U)["observed_interest"]) < 1e-9

    for number in range(CONFIG.days):
        day = shop.next_day()
        looks = Looks.of(shop.world, number, Impressions.of_all(day))
        observer = observer.expecting(shop.world).after(shop.world, looks)

    np.testing.assert_allclose(observer.chance_UTS.sum(axis=-1), 1)
    found, guessed = (_auc(shop, one) for one in (observer, Observer.first(shop.world)))
    assert found > guessed + 0.08


def _auc(shop: Shop, observer: Observer) -> float:
    """How well he tells the topics that a user feels something for."""
    num = observer.chance_UTS.shape[-1] // 2
    without_UT = observer.chance_UTS[..., 0] + observer.chance_UTS[..., num]
    return float(roc_auc_score(shop.state.affinity_UT.ravel() > 0, 1 - without_UT.ravel()))


def test_what_is_told_of_a_day_was_known_the_evening_before(days: dict[date, Told]) -> None:
    """A shop of fewer days begins alike: what later days bring is in nothing that was told."""
    fewer = told_days(ShopConfig(users=600, items=120, days=6, seed=3, start=date(2026, 1, 1)))
    last = date(2026, 1, 6)

    for name in ("clicks_everywhere", "item_click_rate", "observed_interest"):
        np.testing.assert_array_equal(_column(fewer[last], name), _column(days[last], name))
    assert _column(days[date(2026, 1, 1)], "clicks_everywhere").max() == 0


def test_true_parts_help_and_true_chances_are_the_floor(tmp_path: Path) -> None:
    written = tmp_path / "structure.json"
    asked = ["--users", "600", "--items", "120", "--days", "10", "--seed", "3"]

    ran = CliRunner().invoke(structure.app, [*asked, "--json", str(written)])

    assert ran.exit_code == 0, ran.output
    cases = json.loads(written.read_text())["cases"]
    losses = {name: case["log_loss"] for name, case in cases.items()}
    assert min(losses, key=lambda name: losses[name]) == "true chances"
    assert losses["counts + all true parts"] < losses["counts"]
    assert cases["counts + all true parts"]["less_counts"]["high"] < 0
    assert "the observer" in ran.output
