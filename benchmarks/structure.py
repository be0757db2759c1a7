"""``python -m benchmarks.structure``: what of a simulated shop's clicks rankers can still learn.

The same trees learn the product feed's clicks from what logs count, and from the same beside one
part of the truth that the log does not hold; the true chances of clicks are the floor. One more is
told what an observer thinks who knows the shop's laws and reads every look and click: what he adds
to counts is all that cleverer reading of a user's past could add. Seeds 1–3 are for developing,
11–13 for reporting. Shapes: N impressions, P parts.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.resampled import interval_said
from benchmarks.simulated_counts import LAYOUT, Counts, Impressions
from benchmarks.structure_parts import PARTS, Everywhere, Looks, Observer, parts_of
from etl.arrow import days_of_epoch, run_starts
from etl.days import Days
from simulator.behaviour.examination import examination
from simulator.config import ShopConfig
from simulator.shop import Shop
from simulator.world.items import PRODUCT
from training.inputs import Inputs, Layout
from training.metrics import auc, bootstrap_ratios, log_losses
from training.rankers import gbdt
from training.rankers.gbdt import GbdtConfig
from training.rankers.ranker import Batch
from training.split import Split

_OBSERVED: Final = ("observed_attraction", "observed_interest", "observed_intent")
_COUNTED: Final = ("looks_everywhere", "clicks_everywhere", "recent_clicks_everywhere")
_COUNTS: Final = "counts"
_FLOOR: Final = "true chances"
_CASES: Final[Mapping[str, tuple[str, ...]]] = {
    _COUNTS: (),
    "counts + the observer": _OBSERVED,
    **{f"counts + true {part}": (part,) for part in PARTS},
    "counts + all true parts": PARTS,
}
_NUM_UNLEARNED: Final = 3
"""First days, of whose users next to nothing is known."""
_NUM_STOPPING: Final = 2
_NUM_JUDGED: Final = 3


@dataclass(frozen=True, slots=True)
class Told:
    """A day's impressions, with everything that any ranker is told."""

    batch: Batch
    """Its inputs have all columns."""
    user_N: np.ndarray
    """int64: the shop's numbers."""
    attraction_N: np.ndarray
    """float64: the true chance of a click where it is looked at."""

    @property
    def chance_N(self) -> np.ndarray:
        """The true chance of a click: float64."""
        place_N = self.batch.given.position_N.astype(np.int64)
        look_P = examination(PRODUCT, int(place_N.max(initial=0)) + 1)
        return np.array(self.attraction_N * look_P[place_N])

    def knowing(self, names: tuple[str, ...]) -> Batch:
        """Say it to a ranker that is told some of the numbers."""
        given = self.batch.given
        places = [given.layout.numeric.index(name) for name in names]
        layout = Layout(names, given.layout.words)
        told = replace(given, numeric_NF=given.numeric_NF[:, places], layout=layout)
        return replace(self.batch, given=told)


def told_days(config: ShopConfig) -> dict[date, Told]:
    """Simulate a shop under its old policy, and tell of each day what was known the evening before.

    The truth beside it is of the day itself.
    """
    shop = Shop(config)
    counts, everywhere = Counts.empty(shop.world, by_looks=True), Everywhere.empty(shop.world)
    observer, found = Observer.first(shop.world), {}
    for number in range(config.days):
        before = shop.state
        day = shop.next_day()
        seen, observer = Impressions.of(shop.world, day), observer.expecting(shop.world)
        seen = seen.taken(np.argsort(seen.user_I, kind="stable"))
        pairs = (seen.user_I, seen.item_I)
        of_topic = (seen.user_I, shop.world.items.topic_N[seen.item_I].astype(np.int64))
        given = _beside(
            counts.inputs(shop.world, number, pairs, seen.place_I),
            everywhere.said(*of_topic)
            | observer.said(shop.world, *of_topic)
            | parts_of(shop.world, before, shop.state, number, pairs),
        )
        found[day.date] = _told(seen, given, days_of_epoch(day.date) - 1)
        counts = counts.after(shop.world, day, seen)
        looks = Looks.of(shop.world, number, Impressions.of_all(day))
        everywhere, observer = everywhere.after(looks), observer.after(shop.world, looks)
    return found


