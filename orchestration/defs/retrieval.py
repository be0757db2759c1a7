"""Retrieval: what each source learned, what is similar to what, and each user's candidates."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl import surfaces, tables
from etl.days import Days
from etl.surfaces import Surface
from etl.tables import Table
from orchestration.learned_sources import LearnedSources, models_by, weights_by
from orchestration.night_files import Sender, has_items
from orchestration.reads import (
    as_of_last_day,
    days_back,
    evenings_before,
    newest_within,
    on_driver,
    own_past,
    same_days,
    since_full,
    state_as_of_day_before,
)
from orchestration.source_fits import fit_nights
from orchestration.source_weights import learned_weights
from orchestration.table_asset import Made, Night, no_evening, no_items, table_asset, table_assets
from scoring import candidates, proposals
from scoring.proposals import Asked, ProposalsConfig, Visitors
from training.retrieval import covisitation, latent_interests, new_items, popularity, similar
from training.retrieval.covisitation import CovisitationConfig
from training.retrieval.latent_interests import ResponsesConfig
from training.retrieval.learned import NIGHTLY, Learned, SourcesConfig
from training.retrieval.new_items import NewItemsConfig
from training.retrieval.popularity import PopularityConfig
from training.retrieval.weights import WeightsConfig
from training.split import CalendarConfig


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
        config=CovisitationConfig(num_buckets=night.settings.buckets),
    )


def _latent_interests(night: Night, users: DataFrame, pairs: DataFrame) -> DataFrame:
    """Count how users of every group respond to what they are shown."""
    config = ResponsesConfig(num_buckets=night.settings.buckets)
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


_MODELS = {
    name: on_driver(newest_within(table, SourcesConfig().max_age_days))
    for name, table in tables.RETRIEVAL_FITS.items()
}
"""What learned sources propose by."""


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
            return no_items(surface)
        config = night.settings.candidate_config(surface.name)
        learned = _learned(night, surface, night.days)
        files = Sender.of(night.lake).night_files(surface, night.days, learned)
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
            "weights": on_driver(same_days(tables.RETRIEVAL_WEIGHTS)),
            **_MODELS,
        },
    )


def _proposals() -> dg.AssetsDefinition:
    def make(night: Night, **inputs: DataFrame) -> dict[Table, Made]:
        evenings = night.evenings(1)
        made = {
            tables.PROPOSALS[surface.name]: no_evening() if evenings is None else no_items(surface)
            for surface in surfaces.ALL
        }
        asked = [] if evenings is None else list(_asked(night, evenings))
        if not asked:
            return made
        config = ProposalsConfig(num_buckets=night.settings.buckets)
        rows = night.kept(
            proposals.build(Visitors(**inputs), asked=asked, keep=night.kept, config=config)
        )
        return made | {
            tables.PROPOSALS[name]: Made(rows.where(F.col("surface") == name).drop("surface"))
            for name in (one.surface.name for one in asked)
        }

    return table_assets(
        list(tables.PROPOSALS.values()),
        make,
        reads={
            "events": same_days(tables.SILVER_EVENTS),
            "impressions": same_days(tables.SILVER_IMPRESSIONS),
            "positions": same_days(tables.FEATURES_POSITIONS),
            "items": as_of_last_day(tables.SILVER_ITEMS),
            "users": evenings_before(tables.FEATURES_USER_DAILY, 1),
            "pairs": since_full(tables.FEATURES_USER_PAIRS, 1),
            "history": since_full(tables.FEATURES_USER_HISTORY, 1),
            "item_sides": on_driver(days_back(tables.FEATURES_ITEM_DAILY, 1)),
            "popularity": on_driver(days_back(tables.RETRIEVAL_POPULARITY, 1)),
            "new_items": on_driver(days_back(tables.RETRIEVAL_NEW_ITEMS, 1)),
            "covisitation": on_driver(since_full(tables.RETRIEVAL_COVISITATION, 1)),
            "latent_interests": on_driver(days_back(tables.RETRIEVAL_LATENT_INTERESTS, 1)),
            **_MODELS,
        },
    )


def _asked(night: Night, evenings: Days) -> Iterator[Asked]:
    """The surfaces that the log has items for, with what their sources read."""
    for surface in surfaces.ALL:
        if has_items(night.lake, surface, night.days):
            learned = _learned(night, surface, evenings, is_weighed=False)
            files = Sender.of(night.lake).night_files(surface, evenings, learned)
            config = night.workspace.settings.candidate_config(surface.name)
            yield Asked(surface, files, config)


def _learned(
    night: Night, surface: Surface, evenings: Days, *, is_weighed: bool = True
) -> dict[date, LearnedSources]:
    files = night.lake.files
    config = night.workspace.settings.candidate_config(surface.name)
    return {
        day: LearnedSources(
            models_by(files, night.workspace.home.models, surface, day, config),
            weights_by(files, surface, day) if is_weighed else {},
        )
        for day in evenings
    }


def _weights(night: Night) -> Made:
    """Learn what sources weigh from what visitors of the last days did."""
    return Made(night.lake.frame(tables.RETRIEVAL_WEIGHTS, learned_weights(night)))


retrieval_weights = table_asset(
    tables.RETRIEVAL_WEIGHTS,
    _weights,
    reads={
        name: on_driver(days_back(table, WeightsConfig().num_days - 1))
        for name, table in tables.PROPOSALS.items()
    },
)


def _fits(learned: Learned) -> dg.AssetsDefinition:
    table = tables.RETRIEVAL_FITS[learned.name]

    def make(night: Night) -> Made:
        rows = fit_nights(night, learned)
        said = {f"{row['arrival_date']} {row['surface']}": row["reason"] for row in rows}
        metadata = {"fits": dg.MetadataValue.json(said)}
        return Made(night.lake.frame(table, rows), metadata)

    reads = {
        "history": on_driver(since_full(tables.FEATURES_USER_HISTORY)),
        "users": on_driver(same_days(tables.FEATURES_USER_DAILY)),
        "items": on_driver(same_days(tables.FEATURES_ITEM_DAILY)),
    }
    if learned.is_warm:
        reads["parents"] = own_past(table, CalendarConfig().fit_every_days)
    return table_asset(table, make, reads=reads)


@dg.definitions
def retrieval() -> dg.Definitions:
    """What sources learned for all surfaces, and one asset a surface of all that follows."""
    of_surfaces = [make(surface) for make in (_similar, _candidates) for surface in surfaces.ALL]
    counted = [
        retrieval_popularity,
        retrieval_new_items,
        retrieval_covisitation,
        retrieval_latent_interests,
        retrieval_weights,
    ]
    fits = [_fits(source) for source in NIGHTLY.values()]
    return dg.Definitions(assets=[*counted, *fits, _proposals(), *of_surfaces])
