"""Features: what is known of users, items and their pairs at the end of each day."""

import pyarrow as pa
from pyspark.sql import DataFrame

from etl import tables
from etl.days import one_day
from etl.features import (
    item_appeal,
    item_daily,
    panel,
    positions,
    touches,
    user_daily,
    user_history,
    user_interests,
    user_pairs,
)
from etl.features.item_appeal import AppealConfig
from etl.features.item_daily import ItemDailyConfig
from etl.features.panel import PanelConfig
from etl.features.positions import PositionsConfig
from etl.features.user_daily import UserDailyConfig
from etl.features.user_pairs import PairsConfig
from orchestration.reads import (
    BALANCED,
    days_back,
    days_before,
    on_driver,
    same_days,
    since_full,
    state_since_full_before,
)
from orchestration.table_asset import Made, Metadata, Night, no_impressions, table_asset


def _positions(
    night: Night, impressions: DataFrame, outcomes: DataFrame, before: DataFrame
) -> DataFrame:
    """Learn how often each place of a surface is looked at."""
    return positions.build(
        impressions, outcomes=outcomes, before=before, days=night.days, config=PositionsConfig()
    )


def _panel(
    night: Night,
    impressions: DataFrame,
    outcomes: DataFrame,
    items: DataFrame,
    positions: DataFrame,
) -> Made:
    """Add up what the panel's users looked at and clicked."""
    shown = night.lake.files.num_rows(tables.SILVER_IMPRESSIONS, night.days)
    halvings = {day: PanelConfig().halvings(number) for day, number in shown.items()}
    if not any(shown.values()):
        return no_impressions()
    rows = panel.build(
        impressions, outcomes=outcomes, items=items, positions=positions, halvings=halvings
    )
    return Made(rows, {"one user in": max(1 << number for number in halvings.values())})


def _item_appeal(night: Night) -> Made:
    """Find how appealing items are, given who looked at them."""
    config, files = AppealConfig(), night.lake.files
    window = night.days.reaching_back(config.num_days - 1)
    seen = [(day, files.arrow(tables.FEATURES_PANEL, one_day(day))) for day in window]
    if not any(rows.num_rows for _, rows in seen):
        return no_impressions()
    columns = item_appeal.ITEM_COLUMNS
    items = (files.arrow_as_of(tables.SILVER_ITEMS, day, columns=columns) for day in night.days)
    made = item_appeal.build(seen, items=zip(night.days, items, strict=True), config=config)
    return Made(night.lake.arrow_frame(tables.FEATURES_ITEM_APPEAL, pa.concat_tables(made)))


def _item_daily(  # noqa: PLR0913, PLR0917 - the names of what is read
    night: Night,
    events: DataFrame,
    items: DataFrame,
    positions: DataFrame,
    appeal: DataFrame,
    before: DataFrame,
) -> DataFrame:
    """Count and rate each item."""
    return item_daily.build(
        events,
        items=items,
        positions=positions,
        appeal=appeal,
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
    appeal: DataFrame,
    before: DataFrame,
) -> DataFrame:
    """Fold each user's events into what he has to do with items, categories, brands, sellers."""
    return user_pairs.build(
        events,
        items=items,
        impressions=impressions,
        positions=positions,
        appeal=appeal,
        before=before,
        days=night.days,
        first_day=night.lake.first_day,
        config=PairsConfig(num_buckets=night.settings.buckets),
    )


def _user_history(night: Night, events: DataFrame, items: DataFrame, before: DataFrame) -> Made:
    """Add each user's events to his history."""
    rows = user_history.build(
        events,
        items=items,
        before=before,
        days=night.days,
        first_day=night.lake.first_day,
        num_buckets=night.settings.buckets,
    )
    return Made(rows, _left_out(night, events))


def _left_out(night: Night, events: DataFrame) -> Metadata:
    """Say of whom histories hold only a part of what he did, and how much they leave out."""
    most = max(night.lake.files.num_rows(tables.SILVER_EVENTS, night.days).values())
    if most <= touches.MAX_PER_DAY:
        return {}
    [found] = touches.left_out(events).collect()
    if not found.num_users:
        return {}
    return {
        "left_out": f"{found.num_events:,} events left out: {found.num_users:,} users did more "
        f"than {touches.MAX_PER_DAY:,} things on a day, of which the latest are kept"
    }


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
features_panel = table_asset(
    tables.FEATURES_PANEL,
    _panel,
    reads={
        "impressions": same_days(tables.SILVER_IMPRESSIONS),
        "outcomes": same_days(tables.SILVER_OUTCOMES),
        "items": same_days(tables.SILVER_ITEMS),
        "positions": same_days(tables.FEATURES_POSITIONS),
    },
)
features_item_appeal = table_asset(
    tables.FEATURES_ITEM_APPEAL,
    _item_appeal,
    reads={
        "panel": on_driver(days_back(tables.FEATURES_PANEL, AppealConfig().num_days - 1)),
        "items": on_driver(since_full(tables.SILVER_ITEMS)),
    },
)
features_item_daily = table_asset(
    tables.FEATURES_ITEM_DAILY,
    _item_daily,
    reads={
        "events": days_back(tables.SILVER_EVENTS, 1),
        "items": days_back(tables.SILVER_ITEMS, 1),
        "positions": days_back(tables.FEATURES_POSITIONS, 1),
        "appeal": same_days(tables.FEATURES_ITEM_APPEAL),
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
        "appeal": same_days(tables.FEATURES_ITEM_APPEAL),
        "before": state_since_full_before(tables.FEATURES_USER_PAIRS),
    },
)
features_user_history = table_asset(
    tables.FEATURES_USER_HISTORY,
    _user_history,
    reads={
        "events": same_days(tables.SILVER_EVENTS),
        "items": same_days(tables.SILVER_ITEMS),
        "before": state_since_full_before(tables.FEATURES_USER_HISTORY),
    },
)
features_user_interests = table_asset(
    tables.FEATURES_USER_INTERESTS,
    _user_interests,
    reads={
        "pairs": same_days(tables.FEATURES_USER_PAIRS),
    },
)
