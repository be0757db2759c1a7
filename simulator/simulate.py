"""Makes a shop's log and truth in a folder, and goes on with it by a day at a time.

``truth/shop.json`` says what the shop was made with and how far it is; ``truth/state.npz`` is the
shop at the end of its last day.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec

from etl.home import Home
from scoring.published import read_current
from simulator import saved
from simulator.app_log.log_config import LogConfig
from simulator.app_log.spelled import spelled
from simulator.config import PRESETS, SHOP_VERSION, ShopConfig
from simulator.landing import (
    Collector,
    Landed,
    conclude,
    flying_of,
    land,
    nothing_flying,
    remember,
)
from simulator.serving.served import published
from simulator.shop import Shop
from simulator.stage import Stage
from simulator.state import State
from simulator.truth import truth_tables

SPARE_DAYS: Final = 28
"""A shop is made for so many days more than are simulated at first."""
_ASKED: Final = ("users", "items", "days", "seed", "start", "version")
_ELSEWHERE: Final = "Simulate into a new home: --out DIR, or NIGHTMARKET_HOME=DIR"
_OTHER_DATA: Final = ("nightmarket.toml", "landing", "lake")


class SimulateError(ValueError):
    """A shop cannot be made or go on here; the message says why and what to do."""


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """What one day was served from."""

    publication_id: str
    share: float
    """Of users."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What ``truth/shop.json`` says."""

    users: int
    items: int
    days: int
    """Asked for at first."""
    seed: int
    start: date
    version: int
    last: date
    """The last day that was simulated."""
    num_lines: int = 0
    num_bytes: int = 0
    """Of all lines, before compression."""
    dirt: dict[str, int] = {}
    """Lines of each kind."""
    served: dict[str, Serving] = {}
    """Days of which some requests were answered by a publication."""

    @property
    def config(self) -> ShopConfig:
        """What it was made with."""
        return ShopConfig(**{name: getattr(self, name) for name in _ASKED})


Told = Callable[[Landed], None]
"""What is told of each day that landed."""


def made_in(root: Path) -> Made | None:
    """Read what shop a folder holds; None if there is none.

    What a call prepared that was killed while it moved is moved first.
    """
    Stage(root).finish()
    path = root / "truth" / "shop.json"
    return msgspec.json.decode(path.read_bytes(), type=Made) if path.exists() else None


def make(root: Path, config: ShopConfig, told: Told) -> Made:
    """Simulate a new shop's days; the same call again changes nothing.

    Raises:
        SimulateError: If the folder holds other data.
    """
    found = made_in(root)
    if found is None:
        _require_empty(root)
        new = Made(**{name: getattr(config, name) for name in _ASKED}, last=config.start)
        found = _go_on(root, new, days=config.days, told=told)
    if found.config != config:
        raise SimulateError(f"{root} holds another shop, {_said(found)}. {_ELSEWHERE}")
    Home(root).begin(config.start)
    return found


def add_day(root: Path, *, share: float, told: Told) -> Made:
    """Simulate one more day, served from the current publication for a share of users.

    Raises:
        SimulateError: If there is no shop here, or its days are over.
        NoPublicationError: If nothing is published.
    """
    made = made_in(root)
    if made is None:
        raise SimulateError(f"{root} holds no simulated shop. Make one: nightmarket simulate")
    end = made.start + timedelta(days=made.days + SPARE_DAYS)
    if made.last + timedelta(days=1) >= end:
        raise SimulateError(
            f"{root} holds {_said(made)}, and it can go on to {made.last} only. Make a longer one: "
            f"nightmarket simulate --days {made.days + SPARE_DAYS} --out DIR"
        )
    publication_id = read_current(Home(root).publications).publication_id
    serving = Serving(publication_id=publication_id, share=share)
    return _go_on(root, made, days=1, told=told, serving=serving)


def _go_on(
    root: Path, made: Made, *, days: int, told: Told, serving: Serving | None = None
) -> Made:
    """Simulate days after those that are there, and write all that the next call needs."""
    shop, stage = shop_at(root, made), Stage(root)
    words = spelled(shop.world.names, made.seed)
    to = Collector(words=words, config=LogConfig(seed=made.seed), stage=stage)
    slates = published(Home(root), shop.world.names) if serving else {}
    flying = flying_of(root) if made.num_lines else nothing_flying()
    landed: list[Landed] = []
    with stage.prepared():
        for _ in range(days):
            day = shop.next_day(slates, serving.share if serving else 0.0)
            landed.append(land(day, flying, to))
            remember(day, to)
            flying = landed[-1].flying
            told(landed[-1])
        grown = _grown(made, landed, conclude(stage, landed), serving)
        saved.save(shop.state, stage.truth / "state.npz")
        truth_tables.write(shop.world, shop.state, stage.truth)
        (stage.truth / "shop.json").write_bytes(msgspec.json.format(msgspec.json.encode(grown)))
    return grown


def shop_at(root: Path, made: Made) -> Shop:
    """Read the shop as it stands at the end of its last simulated day.

    Raises:
        SimulateError: If it was made by another version.
    """
    if made.version not in PRESETS:
        raise SimulateError(
            f"{root} holds {_said(made)}; a shop goes on as it began, and here is version "
            f"{SHOP_VERSION}. {_ELSEWHERE}"
        )
    shop = Shop(replace(made.config, days=made.days + SPARE_DAYS))
    if made.num_lines:
        shop.state = saved.load(State, root / "truth" / "state.npz")
    return shop


def _grown(
    made: Made, landed: list[Landed], dirt: dict[str, dict[str, int]], serving: Serving | None
) -> Made:
    last = landed[-1].date
    return msgspec.structs.replace(
        made,
        last=last,
        num_lines=made.num_lines + sum(len(one.events) for one in landed),
        num_bytes=made.num_bytes + sum(one.num_bytes for one in landed),
        dirt={kind: sum(of_day.values()) for kind, of_day in dirt.items()},
        served=made.served | ({str(last): serving} if serving else {}),
    )


def _require_empty(root: Path) -> None:
    found = [name for name in _OTHER_DATA if (root / name).exists()]
    if found:
        raise SimulateError(f"{root} holds other data: {', '.join(found)}. {_ELSEWHERE}")


def _said(made: Made) -> str:
    return (
        f"of {made.users:,} users, {made.items:,} items and {made.days} days from {made.start} on, "
        f"seed {made.seed}, version {made.version}"
    )
