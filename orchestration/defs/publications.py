"""Publication: the last step of a night. A backfill passes here without moving the pointer."""

from datetime import timedelta
from typing import Final

import dagster as dg

from etl import tables
from orchestration import shown_tables
from orchestration.cost import metered_step
from orchestration.partitions import DAYS, days_of
from orchestration.publishing import publish_day
from orchestration.reads import key
from orchestration.runs import BACKFILL, KIND
from orchestration.table_asset import Metadata, said
from orchestration.workspace import Workspace

READ: Final = (
    *tables.SLATES.values(),
    *tables.SIMILAR.values(),
    tables.SILVER_ITEMS,
    tables.FEATURES_USER_DAILY,
    tables.FEATURES_USER_PAIRS,
    tables.FEATURES_ITEM_DAILY,
)
"""What is published, and what the checker of its promises reads."""


def is_backfill(context: dg.AssetExecutionContext) -> bool:
    """Tell whether the run makes a range, or was asked for as a backfill."""
    tags = context.run.tags
    return len(days_of(context)) > 1 or tags.get(KIND) == BACKFILL or "dagster/backfill" in tags


FRESH: Final = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=27), fail_window=timedelta(hours=36)
)
"""Nights begin at 02:00: at five a late one is worth a look, at two it is missing."""


@dg.asset(
    key=key(tables.PUBLICATIONS_LOG),
    deps=[key(table) for table in READ],
    check_specs=[
        dg.AssetCheckSpec(
            "guarantees",
            asset=key(tables.PUBLICATIONS_LOG),
            description="Every row of every slate keeps its promises; else its surface is blocked.",
        )
    ],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    freshness_policy=FRESH,
    kinds={"lmdb", "deltalake"},
    **shown_tables.words(tables.PUBLICATIONS_LOG),
)
def publications_log(
    context: dg.AssetExecutionContext, workspace: Workspace
) -> dg.MaterializeResult:
    """Check every row, then let readers see the night's slates."""
    if is_backfill(context):
        told = "not published: a backfill never moves the pointer"
        return _result({"publication": told}, blocked={})
    day = days_of(context).last
    with metered_step() as cost:
        manifest = publish_day(workspace.lake(context.run_id), workspace.settings, day)
    blocked = {n: s.block for n, s in manifest.surfaces.items() if s.block}
    return _result({"publication": manifest.publication_id, **said(cost)}, blocked=blocked)


def _result(told: Metadata, *, blocked: dict[str, str]) -> dg.MaterializeResult:
    check = dg.AssetCheckResult(
        check_name="guarantees",
        passed=not blocked,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"blocked": dg.MetadataValue.json(blocked)},
    )
    return dg.MaterializeResult(metadata=dict(told), check_results=[check])
