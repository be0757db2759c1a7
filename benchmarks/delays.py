"""``python -m benchmarks.delays``: what learning from orders that are still to come costs.

A shop whose final truth is known; on a night its p(order) is learned in four ways: from labels as
they are known (naive), from days alone whose labels are ripe (waiting), from labels divided by the
share that is known with calibrations that weigh by it (ours: ``training.delays``), and from final
labels, which nobody has on the night (oracle). All are judged on the days after by what came of
them in the end. Seeds 1–3 are for developing, 11–13 for reporting.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.delays_ways import WAYS, Night, NightConfig, Said, said, slowed
from benchmarks.resampled import Draws, interval_said
from benchmarks.simulated_examples import Simulated, SimulatedConfig
from etl.silver.attribution import WINDOW_DAYS
from simulator.behaviour.visits import is_sale
from simulator.config import ShopConfig
from training.metrics import Interval, bootstrap_ratios, log_losses

_LOSS_UNIT: Final = 1e-5
"""Log losses are printed in it: orders are one impression in six hundred."""
_APART_DAYS: Final = 6
"""From the quiet night to the last one: the sale is then after it and not in what it learns."""
_DELAYED: Final = ("naive", "ours")
"""Ways that change with how soon orders come; the others read ripe labels, or final ones."""
_BOTH: Final = ("raw", "calibrated")
_MEASURES: Final = (
    "predicted_to_observed",
    "predicted_less_oracle",
    "loss",
    "loss_less_oracle",
    "loss_less_ours",
)
_FAR: Final = timedelta(days=1_000)


def nights(simulated: Simulated, config: NightConfig, seed: int) -> dict[str, Night]:
    """Choose nights, and how soon orders come: by name, the undisturbed first."""
    world = simulated.shop.world
    last = world.config.days - 1 - config.num_judged - WINDOW_DAYS
    quiet = simulated.day(last - _APART_DAYS)

    def of(day: date, since: date | None = None, until: date | None = None) -> Night:
        told = simulated.outcomes
        if since is not None or until is not None:
            ends = {"since": since or quiet - _FAR, "until": until or quiet + _FAR}
            told = slowed(told, **ends, seed=seed)
        return Night(simulated, told, day, config, seed)

    week = quiet - timedelta(days=WINDOW_DAYS)
    found = {
        "as they come": of(quiet),
        "slow": of(quiet, since=quiet - _FAR),
        "slower for a week": of(quiet, since=week),
        "sooner for a week": of(quiet, until=week - timedelta(days=1)),
    }
    if is_sale(world, last - 1):
        found["after a sale"] = of(simulated.day(last))
    return found


def measure(simulated: Simulated, config: NightConfig, *, seed: int) -> dict[str, Any]:
    """Learn in every way on every night, and measure what is said of the days after."""
    spoken: dict[date, dict[str, Said]] = {}
    found = {}
    for name, night in nights(simulated, config, seed).items():
        before = spoken.setdefault(night.on, {})
        again = {
            way: said(night, WAYS[way](night)) for way in WAYS if way in _DELAYED or not before
        }
        by_way = {way: again.get(way) or before[way] for way in WAYS}
        before |= {way: one for way, one in again.items() if way not in before}
        found[name] = _measured(night, by_way)
    return found


def _measured(night: Night, by_way: Mapping[str, Said]) -> dict[str, Any]:
    """Measure one night's ways, each beside the oracle and beside ours, paired by user."""
    days = [night.simulated.days[day] for day in night.judged]
    label_N = np.concatenate([night.labelled(day, None).label["order"] for day in night.judged])
    weight_N = np.concatenate([one.batch.weight_N for one in days])
    draws = Draws.of(np.concatenate([one.user_N for one in days]), night.seed)
    judged = _Judged(label_N, weight_N, draws, night.seed)
    p = {(way, kind): getattr(one, f"{kind}_N") for way, one in by_way.items() for kind in _BOTH}
    alone = judged.of(p)
    aucs = {way: judged.aucs(p[way, "raw"]) for way in by_way}
    return {
        "night": night.on.isoformat(),
        "known": night.delays.known_A.round(4).tolist(),
        "num_orders": int(label_N.sum()),
        "num_users": draws.times_RU.shape[1],
        "ways": {
            way: {
                "known_share": one.known_share,
                "auc": asdict(draws.interval(aucs[way])),
                "auc_less_oracle": asdict(draws.interval(aucs[way] - aucs["oracle"])),
                "auc_less_ours": asdict(draws.interval(aucs[way] - aucs["ours"])),
                **{f"{m}_{kind}": asdict(alone[way, kind, m]) for kind in _BOTH for m in _MEASURES},
            }
            for way, one in by_way.items()
        },
    }