def _told(seen: Impressions, given: Inputs, evening: int) -> Told:
    num = len(seen.user_I)
    batch = Batch(
        given,
        {"click": seen.is_clicked_I},
        np.ones(num),
        np.cumsum(run_starts(seen.user_I)) - 1,
        np.full(num, evening),
        np.ones(num, bool),
        seen.propensity_I,
    )
    return Told(batch, seen.user_I, seen.attraction_I.astype(np.float64))


def measure(config: ShopConfig, *, seed: int) -> dict[str, Any]:
    """Fit every case, and measure it on the newest days."""
    days = told_days(config)
    dates = list(days)
    judged = dates[-_NUM_JUDGED:]
    stop = Days(dates[-_NUM_JUDGED - _NUM_STOPPING], dates[-_NUM_JUDGED - 1])
    split = Split(Days(dates[_NUM_UNLEARNED], stop.day_before), stop)
    label_N = np.concatenate([days[day].batch.label["click"] for day in judged])
    user_N = np.concatenate([days[day].user_N for day in judged])
    chances = {_FLOOR: np.concatenate([days[day].chance_N for day in judged])}
    for name, more in _CASES.items():
        names = (*LAYOUT.numeric, *_COUNTED, *more)
        batches = {day: told.knowing(names) for day, told in days.items()}
        model = gbdt.fit(batches.__getitem__, split, GbdtConfig(), seed)
        parts = [model.score(batches[day].given)["click"] for day in judged]
        chances[name] = np.concatenate(parts).astype(np.float64)
    return {
        "num_impressions": len(label_N),
        "num_clicks": int(label_N.sum()),
        "cases": _measured(label_N, user_N, chances, seed=seed),
    }


def _measured(
    label_N: np.ndarray, user_N: np.ndarray, chances: Mapping[str, np.ndarray], *, seed: int
) -> dict[str, Any]:
    loss_NM = np.stack([log_losses(label_N, p_N) for p_N in chances.values()], axis=1)
    more_NM = loss_NM - loss_NM[:, [list(chances).index(_COUNTS)]]
    place_N = np.unique(user_N, return_inverse=True)[1]
    sums_UM = np.stack(
        [np.bincount(place_N, of_N) for of_N in np.hstack([loss_NM, more_NM]).T], axis=1
    )
    num_UM = np.broadcast_to(np.bincount(place_N)[:, None], sums_UM.shape)
    found = bootstrap_ratios(sums_UM, num_UM, seed=seed)
    ones = np.ones(len(label_N))
    return {
        name: {
            "log_loss": found[m].mean,
            "less_counts": asdict(found[len(chances) + m]),
            "auc": auc(label_N, p_N, ones),
        }
        for m, (name, p_N) in enumerate(chances.items())
    }


def _beside(given: Inputs, more: Mapping[str, np.ndarray]) -> Inputs:
    """Add numeric columns."""
    columns = np.stack(list(more.values()), axis=1).astype(np.float32)
    layout = Layout((*given.layout.numeric, *more), given.layout.words)
    return replace(given, numeric_NF=np.hstack([given.numeric_NF, columns]), layout=layout)


def main(
    *,
    users: Annotated[int, typer.Option(min=10, help="Users, bots among them.")] = 5_000,
    items: Annotated[int, typer.Option(min=10, help="Products at the start.")] = 3_000,
    days: Annotated[int, typer.Option(min=9, help="Days; the last three are judged.")] = 21,
    seed: Annotated[int, typer.Option(help="Of the shop: 1–3 to develop, 11–13 to report.")] = 1,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the results here.")] = None,
) -> None:
    """Say what of a shop's truth is left to rankers."""
    shop = ShopConfig(users=users, items=items, days=days, seed=seed)
    found = measure(shop, seed=seed)
    title = (
        f"{found['num_impressions']:,} impressions of three days, {found['num_clicks']:,} clicks"
    )
    table = Table(title=title)
    table.add_column("trees are told", no_wrap=True)
    for column in ("log loss", "more than counts", "AUC"):
        table.add_column(column, justify="right", no_wrap=True)
    cases = found["cases"]
    for name in sorted(cases, key=lambda one: -cases[one]["log_loss"]):
        said = interval_said(cases[name]["less_counts"], digits=5)
        table.add_row(name, f"{cases[name]['log_loss']:.5f}", said, f"{cases[name]['auc']:.4f}")
    Console(width=110).print(table)
    if json_ is not None:
        asked = {"users": users, "items": items, "days": days, "seed": seed}
        json_.write_text(json.dumps({"shop": asked, **found}, indent=1) + "\n")


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(main)

if __name__ == "__main__":
    app()
