"""Measures a table's days: one row of figures a day, whatever the number of days.

All measures are taken in one Spark job: those of single rows by ``data_quality.counting``, keys and
what other tables know by aggregates beside it. Examples are fetched only of what failed. Whether a
figure is good is not decided here (``data_quality.validate``).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import partial, reduce

import pandas as pd
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from data_quality.checks import NUM_ROWS, Broken, Check, Figure, Repeated, Side, Suite, Unknown
from data_quality.counting import ROWS, broken_checks, counted, spread_checks
from etl.days import Days
from etl.tables import PARTITION, Table

MAX_CHARACTERS = 200
"""Of one example."""
# An erasure deletes rows by user id: no id may be left behind inside an example's text.
_HASHED = ("user_id", "audience_key")

Examples = dict[tuple[str, date], list[str]]
"""Offending rows as short texts, by check's name and day."""


class UnknownTableError(LookupError):
    """A check needs the rows of a table that was not handed in."""


def profile(
    rows: DataFrame | None,
    *,
    table: Table,
    days: Days,
    suite: Suite,
    related: Mapping[str, DataFrame],
) -> pd.DataFrame:
    """Measure each day of a table.

    Args:
        rows: Rows of ``table`` of ``days``; None where it is known that neither it nor a
            related table has any, which costs nothing.
        table: Which table.
        days: The days to measure; one without rows has figures too.
        suite: What to measure; checks whose measure is ``Given`` are left out.
        related: Rows of the same days of ``expectations.related_tables``, by path.

    Returns:
        One row a day, indexed by day: a column for each check's measure under its name, the
        number of rows, and ``<name>: smallest`` and ``: largest`` where a check asks for them.

    Raises:
        UnknownTableError: If a table that a check needs is not in ``related``.
    """
    if rows is None:
        return _with_empty_days(pd.DataFrame(), days, suite)
    by_path = {**related, table.path: rows}
    parts = [counted(rows, suite)]
    for place, check in enumerate(suite):
        by_day = _measured(check, rows, by_path)
        if by_day is not None:
            parts.append(by_day.select(PARTITION, F.lit(place).alias("place"), "value"))
    every = reduce(partial(DataFrame.unionByName, allowMissingColumns=True), parts)
    return _with_empty_days(_combined(every.collect(), suite), days, suite)


def examples(
    rows: DataFrame,
    *,
    table: Table,
    failed: Mapping[Check, Iterable[date]],
    related: Mapping[str, DataFrame],
    max_examples: int,
) -> Examples:
    """Fetch the first offending rows, in the order of their texts, of what failed.

    Args:
        rows: Rows of ``table``.
        table: Which table.
        failed: The days on which each check failed.
        related: As for ``profile``.
        max_examples: Texts kept for one check and day.
    """
    by_path = {**related, table.path: rows}
    offending = [
        found.where(F.col(PARTITION).isin(list(days)))
        for check, days in failed.items()
        for found in _offending(check, by_path, table)
    ]
    firsts = [_first_texts(frame, max_examples) for frame in offending]
    broken = [
        _when_broken(check.name, check.measure, table=table, days=list(days))
        for check, days in failed.items()
        if isinstance(check.measure, Broken)
    ]
    if broken:
        every = rows.select(PARTITION, F.explode(F.array_compact(F.array(*broken))).alias("one"))
        firsts.append(_first_texts(every.select(PARTITION, "one.*"), max_examples))
    return {
        (row["check"], row[PARTITION]): list(row["texts"])
        for frame in firsts
        for row in frame.collect()
    }


def smallest(check: Check) -> str:
    """Name the profile's column that holds the smallest value a check looked at."""
    return f"{check.name}: smallest"


def largest(check: Check) -> str:
    """Name the profile's column that holds the largest value a check looked at."""
    return f"{check.name}: largest"


def _measured(check: Check, rows: DataFrame, by_path: Mapping[str, DataFrame]) -> DataFrame | None:
    """The day and the ``value`` of a check that no single row decides; None of all others."""
    measure = check.measure
    if isinstance(measure, Figure):
        value = F.expr(measure.aggregate).cast("double")
        return rows.groupBy(PARTITION).agg(value.alias("value"))
    if isinstance(measure, Repeated):
        surplus = F.sum(F.col("num_rows") - 1).cast("double")
        return _times(rows, measure.key).groupBy(PARTITION).agg(surplus.alias("value"))
    if isinstance(measure, Unknown):
        num_named = F.sum("num_named").cast("double")
        missing = _missing(by_path, measure)
        return missing.groupBy(PARTITION).agg(num_named.alias("value"))
    return None