@dataclass(frozen=True, slots=True)
class _Judged:
    """N judged examples, by final truth."""

    label_N: np.ndarray
    weight_N: np.ndarray
    draws: Draws
    seed: int

    def aucs(self, p_N: np.ndarray) -> np.ndarray:
        rows = np.arange(len(p_N))
        return self.draws.aucs(self.label_N, p_N, self.weight_N, rows=rows)

    def of(self, p: Mapping[tuple[str, str], np.ndarray]) -> dict[tuple[str, str, str], Interval]:
        """Measure predictions by way and kind; users are drawn once for all."""
        observed_U, rows_U = self._sums(self.label_N), self._sums(np.ones(len(self.label_N)))
        predicted = {key: self._sums(p_N) for key, p_N in p.items()}
        loss = {key: self._sums(log_losses(self.label_N, p_N)) for key, p_N in p.items()}
        parts: dict[tuple[str, str, str], tuple[np.ndarray, np.ndarray]] = {}
        for way, kind in p:
            beside = {
                "predicted_to_observed": (predicted[way, kind], observed_U),
                "predicted_less_oracle": (
                    predicted[way, kind] - predicted["oracle", kind],
                    observed_U,
                ),
                "loss": (loss[way, kind], rows_U),
                "loss_less_oracle": (loss[way, kind] - loss["oracle", kind], rows_U),
                "loss_less_ours": (loss[way, kind] - loss["ours", kind], rows_U),
            }
            parts |= {(way, kind, name): part for name, part in beside.items()}
        upper, lower = (np.stack(side, axis=1) for side in zip(*parts.values(), strict=True))
        return dict(zip(parts, bootstrap_ratios(upper, lower, seed=self.seed), strict=True))

    def _sums(self, value_N: np.ndarray) -> np.ndarray:
        return np.bincount(self.draws.user_N, self.weight_N * value_N)


def main(
    *,
    users: Annotated[int, typer.Option(min=10, help="Users, bots among them.")] = 20_000,
    items: Annotated[int, typer.Option(min=10, help="Products at the start.")] = 3_000,
    days: Annotated[int, typer.Option(min=30, help="Days; 40 end with a night after a sale.")] = 40,
    seed: Annotated[int, typer.Option(help="Of the shop: 1–3 to develop, 11–13 to report.")] = 1,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the results here.")] = None,
) -> None:
    """Learn p(order) of a shop in four ways, and judge them by what came in the end."""
    shop = ShopConfig(users=users, items=items, days=days, seed=seed)
    simulated = Simulated.of(shop, SimulatedConfig(kept_share=0.05))
    found = measure(simulated, NightConfig(), seed=seed)
    for name, night in found.items():
        Console(width=190).print(_table(name, night))
    if json_ is not None:
        asked = {"users": users, "items": items, "days": days, "seed": seed}
        json_.write_text(json.dumps({"shop": asked, "nights": found}, indent=1) + "\n")


def _table(name: str, night: dict[str, Any]) -> Table:
    known = ", ".join(f"{100 * share:.1f}" for share in night["known"][:3])
    title = f"orders {name}, night of {night['night']}: of {night['num_orders']:,} orders"
    laid_out = Table(title=f"{title}; read as known at once, after 1, 2 days: {known} %")
    laid_out.add_column("way", no_wrap=True)
    for column in (
        "known %",
        "predicted / observed",
        "less oracle's, %",
        "calibrated",
        "less oracle's, %",
        "log loss, less, 1e-5",
        "AUC",
        "less oracle's",
    ):
        laid_out.add_column(column, justify="right", no_wrap=True)
    for way, one in night["ways"].items():
        cells = [f"{100 * one['known_share']:.1f}"]
        for kind in _BOTH:
            cells.append(interval_said(one[f"predicted_to_observed_{kind}"], digits=3))
            less_oracle = one[f"predicted_less_oracle_{kind}"]
            cells.append(interval_said(less_oracle, unit=0.01, digits=1))
        cells.append(interval_said(one["loss_less_oracle_calibrated"], unit=_LOSS_UNIT, digits=2))
        cells += [interval_said(one[name]) for name in ("auc", "auc_less_oracle")]
        laid_out.add_row(way, *cells)
    return laid_out


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
