"""Retrieval: what each source learned, what is similar to what, and each user's candidates."""

import dagster as dg
from pyspark.sql import DataFrame

from etl import surfaces, tables
from etl.surfaces import Surface
from orchestration.night_files import Sender, has_items
from orchestration.reads import (
    as_of_last_day,
    days_back,
    on_driver,
    same_days,
    since_full,
    state_as_of_day_before,
)
from orchestration.table_asset import Made, Night, no_items, table_asset
from scoring import candidates
from training.retrieval import covisitation, latent_interests, new_items, popularity, similar
from training.retrieval.covisitation import CovisitationConfig
from training.retrieval.latent_interests import ResponsesConfig
from training.retrieval.new_items import NewItemsConfig
from training.retrieval.popularity import PopularityConfig


def _popularity(night: Night, events: DataFrame, item_daily: DataFrame) -> DataFrame:
    """Count each item's distinct users of 7 days."""
    return popularity.build(
        events, item_daily=item_daily, days=night.days, config=PopularityConfig()
    )


def _new_items(night: Night, item_daily: DataFrame) -> DataFrame:
    """List what came in during the last week."""
    return new_items.build(item_daily, config=NewItemsConfig())


def _covisitation(
    night: Night, history: DataFrame, items: DataFrame, before: DataFrame
) -> DataFrame:
    """Fold the day's visits into the neighbours of what was visited."""
    return covisitation.build(
        history,
        items=items,
        before=before,
        days=night.days,
        first_day=night.lake.first_day,
        config=CovisitationConfig(num_buckets=night.workspace.settings.buckets),
    )


def _latent_interests(night: Night, users: DataFrame, pairs: DataFrame) -> DataFrame:
    """Count how users of every group respond to what they are shown."""
    config = ResponsesConfig(num_buckets=night.workspace.settings.buckets)
    return latent_interests.build(users, pairs=pairs, config=config)


retrieval_popularity = table_asset(
    tables.RETRIEVAL_POPULARITY,
    _popularity,
    reads={
        "events": days_back(tables.SILVER_EVENTS, popularity.WINDOW_DAYS),
        "item_daily": same_days(tables.FEATURES_ITEM_DAILY),
    },
)
retrieval_new_items = table_asset(
    tables.RETRIEVAL_NEW_ITEMS,
    _new_items,
    reads={
        "item_daily": same_days(tables.FEATURES_ITEM_DAILY),
    },
)
retrieval_covisitation = table_asset(
    tables.RETRIEVAL_COVISITATION,
    _covisitation,
    reads={
        "history": same_days(tables.FEATURES_USER_HISTORY),
        "items": as_of_last_day(tables.SILVER_ITEMS),
        "before": state_as_of_day_before(tables.RETRIEVAL_COVISITATION),
    },
)
retrieval_latent_interests = table_asset(
    tables.RETRIEVAL_LATENT_INTERESTS,
    _latent_interests,
    reads={
        "users": same_days(tables.FEATURES_USER_DAILY),
        "pairs": since_full(tables.FEATURES_USER_PAIRS),
    },
)


def _similar(surface: Surface) -> dg.AssetsDefinition:
    table = tables.SIMILAR[surface.name]

    def make(night: Night, covisitation: DataFrame) -> DataFrame:
        return similar.build(covisitation, surface=surface)

    return table_asset(
        table,
        make,
        reads={
            "covisitation": same_days(tables.RETRIEVAL_COVISITATION),
        },
    )


def _candidates(surface: Surface) -> dg.AssetsDefinition:
    table = tables.CANDIDATES[surface.name]

    def make(night: Night, users: DataFrame, pairs: DataFrame, history: DataFrame) -> Made:
        if not has_items(night.lake, surface, night.days):
            return no_items(night, table, surface)
        files = Sender.of(night.lake).night_files(surface, night.days)
        config = night.workspace.settings.candidate_config(surface.name)
        return Made(
            candidates.build(
                users, pairs=pairs, history=history, surface=surface, files=files, config=config
            )
        )

    return table_asset(
        table,
        make,
        reads={
            "users": same_days(tables.FEATURES_USER_DAILY),
            "pairs": since_full(tables.FEATURES_USER_PAIRS),
            "history": since_full(tables.FEATURES_USER_HISTORY),
            "items": on_driver(same_days(tables.FEATURES_ITEM_DAILY)),
            "popularity": on_driver(same_days(tables.RETRIEVAL_POPULARITY)),
            "new_items": on_driver(same_days(tables.RETRIEVAL_NEW_ITEMS)),
            "covisitation": on_driver(since_full(tables.RETRIEVAL_COVISITATION)),
            "latent_interests": on_driver(same_days(tables.RETRIEVAL_LATENT_INTERESTS)),
        },
    )


@dg.definitions
def retrieval() -> dg.Definitions:
    """What sources learned for all surfaces, and one asset a surface of all that follows."""
    of_surfaces = [make(surface) for make in (_similar, _candidates) for surface in surfaces.ALL]
    learned = [
        retrieval_popularity,
        retrieval_new_items,
        retrieval_covisitation,
        retrieval_latent_interests,
    ]
    return dg.Definitions(assets=[*learned, *of_surfaces])
