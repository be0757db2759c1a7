"""Every table of the lake, in the order the data flows.

A table has one name everywhere: its path is its asset key, its maker's file, its suite and its
test. Put here what a table *is*. How its rows are made lives in the module of its path; how they
are stored lives in ``etl.lake``.
"""

from typing import Final

from etl.tables import bronze, features, ranking, retrieval, serving, silver, user_states
from etl.tables.schema import PARTITION, Table

BRONZE_FILES: Final = bronze.FILES
BRONZE_LINES: Final = bronze.LINES
SILVER_REJECTED_LINES: Final = silver.REJECTED_LINES
SILVER_DUPLICATE_LINES: Final = silver.DUPLICATE_LINES
SILVER_EVENTS: Final = silver.EVENTS
SILVER_LINE_COUNTS: Final = silver.LINE_COUNTS
SILVER_ITEMS: Final = silver.ITEMS
SILVER_IMPRESSIONS: Final = silver.IMPRESSIONS
SILVER_OUTCOMES: Final = silver.OUTCOMES
FEATURES_POSITIONS: Final = features.POSITIONS
FEATURES_PANEL: Final = features.PANEL
FEATURES_ITEM_APPEAL: Final = features.ITEM_APPEAL
FEATURES_USER_DAILY: Final = features.USER_DAILY
FEATURES_ITEM_DAILY: Final = features.ITEM_DAILY
FEATURES_USER_PAIRS: Final = user_states.USER_PAIRS
FEATURES_USER_HISTORY: Final = user_states.USER_HISTORY
FEATURES_USER_INTERESTS: Final = user_states.USER_INTERESTS
RETRIEVAL_POPULARITY: Final = retrieval.POPULARITY
RETRIEVAL_COVISITATION: Final = retrieval.COVISITATION
RETRIEVAL_NEW_ITEMS: Final = retrieval.NEW_ITEMS
RETRIEVAL_LATENT_INTERESTS: Final = retrieval.LATENT_INTERESTS
RETRIEVAL_WEIGHTS: Final = retrieval.WEIGHTS
RETRIEVAL_FITS: Final = retrieval.FITS
SIMILAR: Final = retrieval.SIMILAR
PROPOSALS: Final = retrieval.PROPOSALS
CANDIDATES: Final = retrieval.CANDIDATES
EXAMPLES: Final = ranking.EXAMPLES
RANKERS: Final = ranking.RANKERS
RANKERS_CALIBRATORS: Final = ranking.CALIBRATORS
RANKERS_IMPORTANCE: Final = ranking.IMPORTANCE
RANKERS_REPORTS: Final = ranking.REPORTS
RANKERS_CHAMPIONS: Final = ranking.CHAMPIONS
SLATES: Final = serving.SLATES
REPORTS_SLATES: Final = serving.SLATE_REPORTS
REPORTS_SOURCES: Final = serving.SOURCE_REPORTS
REPORTS_CANDIDATES: Final = serving.CANDIDATE_REPORTS
DATA_QUALITY_RESULTS: Final = serving.RESULTS
PUBLICATIONS_LOG: Final = serving.PUBLICATIONS

ALL: Final = (
    BRONZE_FILES,
    BRONZE_LINES,
    SILVER_REJECTED_LINES,
    SILVER_DUPLICATE_LINES,
    SILVER_EVENTS,
    SILVER_LINE_COUNTS,
    SILVER_ITEMS,
    SILVER_IMPRESSIONS,
    SILVER_OUTCOMES,
    FEATURES_POSITIONS,
    FEATURES_PANEL,
    FEATURES_ITEM_APPEAL,
    FEATURES_USER_DAILY,
    FEATURES_ITEM_DAILY,
    FEATURES_USER_PAIRS,
    FEATURES_USER_HISTORY,
    FEATURES_USER_INTERESTS,
    RETRIEVAL_POPULARITY,
    RETRIEVAL_COVISITATION,
    RETRIEVAL_NEW_ITEMS,
    RETRIEVAL_LATENT_INTERESTS,
    *RETRIEVAL_FITS.values(),
    *SIMILAR.values(),
    *PROPOSALS.values(),
    RETRIEVAL_WEIGHTS,
    *CANDIDATES.values(),
    *EXAMPLES.values(),
    *RANKERS.values(),
    RANKERS_CALIBRATORS,
    RANKERS_IMPORTANCE,
    RANKERS_REPORTS,
    RANKERS_CHAMPIONS,
    *SLATES.values(),
    REPORTS_SLATES,
    REPORTS_SOURCES,
    REPORTS_CANDIDATES,
    DATA_QUALITY_RESULTS,
    PUBLICATIONS_LOG,
)

BY_PATH: Final = {table.path: table for table in ALL}

__all__ = ["ALL", "BY_PATH", "PARTITION", "Table"]
