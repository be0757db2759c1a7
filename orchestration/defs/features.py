"""Features: what is known of users, items and their pairs at the end of each day."""

from pyspark.sql import DataFrame

from etl import tables
from etl.features import item_daily, positions, user_daily, user_history, user_interests, user_pairs
from etl.features.item_daily import ItemDailyConfig
from etl.features.positions import PositionsConfig
from etl.features.user_daily import UserDailyConfig
from etl.features.user_pairs import PairsConfig
from orchestration.reads import (
    BALANCED,
    days_back,
    days_before,
    same_days,
    state_as_of_day_before,
)
from orchestration.table_asset import Night, table_asset


def _positions(
    night: Night, impressions: DataFrame, outcomes: DataFrame, before: DataFrame
) -> DataFrame:
    """Learn how often each place of a surface is looked at."""
    return positions.build(
        impressions, outcomes=outcomes, before=before, days=night.days, config=PositionsConfig()
    )


def _item_daily(
    night: Night, events: DataFrame, items: DataFrame, positions: DataFrame, before: DataFrame
) -> DataFrame:
    """Count and rate each item."""
    return item_daily.build(
        events,
        items=items,
        positions=positions,
        before=before,
        days=night.days,
        config=ItemDailyConfig(num_buckets=night.settings.buckets),
    )


def _user_daily(night: Night, events: DataFrame, before: DataFrame) -> DataFrame:
    """Count and rate each user."""
    config = UserDailyConfig(num_buckets=night.settings.buckets)
    return user_daily.build(events, before=before, days=night.days, config=config)


def _user_pairs(  # noqa: PLR0913, PLR0917 - the names of what is read
    night: Night,
    events: DataFrame,
    items: DataFrame,
    impressions: DataFrame,
    positions: DataFrame,
    before: DataFrame,
) -> DataFrame:
    """Fold each user's events into what he has to do with items, categories, brands, sellers."""
    return user_pairs.build(
        events,
        items=items,
        impressions=impressions,
        positions=positions,
        before=before,
        days=night.days,
        first_day=night.lake.first_day,
        config=PairsConfig(num_buckets=night.settings.buckets),
    )


def _user_history(
    night: Night, events: DataFrame, items: DataFrame, before: DataFrame
) -> DataFrame:
    """Add each user's events to his history."""
    return user_history.build(
        events,
        items=items,
        before=before,
        days=night.days,
        first_day=night.lake.first_day,
        num_buckets=night.settings.buckets,
    )


def _user_interests(night: Night, pairs: DataFrame) -> DataFrame:
    """Read each user's interests from his categories."""
    return user_interests.build(pairs)


features_positions = table_asset(
    tables.FEATURES_POSITIONS,
    _positions,
    reads={
        "impressions": same_days(tables.SILVER_IMPRESSIONS),
        "outcomes": same_days(tables.SILVER_OUTCOMES),
        "before": days_before(tables.FEATURES_POSITIONS),
    },
)
features_item_daily = table_asset(
    tables.FEATURES_ITEM_DAILY,
    _item_daily,
    reads={
        "events": days_back(tables.SILVER_EVENTS, 1),
        "items": days_back(tables.SILVER_ITEMS, 1),
        "positions": days_back(tables.FEATURES_POSITIONS, 1),
        "before": days_before(tables.FEATURES_ITEM_DAILY),
    },
)
features_user_daily = table_asset(
    tables.FEATURES_USER_DAILY,
    _user_daily,
    reads={
        **BALANCED,
        "events": days_back(tables.SILVER_EVENTS, 1),
        "before": days_before(tables.FEATURES_USER_DAILY),
    },
)
features_user_pairs = table_asset(
    tables.FEATURES_USER_PAIRS,
    _user_pairs,
    reads={
        "events": same_days(tables.SILVER_EVENTS),
        "items": same_days(tables.SILVER_ITEMS),
        "impressions": same_days(tables.SILVER_IMPRESSIONS),
        "positions": same_days(tables.FEATURES_POSITIONS),
        "before": state_as_of_day_before(tables.FEATURES_USER_PAIRS),
    },
)
features_user_history = table_asset(
    tables.FEATURES_USER_HISTORY,
    _user_history,
    reads={
        "events": same_days(tables.SILVER_EVENTS),
        "items": same_days(tables.SILVER_ITEMS),
        "before": state_as_of_day_before(tables.FEATURES_USER_HISTORY),
    },
)
features_user_interests = table_asset(
    tables.FEATURES_USER_INTERESTS,
    _user_interests,
    reads={
        "pairs": same_days(tables.FEATURES_USER_PAIRS),
    },
)
