"""Publishes one night's slates: checks every row, offers what held, blocks what did not, logs it.

Only a night, or a person's ``publish``, gets here; a backfill never moves the pointer.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.metadata import version

import pyarrow as pa
import pyarrow.compute as pc

from etl import surfaces, tables
from etl.days import one_day
from etl.lake import Lake
from etl.surfaces import Surface
from etl.tables.serving import PREDICTIONS
from orchestration.settings import Settings
from scoring import guarantees
from scoring.promises import Limits
from scoring.publish import Blocked, Offer, PublishConfig, log_rows, publish
from scoring.published import Manifest


def publish_day(
    lake: Lake, settings: Settings, day: date, *, is_older_allowed: bool = False
) -> Manifest:
    """Publish the slates of ``day``: every surface that has some.

    Raises:
        PublicationError: If nothing may be published; readers see what they saw.
    """
    offers = {
        surface.name: offer
        for surface in surfaces.ALL
        if (offer := _offer(lake, settings, surface, day)) is not None
    }
    versions = {"nightmarket": version("nightmarket")}
    manifest = publish(
        settings.at_home.publications,
        surfaces=offers,
        items=_catalogue(lake, day),
        now=datetime.now(UTC),
        config=PublishConfig(
            num_kept=settings.keep_publications,
            is_older_allowed=is_older_allowed,
            versions=versions,
        ),
    )
    log_swaps(lake, settings)
    return manifest


def log_swaps(lake: Lake, settings: Settings) -> None:
    """Write what is not yet in publications/log, those of a killed run included."""
    table = tables.PUBLICATIONS_LOG
    known = lake.files.made(table)
    logged = zip(
        *(known.column(n).to_pylist() for n in ("publication_id", "published_at")), strict=True
    )
    new = log_rows(settings.at_home.publications, already_logged=set(logged))
    for day in sorted(set(new.column("arrival_date").to_pylist())):
        rows = pa.concat_tables([_of_day(known, day), _of_day(new, day)])
        lake.write(table, lake.spark.createDataFrame(rows, table.schema), one_day(day))


def limits_of(settings: Settings, surface: Surface) -> Limits:
    """Say what a surface's slates were to keep to."""
    config = settings.slate_config(surface.name)
    return Limits(
        k=config.k,
        reserve_share=config.reserve_share,
        max_per_seller=config.caps["seller_cap"],
        max_per_category=config.caps["category_cap"],
        rate=config.exploration.rate,
        predictions=frozenset(PREDICTIONS[task] for task in surface.tasks),
    )


def _offer(lake: Lake, settings: Settings, surface: Surface, day: date) -> Offer | Blocked | None:
    """One surface's rows if they keep every promise; None where the log has nothing for it."""
    table = tables.SLATES[surface.name]
    slates = lake.read(table, one_day(day))
    if slates.isEmpty():
        return None
    broken = guarantees.check(
        slates,
        users=lake.read(tables.FEATURES_USER_DAILY, one_day(day)),
        pairs=lake.since_full(tables.FEATURES_USER_PAIRS, one_day(day)),
        items=lake.read(tables.FEATURES_ITEM_DAILY, one_day(day)),
        surface=surface,
        limits=limits_of(settings, surface),
    )
    if broken:
        said = "; ".join(map(str, broken))
        hint = f"if settings changed since they were made: nightmarket night --day {day}"
        return Blocked(reason=f"{said} ({hint})")
    similar = lake.files.arrow_as_of(tables.SIMILAR[surface.name], day)
    return Offer(day=day, slates=lake.files.batches(table, one_day(day)), similar=_batches(similar))


def _batches(rows: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from rows.to_batches(max_chunksize=10_000)


def _catalogue(lake: Lake, day: date) -> pa.Table:
    columns = ["item_no", "item_id", "title"]
    return lake.files.arrow_as_of(tables.SILVER_ITEMS, day, columns=columns)


def _of_day(rows: pa.Table, day: date) -> pa.Table:
    return rows.filter(pc.equal(rows.column("arrival_date"), pa.scalar(day)))
