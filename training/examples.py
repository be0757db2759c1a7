"""Makes examples/<surface>: what rankers learn from, and what came of it as known on arrival.

A surface whose log has impressions learns from them, one without from the candidates of evenings
before users acted. Which of the two a day is made in is decided for each surface and arrival day:
by impressions if any of the surface arrived on that day or on the ``LATE_DAYS`` before it, so that
a day on which none arrived does not fall back to another kind of example.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.days import Days
from etl.surfaces import Surface
from etl.tables import PARTITION
from training import candidate_examples, impression_examples
from training.example_rows import LATE_DAYS, Evenings, ExamplesConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """What arrived on the days to make."""

    events: DataFrame
    """Rows of ``tables.SILVER_EVENTS``."""
    impressions: DataFrame
    """Rows of ``tables.SILVER_IMPRESSIONS``."""
    outcomes: DataFrame
    """Rows of ``tables.SILVER_OUTCOMES``."""
    items: DataFrame
    """Rows of ``tables.SILVER_ITEMS`` as of the last of them."""
    published: DataFrame
    """Rows of ``tables.SLATES`` of the surface, of the evenings whose slates readers were given."""


def days_by_impressions(shown_on: Collection[date], days: Days) -> set[date]:
    """Choose the days whose examples are impressions.

    Args:
        shown_on: Arrival days with impressions of the surface, from ``LATE_DAYS`` before ``days``.
        days: The days to make.
    """
    return {day for day in days if any(0 <= (day - shown).days <= LATE_DAYS for shown in shown_on)}


def build(  # noqa: PLR0913
    log: Log,
    known: Evenings,
    *,
    surface: Surface,
    days: Days,
    by_impressions: Collection[date],
    config: ExamplesConfig,
) -> DataFrame:
    """Make the examples of some days, each in its way.

    Args:
        log: What arrived on them.
        known: What was known on the evenings before them.
        surface: For which surface.
        days: Those days.
        by_impressions: Which of them ``days_by_impressions`` chose; the others are made of
            candidates.
        config: How much of a user's day becomes examples.

    Returns:
        Rows of ``tables.EXAMPLES[surface.name]``.
    """
    is_chosen = F.col(PARTITION).isin(sorted(by_impressions))
    made = []
    if by_impressions:
        of_impressions = impression_examples.build(
            log.impressions.where(is_chosen),
            outcomes=log.outcomes.where(is_chosen),
            items=log.items,
            published=log.published,
            known=known,
            surface=surface,
            config=config,
        )
        made.append(of_impressions)
    # Spark would shuffle what evenings knew even where no day is made of it.
    if not set(by_impressions).issuperset(days):
        events = log.events.where(~is_chosen)
        of_candidates = candidate_examples.build(
            events, items=log.items, known=known, surface=surface, config=config
        )
        made.append(of_candidates)
    return reduce(DataFrame.unionByName, made)
