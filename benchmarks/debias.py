"""``python -m benchmarks.debias``: whether trees that know of places find what attracts.

The old policy of a simulated shop puts on top what it likes, and the top is looked at most. Three
rankers of the same trees learn clicks from the same days: one takes every place to be looked at
alike, one reads the place as a number and is scored at the first, ours learns the attraction under
p = examination(place) · σ(trees). Their order of items is held against the true attraction, user by
user: of what he was shown on later days, and of random items that he was not shown. Features count
impressions whole, or as far as their place is looked at, as the product's do. The old policy knows
interests that no log tells of, so that its lists hide more than a bias of places; a blind one, of
popularity alone, hides nothing else. Seeds 1–3 are for developing, 11–13 for reporting.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.debias_curve import curves
from benchmarks.debias_fits import FITS, DebiasConfig, Score, unseen
from benchmarks.resampled import Draws, interval_said
from benchmarks.simulated_examples import Simulated, SimulatedConfig
from etl.arrow import run_starts
from etl.features.examination import ExaminationConfig
from simulator.config import ShopConfig
from training.inputs import Inputs
from training.metrics import bootstrap_means
from training.pair_order import xauc_by_user

_OURS: Final = "ours"
_CASES: Final = {
    "whole": SimulatedConfig(kept_share=0.05, by_looks=False),
    "by looks": SimulatedConfig(kept_share=0.05),
    "by looks, blind policy": SimulatedConfig(kept_share=0.05, is_blind=True),
}
"""How features count impressions, and what the policy knows that placed them."""


def measure(shop: ShopConfig, config: DebiasConfig, *, seed: int) -> dict[str, Any]:
    """Simulate, fit, and measure every case."""
    cases: dict[str, Any] = {}
    read_off: dict[str, Any] = {}
    for name, case in _CASES.items():
        simulated = Simulated.of(shop, replace(case, num_whole=config.num_judged))
        scores = {fit: FITS[fit](simulated, config, seed) for fit in FITS}
        cases[name] = _measured(simulated, config, scores, seed=seed)
        if not read_off:  # the curve is the same however features count
            read_off = curves(simulated, config.split(simulated).fit, seed=seed)
    return {"cases": cases, "curves": read_off}


def _measured(
    simulated: Simulated, config: DebiasConfig, scores: Mapping[str, Score], *, seed: int
) -> dict[str, Any]:
    """Measure rankers on what was shown, on what was not, and on what chance placed."""
    judged = list(simulated.days.values())[-config.num_judged :]
    said = {
        name: np.concatenate([score(one.batch.given) for one in judged])
        for name, score in scores.items()
    }
    user_N = np.concatenate([one.user_N for one in judged])
    attraction_N = np.concatenate([one.attraction_N for one in judged])
    shown = _orders(user_N, attraction_N, said, seed=seed)
    asked = unseen(simulated, config)
    not_shown = _orders(asked.user_M, asked.attraction_M, _said_of(asked.given, scores), seed=seed)
    is_chance_N = (
        np.concatenate([one.batch.propensity_N for one in judged])
        < ExaminationConfig().max_chance_propensity
    )
    rows = np.flatnonzero(is_chance_N)
    is_clicked = np.concatenate([one.batch.label["click"] for one in judged])[rows]
    draws = Draws.of(user_N, seed)
    aucs = {
        name: draws.aucs(is_clicked, said_N[rows], np.ones(len(rows)), rows=rows)
        for name, said_N in said.items()
    }
    by_chance = {
        name: {
            "value": asdict(draws.interval(auc_R)),
            "ours_more": asdict(draws.interval(aucs[_OURS] - auc_R)),
        }
        for name, auc_R in aucs.items()
    }
    return {"shown": shown, "not_shown": not_shown, "auc_of_chance": by_chance}


def _said_of(given: Inputs, scores: Mapping[str, Score]) -> dict[str, np.ndarray]:
    return {name: score(given) for name, score in scores.items()}


def _orders(
    user_N: np.ndarray, attraction_N: np.ndarray, said: Mapping[str, np.ndarray], *, seed: int
) -> dict[str, Any]:
    """Give Kendall's τ between scores and attraction, meaned over users, and ours less another's.

    τ is 2 · XAUC − 1: of two items of different attraction the share in their true order, less the
    share in the other.
    """
    order = np.argsort(user_N, kind="stable")
    number_N = np.cumsum(run_starts(user_N[order])) - 1
    ones, names = np.ones(len(order)), list(said)
    tau_UM = np.stack(
        [
            2 * xauc_by_user(number_N, attraction_N[order], said[name][order], ones) - 1
            for name in names
        ],
        axis=1,
    )
    more_UM = tau_UM[:, [names.index(_OURS)]] - tau_UM
    found = bootstrap_means(np.concatenate([tau_UM, more_UM], axis=1), seed=seed)
    return {
        name: {"value": asdict(found[m]), "ours_more": asdict(found[len(names) + m])}
        for m, name in enumerate(names)
    }


def main(
    *,
    users: Annotated[int, typer.Option(min=10, help="Users, bots among them.")] = 20_000,
    items: Annotated[int, typer.Option(min=10, help="Products at the start.")] = 3_000,
    days: Annotated[int, typer.Option(min=8, help="Days; the last three are judged.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the shop: 1–3 to develop, 11–13 to report.")] = 1,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the results here.")] = None,
) -> None:
    """Hold the order of three rankers against what truly attracts."""
    shop = ShopConfig(users=users, items=items, days=days, seed=seed)
    found = measure(shop, DebiasConfig(), seed=seed)
    console = Console(width=190)
    console.print(_orders_table(found["cases"]))
    console.print(_curves_table(found["curves"]))
    if json_ is not None:
        asked = {"users": users, "items": items, "days": days, "seed": seed}
        json_.write_text(json.dumps({"shop": asked, **found}, indent=1) + "\n")


def _orders_table(cases: dict[str, Any]) -> Table:
    laid_out = Table(title="order by score against true attraction; 'ours +' is what ours has more")
    for column in ("counted", "ranker"):
        laid_out.add_column(column, no_wrap=True)
    for column in ("τ, shown", "ours +", "τ, not shown", "ours +", "AUC, chance", "ours +"):
        laid_out.add_column(column, justify="right", no_wrap=True)
    for case, measures in cases.items():
        for name in measures["shown"]:
            parts = [measures[m][name] for m in ("shown", "not_shown", "auc_of_chance")]
            cells = [interval_said(part[kind]) for part in parts for kind in ("value", "ours_more")]
            laid_out.add_row(case, name, *cells)
    return laid_out


def _curves_table(found: dict[str, Any]) -> Table:
    laid_out = Table(title="how often a place is looked at; error: mean |learned / true − 1|")
    laid_out.add_column("read off", no_wrap=True)
    for place in found["places"]:
        laid_out.add_column(str(place), justify="right")
    laid_out.add_column("error", justify="right", no_wrap=True)
    for name, one in found["curves"].items():
        seen = [f"{value:.3f}" for value in one["at"]]
        laid_out.add_row(name, *seen, interval_said(one["error"]) if "error" in one else "")
    return laid_out


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
