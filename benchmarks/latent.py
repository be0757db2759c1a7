"""``python -m benchmarks.latent``: how many hidden interests exploration finds for what it shows.

A shop whose truth is known runs for some days under its old policy. Then each policy goes on from
there by itself: where the old slates give a place to chance (product feed and short videos), it
puts an item of its own, the shop's users look and click, and it reads the log. A hidden interest is
a topic that a user loves and that the log holds no click of his in when policies begin; it is found
when he clicks an item of it that was put there to find out. Seeds 1–3 are for developing, 11–13
for reporting.
"""

import copy
import json
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import latent_policies
from benchmarks.latent_log import Log, Seen
from benchmarks.latent_policies import Evening, Policy
from etl.arrow import places_in_runs, run_starts
from simulator.config import ShopConfig
from simulator.day import NONE
from simulator.serving import policy as old_policy
from simulator.serving.slates import Slates
from simulator.shop import Shop
from simulator.truth.oracle import active_users
from simulator.world.items import PRODUCT, VIDEO
from training.metrics import Interval, bootstrap_ratio
from training.retrieval.latent_response import LatentConfig

_OWN: Final = 0.5
"""Written as the propensity of what a policy shows to find out: places of the old policy's lists
have a higher one, those of its chance a lower."""
_EXPLORED: Final = (PRODUCT, VIDEO)

POLICIES: Final[dict[str, Policy]] = {
    "random items": latent_policies.random_items,
    "popularity of 7 days": latent_policies.popularity,
    "random topics, popular items": latent_policies.random_topics,
    "latent, own account alone": latent_policies.latent(LatentConfig()),
    "latent, never stopping": latent_policies.latent(
        LatentConfig(stop_after=float("inf")), "segment", "category"
    ),
    "latent interests": latent_policies.latent(LatentConfig(), "segment", "category"),
    "the truth": latent_policies.truth,
}
_OURS: Final = "latent interests"


@dataclass(frozen=True, slots=True)
class Found:
    """What one policy spent on U users, and what it returned."""

    spent_U: np.ndarray
    """float64: impressions to find out."""
    clicks_U: np.ndarray
    """float64: of them clicked."""
    loved_U: np.ndarray
    """float64: of them of topics that he loves."""
    found_U: np.ndarray
    """float64: his hidden interests that were found."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where all policies begin."""

    shop: Shop
    log: Log
    is_hidden_UT: np.ndarray
    """bool: loved, and not clicked by then; of users who have a truth."""


def begin(config: ShopConfig, num_days: int) -> Begun:
    """Run a shop under its old policy."""
    shop = Shop(config)
    log = Log.empty(shop.world)
    for _ in range(num_days):
        day = shop.next_day()
        log = log.after(shop.world, day, Seen.of(day))
    is_hidden_UT = (shop.world.users.affinity(len(shop.world.topics)) > 0) & (log.clicks_UT == 0)
    is_known_U = np.zeros(len(shop.world.users), bool)
    is_known_U[active_users(shop.world, shop.state)] = True
    return Begun(shop, log, is_hidden_UT & is_known_U[:, None])


def explore(begun: Begun, policy: Policy, num_days: int) -> Found:
    """Go on from where all begin, with one policy's items at the places of chance."""
    shop, log, hidden_UT = copy.copy(begun.shop), begun.log, begun.is_hidden_UT.copy()
    world = shop.world
    loves_UT = world.users.affinity(len(world.topics)) > 0
    found = Found(*np.zeros((4, len(world.users))))
    users = active_users(world, shop.state)
    for _ in range(num_days):
        slates = {n: _filled(Evening(world, shop.state, log, n, users), policy) for n in _EXPLORED}
        day = shop.next_day(slates, 1.0)
        seen = Seen.of(day)
        _count(found, world.items.topic_N, seen, (hidden_UT, loves_UT))
        log = log.after(world, day, seen)
        hidden_UT &= log.clicks_UT == 0
    return found


def _filled(evening: Evening, policy: Policy) -> Slates:
    """Fill the old policy's slates, and the places of chance by a policy."""
    world, users = evening.world, evening.users
    depth_S = np.full(len(users), world.dials.policy.slate_sizes[evening.surface])
    old = old_policy.fill(world, evening.state, evening.surface, users, depth_S)
    is_chance_SK = (old.propensity_SK < _OWN) & (old.item_SK != NONE)
    kept_SK = np.where(is_chance_SK, NONE, old.item_SK)
    ranked_SX = _without(policy(evening), kept_SK, evening)
    row, place = np.nonzero(is_chance_SK)
    number = places_in_runs(run_starts(row))
    is_there = number < ranked_SX.shape[1]
    own = np.where(is_there, ranked_SX[row, np.minimum(number, ranked_SX.shape[1] - 1)], NONE)
    # Where a policy has nothing left to try the place is as it was, and is not counted as its own.
    item_SK, propensity_SK = old.item_SK.copy(), np.ones(old.propensity_SK.shape)
    has_own = own != NONE
    item_SK[row[has_own], place[has_own]] = own[has_own]
    propensity_SK[row[has_own], place[has_own]] = _OWN
    return replace(old, item_SK=item_SK, propensity_SK=propensity_SK)


