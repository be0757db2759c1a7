"""Makes the nights of a simulated shop and measures the last evening's slates.

To be imported once ``NIGHTMARKET_HOME`` names a home whose first day is known: the calendar of
Dagster's partitions is read when it is imported.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from rich.console import Console

from etl import surfaces, tables
from etl.days import Days, one_day
from etl.home import Home
from etl.surfaces import Surface
from orchestration import planning, runs
from orchestration.defs.slates import own_slates, reads_of
from orchestration.table_asset import Night
from orchestration.workspace import Workspace
from simulator.measures import Measured, Ways, measure
from simulator.oracle import active_users, slated
from simulator.product import Numbers, candidates_of, shown
from simulator.shop import Shop

_COLUMNS: Final = ("audience", "audience_key", "segment", "items")
_NO_CAP: Final = 1 << 20


def make_nights(home: Home, days: Days, console: Console) -> None:
    """Make all days by one backfill."""
    runs.prepare(home)
    for request in planning.backfill(days, Workspace(home_path=str(home.root)).files):
        runs.run(request, home, console)


def measured(shop: Shop, home: Home, evening: date) -> dict[str, Measured]:
    """Measure the slates of an evening, at whose end the shop stands, by surface."""
    found = _Evening.of(home, shop, evening)
    return {surface.name: found.measured(surface) for surface in surfaces.ALL}


@dataclass(frozen=True, slots=True)
class _Evening:
    """The last evening of a shop and what the product made of it."""

    shop: Shop
    night: Night
    numbers: Numbers
    users: np.ndarray

    @classmethod
    def of(cls, home: Home, shop: Shop, evening: date) -> "_Evening":
        workspace = Workspace(home_path=str(home.root))
        night = Night(workspace, workspace.lake(), one_day(evening), "benchmark")
        items = night.lake.files.arrow_as_of(tables.SILVER_ITEMS, evening)
        numbers = Numbers.of(shop.world.names, items)
        return cls(shop, night, numbers, active_users(shop.world, shop.state))

    def measured(self, surface: Surface) -> Measured:
        """Measure one surface's slates."""
        place = surfaces.NAMES.index(surface.name)
        world, state = self.shop.world, self.shop.state
        truth = slated(world, state, place, self.users, self._popular(surface))
        ways = self._ways(surface, place, truth.foresight_UK.shape[1])
        return measure(world, state, self.users, truth=truth, ways=ways, seed=world.config.seed)

    def _popular(self, surface: Surface) -> np.ndarray:
        is_meant = (pc.field("surface") == surface.name) & (pc.field("scope") == "all")
        rows = self._rows(tables.RETRIEVAL_POPULARITY, is_meant).sort_by("rank")
        return self.numbers.item_of_no[rows["item_no"].to_numpy()]

    def _ways(self, surface: Surface, place: int, k: int) -> Ways:
        found = candidates_of(self._rows(tables.CANDIDATES[surface.name]), self.numbers, self.users)
        slates = self._rows(tables.SLATES[surface.name])

        def laid_out(rows: pa.Table) -> np.ndarray:
            return shown(rows, self.numbers.names, place, self.users, k)

        return Ways(
            candidate_UC=found.fused_UC,
            ordered_UK=laid_out(self._again(surface, has_rules=False)),
            ruled_UK=laid_out(self._again(surface, has_rules=True)),
            shown_UK=laid_out(slates),
            others={
                "without a ranker": _first(found.fused_UC, k),
                "co-visitation alone": _first(found.covisited_UC, k),
            },
            has_own_U=found.has_own_U,
        )

    def _again(self, surface: Surface, *, has_rules: bool) -> pa.Table:
        """Make the slates once more, without exploration, and with or without the caps."""
        config = self.night.workspace.settings.slate_config(surface.name)
        caps = config.caps if has_rules else dict.fromkeys(config.caps, _NO_CAP)
        exploited = replace(config, caps=caps, exploration=replace(config.exploration, rate=0.0))
        inputs: dict[str, DataFrame] = {
            name: read.rows(self.night.lake, self.night.days)
            for name, read in reads_of(surface).items()
            if read.is_frame
        }
        rows = own_slates(self.night, surface, inputs, exploited).select(*_COLUMNS).toArrow()
        # Who has no slate of his own is shown a stand-in, to which neither step applies.
        stored = self._rows(tables.SLATES[surface.name])
        shared = stored.filter(pc.not_equal(stored["audience"], "user"))
        return pa.concat_tables([rows, shared.cast(rows.schema)])

    def _rows(self, table: tables.Table, where: pc.Expression | None = None) -> pa.Table:
        columns = _COLUMNS if table in tables.SLATES.values() else None
        return self.night.lake.files.arrow(table, self.night.days, columns=columns, where=where)


def _first(wide_UC: np.ndarray, k: int) -> np.ndarray:
    """The first K of each row, as wide as K."""
    padded = np.pad(wide_UC, ((0, 0), (0, k)), constant_values=-1)
    return padded[:, :k]