def _combined(collected: Sequence[Row], suite: Suite) -> pd.DataFrame:
    """Add up what the tasks counted: one row a day, a column a figure."""
    names = [check.name for check, _ in broken_checks(suite)]
    spreads = spread_checks(suite)
    found: dict[date, dict[str, float | None]] = {}
    for row in collected:
        figures = found.setdefault(row[PARTITION], {NUM_ROWS: 0})
        if row["place"] != ROWS:
            figures[suite[row["place"]].name] = row["value"]
            continue
        figures[NUM_ROWS] += row["num_rows"]
        for name, num in zip(names, row["nums"], strict=True):
            figures[name] = figures.get(name, 0) + num
        for check, low, high in zip(spreads, row["lows"], row["highs"], strict=True):
            _spread(figures, smallest(check), low, min)
            _spread(figures, largest(check), high, max)
    frame = pd.DataFrame.from_dict(found, orient="index", dtype=object)
    return frame.rename_axis(PARTITION)


def _spread(
    figures: dict[str, float | None],
    name: str,
    value: float | None,
    choose: Callable[[float, float], float],
) -> None:
    known = figures.get(name)
    both = value if known is None or value is None else choose(known, value)
    figures[name] = known if both is None else both


def _times(rows: DataFrame, key: tuple[str, ...]) -> DataFrame:
    return rows.groupBy(PARTITION, *key).agg(F.count(F.lit(1)).alias("num_rows"))


def _missing(by_path: Mapping[str, DataFrame], measure: Unknown) -> DataFrame:
    """What is named and not known, with how often: one row a day and thing."""
    named = _things(by_path, measure.named)
    things = named.columns
    counted = named.groupBy(*things).agg(F.count(F.lit(1)).alias("num_named"))
    return counted.join(_things(by_path, measure.known).distinct(), things, "left_anti")


def _things(by_path: Mapping[str, DataFrame], side: Side) -> DataFrame:
    if side.table_path not in by_path:
        raise UnknownTableError(
            f"a check looks things up in {side.table_path}, which was not handed in: pass its rows "
            "of the same days as related (expectations.related_tables lists what is needed)"
        )
    return by_path[side.table_path].where(side.where).selectExpr(PARTITION, *side.things)


def _with_empty_days(found: pd.DataFrame, days: Days, suite: Suite) -> pd.DataFrame:
    """A day without rows has none, breaks nothing and repeats nothing."""
    names = [NUM_ROWS, *found.columns, *(name for c in suite for name in _columns(c))]
    frame = found.reindex(
        index=pd.Index(list(days), name=PARTITION, dtype=object), columns=list(dict.fromkeys(names))
    )
    counted = [c.name for c in suite if isinstance(c.measure, Broken | Repeated | Unknown)]
    for name in (NUM_ROWS, *counted):
        frame[name] = pd.to_numeric(frame[name]).fillna(0).astype("int64")
    for check in suite:
        if isinstance(check.measure, Figure):
            frame[check.name] = frame[check.name].astype("float64")
    return frame


def _columns(check: Check) -> list[str]:
    """The profile's columns of one check."""
    if isinstance(check.measure, Broken) and check.measure.spread_of is not None:
        return [check.name, smallest(check), largest(check)]
    return [check.name]


def _offending(check: Check, by_path: Mapping[str, DataFrame], table: Table) -> list[DataFrame]:
    """What is repeated or not known: a frame of check, day and text, one row a thing."""
    measure = check.measure
    if isinstance(measure, Unknown):
        found = _missing(by_path, measure)
    elif isinstance(measure, Repeated):
        found = _times(by_path[table.path], measure.key).where("num_rows > 1")
    else:
        return []
    text = F.left(_text([c for c in found.columns if c != PARTITION]), F.lit(MAX_CHARACTERS))
    return [found.select(F.lit(check.name).alias("check"), PARTITION, text.alias("text"))]


def _first_texts(offending: DataFrame, max_examples: int) -> DataFrame:
    firsts = F.expr(f"min_by(text, text, {max_examples})")
    return offending.groupBy("check", PARTITION).agg(firsts.alias("texts"))


def _when_broken(name: str, measure: Broken, *, table: Table, days: list[date]) -> Column:
    """The check's name and the row's text where a row of ``days`` breaks it, else null."""
    shown = dict.fromkeys((*table.key, *measure.shows))
    text = F.left(_text(list(shown)), F.lit(MAX_CHARACTERS))
    is_broken = F.expr(measure.by) & F.col(PARTITION).isin(days)
    return F.when(is_broken, F.struct(F.lit(name).alias("check"), text.alias("text")))


def _text(shown: list[str]) -> Column:
    """Columns as JSON, nulls said, users by the first digits of their id's hash."""
    columns = [
        F.left(F.sha2(name, 256), F.lit(12)).alias(f"{name}_sha256")
        if name in _HASHED
        else F.expr(name)
        for name in shown
    ]
    return F.to_json(F.struct(*columns), {"ignoreNullFields": "false"})
