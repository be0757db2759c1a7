"""One blocking check a surface: what its slates hold is what the training path gives.

Only the last night of a run is compared: a range is made in one pass, and publishes nothing.
"""

from datetime import date
from typing import Final

import dagster as dg

from etl import surfaces, tables
from etl.days import one_day
from etl.surfaces import Surface
from orchestration.cost import metered_step
from orchestration.judging import serving
from orchestration.night_files import Sender
from orchestration.parity_rows import sampled
from orchestration.partitions import days_of
from orchestration.reads import key
from orchestration.table_asset import Night, said
from orchestration.workspace import Workspace
from scoring.parity import ParityConfig, compare
from training.item_side import ItemSide
from training.rankers.ranker import NONE

NAME: Final = "training_parity"


def parity_check(surface: Surface) -> dg.AssetChecksDefinition:
    """Declare the check of one surface's slates."""
    table = tables.SLATES[surface.name]

    @dg.asset_check(
        asset=key(table),
        name=NAME,
        blocking=True,
        description=(
            "A sample of scored rows, made again by the path that makes examples: the same "
            "features, the same scores. A difference stops the publication."
        ),
    )
    def check(context: dg.AssetCheckExecutionContext, workspace: Workspace) -> dg.AssetCheckResult:
        days = days_of(context)
        run_id = context.run.run_id
        night = Night(workspace, workspace.lake(run_id, len(days)), days, run_id)
        with metered_step() as cost:
            is_kept, found, counts = _compared(night, surface, days.last)
        return dg.AssetCheckResult(
            passed=is_kept,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{days.last}: {found}",
            metadata={**counts, **said(cost)},
        )

    return check


def _compared(night: Night, surface: Surface, day: date) -> tuple[bool, str, dict[str, int]]:
    """Say whether the two paths agree, in words, and how much was compared."""
    if night.lake.files.is_empty(tables.SLATES[surface.name], one_day(day)):
        return True, "not applicable: there are no slates", {}
    champion = serving(night, surface, day)
    if champion.champion.ranker == NONE:
        return True, "not applicable: the fused order serves, and no ranker learned from it", {}
    config = ParityConfig()
    items = ItemSide.read(Sender.of(night.lake).item_side(day))
    sample = sampled(night.lake.files, surface, day, items=items, serving=champion, config=config)
    if sample is None:
        return True, "not applicable: nobody has a slate of his own", {}
    value = night.workspace.settings.slate_config(surface.name).value
    found = compare(sample, value=value, config=config)
    counts = {
        "num_users": found.num_users,
        "num_candidates": found.num_candidates,
        "num_places": found.num_places,
        "num_differences": len(found.features) + len(found.scores),
    }
    return found.is_kept, str(found), counts


@dg.definitions
def parity_checks() -> dg.Definitions:
    """One check a surface."""
    return dg.Definitions(asset_checks=[parity_check(surface) for surface in surfaces.ALL])
