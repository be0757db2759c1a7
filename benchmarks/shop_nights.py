"""Makes the nights of a simulated shop and measures the last evening's slates.

To be imported once ``NIGHTMARKET_HOME`` names a home whose first day is known: the calendar of
Dagster's partitions is read when it is imported.
"""

from dataclasses import replace
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
from simulator.serving.served import SLATE_COLUMNS
from simulator.shop import Shop
from simulator.truth.measures import Measured, Ways, measure
from simulator.truth.product import Evening, candidates_of

_NO_CAP: Final = 1 << 20


def make_nights(home: Home, days: Days, console: Console) -> None:
    """Make all days by one backfill.

    Raises:
        RunFailedError: If it ended before the last day's slates; a check that blocks what follows
            them is said, and no reason not to measure them.
    """
    runs.prepare(home)
    files = Workspace(home_path=str(home.root)).files
    try:
        for request in planning.backfill(days, files):
            runs.run(request, home, console)
    except runs.RunFailedError as error:
        if any(files.missing_days(table, one_day(days.last)) for table in tables.SLATES.values()):
            raise
        console.print(f"[yellow]{error}[/]")


def measured(shop: Shop, home: Home, day: date) -> dict[str, Measured]:
    """Measure the slates of an evening, at whose end the shop stands, by surface."""
    workspace = Workspace(home_path=str(home.root))
    night = Night(workspace, workspace.lake(), one_day(day), "benchmark")
    evening = Evening.of(night.lake.files, shop, day)
    return {surface.name: _measured(evening, night, surface) for surface in surfaces.ALL}


def _measured(evening: Evening, night: Night, surface: Surface) -> Measured:
    world, state = evening.shop.world, evening.shop.state
    truth = evening.truth(surface.name)
    ways = _ways(evening, night, surface, truth.foresight_UK.shape[1])
    return measure(world, state, evening.users, truth=truth, ways=ways, seed=world.config.seed)


def _ways(evening: Evening, night: Night, surface: Surface, k: int) -> Ways:
    """What became of the users' candidates, up to what they are shown."""
    candidates = evening.rows(tables.CANDIDATES[surface.name])
    found = candidates_of(candidates, evening.numbers, evening.users)
    stored = evening.slates(surface.name)
    # Who has no slate of his own is shown a stand-in, to which neither step applies.
    shared = stored.filter(pc.not_equal(stored["audience"], "user"))

    def laid_out(rows: pa.Table) -> np.ndarray:
        return evening.shown(surface.name, rows, k)

    def again(*, has_rules: bool) -> np.ndarray:
        own = _exploited(night, surface, has_rules=has_rules)
        return laid_out(pa.concat_tables([own, shared.cast(own.schema)]))

    return Ways(
        candidate_UC=found.fused_UC,
        ordered_UK=again(has_rules=False),
        ruled_UK=again(has_rules=True),
        shown_UK=laid_out(stored),
        others={
            "without a ranker": _first(found.fused_UC, k),
            "co-visitation alone": _first(found.covisited_UC, k),
        },
        has_own_U=found.has_own_U,
    )


def _exploited(night: Night, surface: Surface, *, has_rules: bool) -> pa.Table:
    """Make the users' slates once more, without exploration, and with or without the caps."""
    config = night.settings.slate_config(surface.name)
    caps = config.caps if has_rules else dict.fromkeys(config.caps, _NO_CAP)
    exploited = replace(config, caps=caps, exploration=replace(config.exploration, rate=0.0))
    inputs: dict[str, DataFrame] = {
        name: read.rows(night.lake, night.days)
        for name, read in reads_of(surface).items()
        if read.is_frame
    }
    return own_slates(night, surface, inputs, exploited).select(*SLATE_COLUMNS).toArrow()


def _first(wide_UC: np.ndarray, k: int) -> np.ndarray:
    """The first K of each row, as wide as K."""
    padded = np.pad(wide_UC, ((0, 0), (0, k)), constant_values=-1)
    return padded[:, :k]