def _without(ranked_SX: np.ndarray, kept_SK: np.ndarray, evening: Evening) -> np.ndarray:
    """Leave out what stands in the slate, or may not: int32, S × X, ``NONE`` behind the last."""
    pair_SX = evening.users[:, None] << 32 | ranked_SX
    kept = evening.users[:, None] << 32 | kept_SK
    is_out_SX = np.isin(pair_SX, kept[kept_SK != NONE]) | (ranked_SX == NONE)
    is_out_SX |= np.isin(pair_SX, evening.state.done(evening.world))
    order = np.argsort(is_out_SX, axis=1, kind="stable")
    return np.take_along_axis(np.where(is_out_SX, NONE, ranked_SX), order, 1)


def _count(
    found: Found, topic_N: np.ndarray, seen: Seen, truth: tuple[np.ndarray, np.ndarray]
) -> None:
    """Count a day's impressions to find out, what they returned and what they found."""
    hidden_UT, loves_UT = truth
    topic_I = topic_N[seen.item_I]
    is_own_I = seen.propensity_I == _OWN
    clicked = is_own_I & seen.is_clicked_I
    np.add.at(found.spent_U, seen.user_I[is_own_I], 1)
    np.add.at(found.clicks_U, seen.user_I[clicked], 1)
    np.add.at(found.loved_U, seen.user_I[is_own_I & loves_UT[seen.user_I, topic_I]], 1)
    user, topic = np.unique(np.stack([seen.user_I[clicked], topic_I[clicked]]), axis=1)
    np.add.at(found.found_U, user[hidden_UT[user, topic]], 1)


def rates(found: Found, *, seed: int) -> dict[str, Interval]:
    """Say what 100 impressions found and returned, with 95 % intervals by user."""
    own = np.flatnonzero(found.spent_U)
    hundreds = found.spent_U[own] / 100
    parts = {
        "found": found.found_U,
        "clicks": found.clicks_U,
        "loved": found.loved_U,
    }
    return {name: bootstrap_ratio(part[own], hundreds, seed=seed) for name, part in parts.items()}


def more(found: Found, other: Found, *, seed: int) -> Interval:
    """Say how much more 100 impressions found than another policy's, resampled by user."""
    own = np.flatnonzero(found.spent_U + other.spent_U)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), size=1000)
    drawn = np.vstack([np.ones(len(own)), drawn])
    per_100 = [
        100 * (drawn @ one.found_U[own]) / (drawn @ one.spent_U[own]) for one in (found, other)
    ]
    less = per_100[0] - per_100[1]
    low, high = np.percentile(less[1:], [2.5, 97.5])
    return Interval(float(less[0]), float(low), float(high), len(own))


def main(  # noqa: PLR0913 - the command line's options
    *,
    users: Annotated[int, typer.Option(min=10, help="Users, bots among them.")] = 5000,
    items: Annotated[int, typer.Option(min=10, help="Products at the start.")] = 3000,
    days: Annotated[int, typer.Option(min=1, help="Days of the old policy at first.")] = 14,
    tried: Annotated[int, typer.Option(min=1, help="Days that each policy goes on.")] = 14,
    seed: Annotated[int, typer.Option(help="Of the shop: 1–3 to develop, 11–13 to report.")] = 1,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the results here.")] = None,
) -> None:
    """Let policies look for hidden interests in the same shop, and count what they find."""
    config = ShopConfig(
        users=users, items=items, days=days + tried, seed=seed, start=date(2026, 1, 1)
    )
    begun = begin(config, days)
    found = {name: explore(begun, policy, tried) for name, policy in POLICIES.items()}
    said = _said(found, num_hidden=int(begun.is_hidden_UT.sum()), seed=seed)
    _print(said, Console())
    if json_ is not None:
        shop = {"users": users, "items": items, "days": days, "tried": tried, "seed": seed}
        json_.write_text(json.dumps({"shop": shop, **said}, indent=2) + "\n")


def _said(found: dict[str, Found], *, num_hidden: int, seed: int) -> dict[str, Any]:
    ours = found[_OURS]
    return {
        "num_hidden": num_hidden,
        "policies": {
            name: {
                "num_spent": int(one.spent_U.sum()),
                "num_found": int(one.found_U.sum()),
                **{key: asdict(rate) for key, rate in rates(one, seed=seed).items()},
                "ours_more": asdict(more(ours, one, seed=seed)),
            }
            for name, one in found.items()
        },
    }


def _print(said: dict[str, Any], console: Console) -> None:
    table = Table(title=f"{said['num_hidden']:,} hidden interests; per 100 impressions to find out")
    table.add_column("policy", no_wrap=True)
    for title in ("impressions", "found", "per 100", "ours more", "clicks", "loved topics"):
        table.add_column(title, justify="right")
    for name, one in said["policies"].items():
        table.add_row(
            name,
            f"{one['num_spent']:,}",
            f"{one['num_found']:,}",
            _interval(one["found"]),
            _interval(one["ours_more"]),
            f"{one['clicks']['mean']:.2f}",
            f"{one['loved']['mean']:.1f}",
        )
    console.print(table)


def _interval(found: dict[str, float]) -> str:
    return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
