"""Reads a sample of a night's scored rows, and what the night knew of them, without Spark.

Belongs here: which rows are compared. What is compared is ``scoring.parity``.
"""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from etl import tables
from etl.days import Days, last_full, one_day
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from etl.tables import Table
from orchestration.example_histories import ExampleHistories
from scoring.parity import ParityConfig, Sample, drawn
from scoring.rank import Serving, reads_histories
from scoring.slate_rows import OPTED_OUT
from training.assemble import USER_COLUMNS
from training.item_side import ItemSide


def sampled(  # noqa: PLR0913
    files: LakeFiles,
    surface: Surface,
    evening: date,
    *,
    items: ItemSide,
    serving: Serving,
    config: ParityConfig,
) -> Sample | None:
    """Draw users by the evening's seed and read their rows; None if nobody has a slate of his own.

    Args:
        files: The lake.
        surface: Whose slates are compared.
        evening: The day after whose end they were made.
        items: The evening's item side.
        serving: The night's champion.
        config: How many users.
    """
    slates = tables.SLATES[surface.name]
    own = (pc.field("audience") == "user") & _is_willing()
    known = files.arrow(slates, one_day(evening), columns=["audience_key"], where=own)
    chosen = drawn(
        known.column("audience_key").combine_chunks(),
        evening=evening,
        surface=surface,
        config=config,
    ).to_pylist()
    if not chosen:
        return None
    since_full = Days(last_full(evening, files.first_day), evening)
    pairs = files.arrow_of(tables.FEATURES_USER_PAIRS, since_full, key="user_id", values=chosen)
    is_read = reads_histories(serving)
    today = one_day(evening)
    stored = files.arrow_of(slates, today, key="audience_key", values=chosen)
    return Sample(
        evening=evening,
        surface=surface,
        users=_asked(files, surface, evening, chosen),
        pairs=_remembered(files, since_full, pairs, chosen) if is_read else pairs,
        items=items,
        slates=stored.filter(pc.equal(stored.column("audience"), "user")),
        serving=serving,
        histories=ExampleHistories(files).of if is_read else None,
    )


def _is_willing() -> pc.Expression:
    reason = pc.field("short_reason")
    return reason.is_null() | (reason != OPTED_OUT)


def _asked(files: LakeFiles, surface: Surface, evening: date, chosen: Sequence[str]) -> pa.Table:
    """As slates and examples ask: each user's features of the evening and his candidates."""

    def read(table: Table, *columns: str) -> pa.Table:
        names = ["user_id", *columns]
        day = one_day(evening)
        return files.arrow_of(table, day, key="user_id", values=chosen, columns=names)

    users = read(tables.FEATURES_USER_DAILY, "is_personalisation_off", *USER_COLUMNS)
    users = users.sort_by("user_id")
    proposed = read(tables.CANDIDATES[surface.name], "items")
    known = proposed.column("user_id").combine_chunks()
    place = pc.index_in(users.column("user_id"), value_set=known)
    evenings = pa.array([evening] * users.num_rows, pa.date32())
    asked = users.append_column("feature_date", evenings)
    return asked.append_column("candidates", proposed.column("items").take(place))


def _remembered(files: LakeFiles, days: Days, pairs: pa.Table, chosen: Sequence[str]) -> pa.Table:
    """Add what users had done, null on days on which they only looked."""
    key = ["user_id", "arrival_date"]
    history = files.arrow_of(
        tables.FEATURES_USER_HISTORY,
        days,
        key="user_id",
        values=chosen,
        columns=[*key, "long"],
    )
    known, wanted = (_named(rows.select(key)) for rows in (history, pairs))
    place = pc.index_in(wanted, value_set=known)
    return pairs.append_column("long", history.column("long").take(place))


def _named(rows: pa.Table) -> pa.Array:
    """Name rows by day and user."""
    days = rows.column("arrival_date").cast(pa.string())
    return pc.binary_join_element_wise(days, rows.column("user_id"), " ").combine_chunks()
