import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import latent, latent_policies
from benchmarks.latent import Begun, Found
from benchmarks.latent_log import Log, Seen
from simulator.config import ShopConfig
from simulator.shop import Shop
from training.retrieval.latent_response import LatentConfig

SMALL = ShopConfig(users=150, items=200, days=5, seed=3, start=date(2026, 1, 1))


@pytest.fixture(scope="module")
def begun() -> Begun:
    return latent.begin(SMALL, 3)


def test_the_log_counts_what_was_shown_and_clicked() -> None:
    shop = Shop(SMALL)
    day = shop.next_day()
    seen = Seen.of(day)
    log = Log.empty(shop.world).after(shop.world, day, seen)
    assert (log.clicks_UT >= shop.state.clicked_UT).all()
    assert log.clicks_N.sum() == seen.is_clicked_I.sum() == shop.state.clicked_UT.sum()
    examined = day.requests.is_examined_I.sum()
    assert log.looks_UT.sum() / 1e6 == pytest.approx(examined, rel=0.1)


def test_every_policy_spends_the_same_and_only_on_what_was_not_shown(begun: Begun) -> None:
    rank = latent_policies.latent(LatentConfig(stop_after=float("inf")), "segment", "category")
    policies = (latent_policies.random_items, latent_policies.popularity, rank)
    found = [latent.explore(begun, policy, 2) for policy in policies]
    spent = [one.spent_U.sum() for one in found]
    assert max(spent) < 1.1 * min(spent)
    assert all((one.found_U <= one.clicks_U).all() for one in found)
    assert all((one.clicks_U <= one.spent_U).all() for one in found)


def test_who_knows_the_truth_finds_more_than_chance(begun: Begun) -> None:
    policies = (latent_policies.truth, latent_policies.random_items)
    knows, guesses = (latent.explore(begun, policy, 2) for policy in policies)
    assert knows.loved_U.sum() == knows.spent_U.sum()
    assert knows.found_U.sum() > guesses.found_U.sum()


def test_two_policies_are_compared_user_by_user() -> None:
    spent, zero = np.full(50, 10.0), np.zeros(50)
    twice, once = (Found(spent, zero, zero, np.full(50, n)) for n in (2.0, 1.0))
    more = latent.more(twice, once, seed=1)
    assert (more.mean, more.low, more.high) == pytest.approx((10, 10, 10))


def test_the_command_writes_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("random items", "latent interests")
    monkeypatch.setattr(latent, "POLICIES", {name: latent.POLICIES[name] for name in names})
    app = latent.typer.Typer()
    app.command()(latent.main)
    asked = ["--users", "60", "--items", "100", "--days", "2", "--tried", "1", "--json"]
    result = CliRunner().invoke(app, [*asked, str(tmp_path / "found.json")])
    assert result.exit_code == 0, result.output
    said = json.loads((tmp_path / "found.json").read_text())
    assert said["policies"].keys() == set(names)
    assert said["policies"]["latent interests"]["ours_more"]["mean"] == 0
