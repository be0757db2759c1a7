"""One blocking check a surface: what its slates hold is what the training path gives.

Only the last night of a run is compared: a range is made in one pass, and publishes nothing.
"""

from datetime import date
from typing import Final

import dagster as dg

from etl import surfaces, tables
from etl.days import one_day
from etl.surfaces import Surface
from orchestration.champions import serving
from orchestration.cost import metered_step
from orchestration.night_files import Sender
from orchestration.parity_rows import sampled
from orchestration.partitions import days_of
from orchestration.reads import key
from orchestration.table_asset import Metadata, Night, said
from orchestration.workspace import Workspace
from scoring.parity import Parity, ParityConfig, compare
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
            found = _compared(night, surface, days.last)
        is_kept = isinstance(found, str) or found.is_kept
        return dg.AssetCheckResult(
            passed=is_kept,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{days.last}: {found}",
            metadata={**_shown(found), **said(cost)},
        )

    return check


def _compared(night: Night, surface: Surface, day: date) -> Parity | str:
    """Hold the two paths against each other, or say why that does not apply."""
    if night.lake.files.is_empty(tables.SLATES[surface.name], one_day(day)):
        return "not applicable: there are no slates"
    champion = serving(night.lake.files, night.workspace.home.models, surface, day)
    if champion.champion.ranker == NONE:
        return "not applicable: the fused order serves, and no ranker learned from it"
    config = ParityConfig()
    items = ItemSide.read(Sender.of(night.lake).item_side(day))
    sample = sampled(night.lake.files, surface, day, items=items, serving=champion, config=config)
    if sample is None:
        return "not applicable: nobody has a slate of his own"
    value = night.workspace.settings.slate_config(surface.name).value
    return compare(sample, value=value, config=config)


def _shown(found: Parity | str) -> Metadata:
    """How much was compared, and all that differs."""
    if isinstance(found, str):
        return {}
    differences = [f"- {difference}" for difference in found.differences]
    all_of_them = {"results": dg.MetadataValue.md("\n".join(differences))} if differences else {}
    return all_of_them | {
        "num_users": found.num_users,
        "num_candidates": found.num_candidates,
        "num_places": found.num_places,
        "num_differences": len(differences),
    }


@dg.definitions
def parity_checks() -> dg.Definitions:
    """One check a surface."""
    return dg.Definitions(asset_checks=[parity_check(surface) for surface in surfaces.ALL])
