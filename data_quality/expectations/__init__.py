"""What must hold in each table, said once: one suite a table, named like the table.

Each module holds the suites of one layer. What every table promises (its key, the columns that are
never null, about as many rows as usual) is added here. What a promise is made of stands in
``data_quality.checks``; running them, in ``data_quality.validate``.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from data_quality.checks import (
    NUM_ROWS_TO_USUAL,
    NUM_USUAL_DAYS,
    Check,
    Given,
    Suite,
    Unknown,
    never_null,
    unique,
)
from data_quality.config import QualityConfig
from data_quality.expectations.bronze import bronze_files, bronze_lines
from data_quality.expectations.features import (
    features_item_appeal,
    features_item_daily,
    features_panel,
    features_positions,
    features_user_daily,
)
from data_quality.expectations.ranking import (
    examples,
    rankers_calibrators,
    rankers_champions,
    rankers_fits,
    rankers_importance,
    rankers_reports,
)
from data_quality.expectations.retrieval import (
    candidates,
    proposals,
    retrieval_covisitation,
    retrieval_fits,
    retrieval_latent_interests,
    retrieval_new_items,
    retrieval_popularity,
    retrieval_weights,
    similar,
)
from data_quality.expectations.serving import (
    data_quality_results,
    publications_log,
    reports_candidates,
    reports_slates,
    reports_sources,
    slates,
)
from data_quality.expectations.silver import (
    silver_duplicate_lines,
    silver_events,
    silver_impressions,
    silver_items,
    silver_line_counts,
    silver_outcomes,
    silver_rejected_lines,
)
from data_quality.expectations.user_states import (
    features_user_history,
    features_user_interests,
    features_user_pairs,
)
from etl import surfaces, tables
from etl.tables import PARTITION, Table
from etl.tables.ranking import RANKER_NAMES
from etl.tables.retrieval import LEARNED

SUITES: Final[Mapping[str, Callable[[], Suite]]] = {
    "bronze/files": bronze_files,
    "bronze/lines": bronze_lines,
    "silver/rejected_lines": silver_rejected_lines,
    "silver/duplicate_lines": silver_duplicate_lines,
    "silver/events": silver_events,
    "silver/line_counts": silver_line_counts,
    "silver/items": silver_items,
    "silver/impressions": silver_impressions,
    "silver/outcomes": silver_outcomes,
    "features/positions": features_positions,
    "features/panel": features_panel,
    "features/item_appeal": features_item_appeal,
    "features/user_daily": features_user_daily,
    "features/item_daily": features_item_daily,
    "features/user_pairs": features_user_pairs,
    "features/user_history": features_user_history,
    "features/user_interests": features_user_interests,
    "retrieval/popularity": retrieval_popularity,
    "retrieval/covisitation": retrieval_covisitation,
    "retrieval/new_items": retrieval_new_items,
    "retrieval/latent_interests": retrieval_latent_interests,
    **{f"retrieval/{name}": retrieval_fits for name in LEARNED},
    **{f"similar/{name}": similar for name in surfaces.NAMES},
    **{f"proposals/{name}": proposals for name in surfaces.NAMES},
    "retrieval/weights": retrieval_weights,
    **{f"candidates/{name}": partial(candidates, name) for name in surfaces.NAMES},
    **{f"examples/{name}": examples for name in surfaces.NAMES},
    **{f"rankers/{name}": rankers_fits for name in RANKER_NAMES},
    "rankers/calibrators": rankers_calibrators,
    "rankers/importance": rankers_importance,
    "rankers/reports": rankers_reports,
    "rankers/champions": rankers_champions,
    **{f"slates/{name}": partial(slates, name) for name in surfaces.NAMES},
    "reports/slates": reports_slates,
    "reports/sources": reports_sources,
    "reports/candidates": reports_candidates,
    "data_quality/results": data_quality_results,
    "publications/log": publications_log,
}
"""What each table promises of its own, by its path."""

WITHOUT_USUAL: Final = ("rankers", "reports", "data_quality", "publications")
"""Layers whose number of rows follows the calendar and the configuration, not the shop."""
_BY_CALENDAR: Final = (*tables.RETRIEVAL_FITS.values(), tables.RETRIEVAL_WEIGHTS)


def suite(table: Table, *, config: QualityConfig) -> Suite:
    """List everything that ``table`` promises: what every table does, then its own."""
    never = [f.name for f in table.schema if not f.nullable and f.name != PARTITION]
    return (
        unique(*table.key),
        *never_null(*never),
        *SUITES[table.path](),
        *_usual(table, config),
    )


def related_tables(table: Table) -> tuple[Table, ...]:
    """List the other tables whose rows of the same days ``validate`` needs for ``table``."""
    measures = [check.measure for check in SUITES[table.path]()]
    sides = [side for m in measures if isinstance(m, Unknown) for side in (m.named, m.known)]
    paths = dict.fromkeys(side.table_path for side in sides)
    return tuple(tables.BY_PATH[path] for path in paths if path != table.path)


def _usual(table: Table, config: QualityConfig) -> Suite:
    if table.layer in WITHOUT_USUAL or table in _BY_CALENDAR:
        return ()
    return (
        Check(
            name=NUM_ROWS_TO_USUAL,
            severity="warning",
            measure=Given(),
            low=config.min_usual_share,
            high=config.max_usual_share,
        ),
        Check(
            name=NUM_USUAL_DAYS,
            severity="warning",
            measure=Given(),
            low=config.usual_days,
        ),
    )


__all__ = ["SUITES", "related_tables", "suite"]
