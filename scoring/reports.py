"""Makes reports/slates: how an evening's slates fared on the days that followed.

slates[D−1] are judged on D and slates[D−7] on D−6 … D, both written in partition D, which rests on
nothing that arrived after D. What happens to one bucket of users is ``scoring.judging``; how the
tables come together is ``scoring.evidence``; here measures are added up. Sums are over integers,
10⁻⁹ of a measure each, so that no value depends on how users were grouped.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from etl.arrow import arrow_schema
from etl.days import Days
from etl.features.buckets import walk
from etl.surfaces import Surface
from etl.tables import REPORTS_SLATES
from scoring.evidence import Evidence
from scoring.judging import Judged, judge
from scoring.shown_lists import Watched
from training.slate_metrics import COVERAGE, METRICS, POLICIES

HORIZONS_DAYS: Final = (1, 7)
_NANO: Final = 1_000_000_000
_GROUP: Final = {
    "slate_date": DateType(),
    "horizon_days": IntegerType(),
    "audience": StringType(),
    "policy": StringType(),
}
_SUMS: Final = {
    **_GROUP,
    "num_users": LongType(),
    "num_truths": LongType(),
    "sums": ArrayType(LongType()),
    "shown": ArrayType(IntegerType()),
}
_BY_USER: Final = {
    **_GROUP,
    "user_id": StringType(),
    "num_truths": LongType(),
    "values": ArrayType(DoubleType()),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportsConfig:
    """How a range is judged."""

    num_buckets: int = 8
    """Groups of users in memory one at a time; no row depends on it."""


def watched_by(days: Days, *, first_day: date) -> list[Watched]:
    """List the evenings that ``days`` judge, each with its horizon.

    Args:
        days: The last days watched: the partitions to make.
        first_day: The lake's first day, before which there are no slates.
    """
    found = [Watched(day - timedelta(days=n), n) for day in days for n in HORIZONS_DAYS]
    return [one for one in found if one.slate_date >= first_day]


def build(
    evidence: Evidence, *, surface: Surface, watched: Sequence[Watched], config: ReportsConfig
) -> DataFrame:
    """Judge slates and what else might have been shown, all evenings in one pass.

    Audiences: ``user`` has a slate of his own that is not empty; ``default`` was served his
    segment's row, or the default row where we knew nothing of him. Only who acted in the horizon
    is measured. Coverage is the distinct items in the first 20 places of those measured over all
    items eligible that evening (alive, of the surface's type, not sold out), popular or not: few
    users cannot cover much. A measure of an audience in which nobody acted is null.

    Args:
        evidence: The surface's tables.
        surface: Whose slates are judged.
        watched: Evenings and horizons, as of ``watched_by``.
        config: How a range is judged.

    Returns:
        Rows of ``tables.REPORTS_SLATES`` of one surface.
    """
    judged = _walked(evidence, surface, watched, columns=_SUMS, write=_summed, config=config)
    shown = F.size(F.array_distinct(F.flatten(F.collect_list("shown")))).alias("num_shown")
    totals = [F.sum(F.col("sums")[place]).alias(name) for place, name in enumerate(METRICS)]
    counts = [F.sum(name).alias(name) for name in ("num_users", "num_truths")]
    summed = judged.groupBy(*_GROUP).agg(*counts, *totals, shown)
    every = _every_group(judged, watched).join(summed, list(_GROUP), "left")
    measured = every.join(evidence.num_eligible(surface), "slate_date", "left")
    rows = measured.withColumn("one", F.explode(F.array(*_measures())))
    return rows.select(
        F.expr("date_add(slate_date, horizon_days)").alias("arrival_date"),
        F.lit(surface.name).alias("surface"),
        *_GROUP,
        "one.metric",
        "one.value",
        *(F.coalesce(F.col(n), F.lit(0)).alias(n) for n in ("num_users", "num_truths")),
    ).select(REPORTS_SLATES.column_names)


def by_user(
    evidence: Evidence, *, surface: Surface, watched: Sequence[Watched], config: ReportsConfig
) -> DataFrame:
    """Measure each user on each evening, as ``build`` does before it adds up.

    Args:
        evidence: The surface's tables.
        surface: Whose slates are judged.
        watched: Evenings and horizons.
        config: How a range is judged.

    Returns:
        slate_date, horizon_days, audience, policy, user_id, num_truths and ``values``: for each of
        ``training.slate_metrics.METRICS`` a number in [0, 1].
    """
    return _walked(evidence, surface, watched, columns=_BY_USER, write=_one_a_user, config=config)


_Written = Callable[[pa.StringArray, Judged], pa.Table]


def _walked(  # noqa: PLR0913
    evidence: Evidence,
    surface: Surface,
    watched: Sequence[Watched],
    *,
    columns: Mapping[str, DataType],
    write: _Written,
    config: ReportsConfig,
) -> DataFrame:
    """Judge bucket by bucket, and let ``write`` say what is kept."""
    context = evidence.slates.sparkSession.sparkContext
    sent = context.broadcast(evidence.evenings(surface, watched))
    schema = _schema(columns)
    arrow = arrow_schema(schema)

    def kernel(touches: pa.Table, facts: pa.Table) -> pa.Table:
        users, found = judge(touches, facts, watched=watched, evenings=sent.value)
        return pa.concat_tables([write(users, judged).cast(arrow) for judged in found])

    return walk(
        evidence.touches(surface, watched),
        evidence.facts(surface, watched),
        key="user_id",
        kernel=kernel,
        schema=schema,
        num_buckets=config.num_buckets,
    )


def _schema(columns: Mapping[str, DataType]) -> StructType:
    return StructType([StructField(name, kind) for name, kind in columns.items()])


def _one_a_user(users: pa.StringArray, judged: Judged) -> pa.Table:
    return pa.table(
        {
            **_named(judged, len(judged.user_U)),
            "user_id": users.take(pa.array(judged.user_U)),
            "num_truths": pa.array(judged.num_truths_U),
            "values": pa.array(list(judged.value_UM), pa.list_(pa.float64())),
        }
    )


def _summed(_: pa.StringArray, judged: Judged) -> pa.Table:
    """One row for the whole bucket."""
    sums_M = np.rint(judged.value_UM * _NANO).astype(np.int64).sum(axis=0)
    return pa.table(
        {
            **_named(judged, 1),
            "num_users": pa.array([len(judged.user_U)]),
            "num_truths": pa.array([int(judged.num_truths_U.sum())]),
            "sums": pa.array([sums_M]),
            "shown": pa.array([judged.item_P]),
        }
    )


def _named(judged: Judged, num_rows: int) -> dict[str, pa.Array]:
    """The columns of ``_GROUP``."""
    words = (
        judged.watched.slate_date,
        judged.watched.horizon_days,
        judged.audience,
        judged.policy,
    )
    return {
        name: pa.repeat(pa.scalar(word), num_rows) for name, word in zip(_GROUP, words, strict=True)
    }


def _every_group(frame: DataFrame, watched: Sequence[Watched]) -> DataFrame:
    """One row for each measure's group, so that a quiet day says that it was quiet."""
    groups = [
        (one.slate_date, one.horizon_days, audience, policy)
        for one in watched
        for audience, policies in POLICIES.items()
        for policy in policies
    ]
    return frame.sparkSession.createDataFrame(groups, _schema(_GROUP))


def _measures() -> list[Column]:
    """Metric and value of a group, null where nobody acted or nothing was eligible."""
    means = {name: F.col(f"`{name}`") / (F.lit(_NANO) * F.col("num_users")) for name in METRICS}
    means[COVERAGE] = F.col("num_shown") / F.col("num_eligible")
    has_users = F.col("num_users") > 0
    return [
        F.struct(F.lit(name).alias("metric"), F.when(has_users, value).alias("value"))
        for name, value in means.items()
    ]
