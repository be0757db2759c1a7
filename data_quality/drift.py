"""Says which numeric features of a day look unlike those of the week before.

The population stability index (Siddiqi, Credit Risk Scorecards, 2006, section 6): Σ (a − e)·ln(a/e)
over the week's quantile bins and one for null, with e the week's share of a bin and a the day's.
Spark counts; only counts come to the driver, and their number does not grow with the rows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from math import ceil

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from data_quality.checks import Check, Given
from data_quality.config import QualityConfig
from data_quality.histograms import NULL_CODE, Histograms, histograms
from data_quality.results import Result
from data_quality.validate import unmet_days
from etl.days import Days, one_day
from etl.tables import PARTITION, Table


def drift(  # noqa: PLR0913
    table: Table,
    rows: DataFrame,
    *,
    num_rows: Mapping[date, int],
    days: Days,
    features: Sequence[str],
    config: QualityConfig,
) -> list[Result]:
    """Compare each day's features with the days before it.

    Args:
        table: Which table.
        rows: Its rows of ``days.reaching_back(config.usual_days)``.
        num_rows: How many rows each day of them has.
        days: The days to judge.
        features: Numeric columns.
        config: How long a week is, how many bins it is cut into, and how much is too much.

    Returns:
        One result per day and feature, a warning where it moved. Where the day or the week has
        too few rows nothing is promised, and that is said.
    """
    counted: Histograms = {}
    if any(_is_enough(day, num_rows, config) for day in days):
        counted = histograms(_sampled(rows, table, num_rows, config), features)
    checks = {feature: _check(feature, config) for feature in features}
    frame = pd.DataFrame(
        [
            {check.name: _of_day(counted, day, name, config) for name, check in checks.items()}
            for day in days
        ],
        index=pd.Index(list(days), dtype=object),
        dtype="float64",
    )
    unmet = unmet_days(frame, tuple(checks.values()))
    return [
        _result(table, check, day, psi_of_day=frame.at[day, check.name], unmet=unmet)
        for day in days
        for check in checks.values()
    ]


def psi(day: Mapping[int, int], week: Mapping[int, int], *, config: QualityConfig) -> float:
    """Measure how far the day's counts are from the week's.

    Args:
        day: Rows of the day by code.
        week: Rows of the week before by code.
        config: Number of bins, and the smallest share a bin is given.

    Returns:
        0 for the same shares; above 0.2 much has moved.
    """
    codes_C = np.array(sorted({*day, *week}), np.int64)
    day_C, week_C = (np.array([side.get(int(c), 0) for c in codes_C]) for side in (day, week))
    bin_C = np.searchsorted(_edges(codes_C, week_C, config.num_bins), codes_C)
    bin_C[codes_C == NULL_CODE] = config.num_bins
    found, expected = (
        np.maximum(np.bincount(bin_C, side_C, config.num_bins + 1) / side_C.sum(), config.min_share)
        for side_C in (day_C, week_C)
    )
    return float(np.sum((found - expected) * np.log(found / expected)))


def _edges(codes_C: np.ndarray, week_C: np.ndarray, num_bins: int) -> np.ndarray:
    """The week's quantiles: the first codes at which k of ``num_bins`` parts are reached."""
    is_value_C = codes_C != NULL_CODE
    reached_C = np.cumsum(week_C[is_value_C])
    if not reached_C.size or reached_C[-1] == 0:
        return np.array([], np.int64)
    # In whole numbers, so that no rounding moves an edge.
    places = np.searchsorted(reached_C * num_bins, np.arange(1, num_bins) * reached_C[-1])
    return np.unique(codes_C[is_value_C][places])


def _is_enough(day: date, num_rows: Mapping[date, int], config: QualityConfig) -> bool:
    """Tell whether day and week have rows enough to be compared; otherwise none are read."""
    of_week = sum(num_rows.get(past, 0) for past in _week_before(day, config))
    return min(num_rows.get(day, 0), of_week) >= config.min_drift_rows


def _week_before(day: date, config: QualityConfig) -> Days:
    return Days(one_day(day).reaching_back(config.usual_days).first, one_day(day).day_before)


def _sampled(
    rows: DataFrame, table: Table, num_rows: Mapping[date, int], config: QualityConfig
) -> DataFrame:
    """Of days with many rows one key in n, the same in every run, night or range."""
    one_in = {day: ceil(num / config.max_drift_rows) for day, num in num_rows.items() if num}
    if not one_in:
        return rows.limit(0)
    rates = F.create_map(*(F.lit(value) for pair in one_in.items() for value in pair))
    place = F.pmod(F.xxhash64(*table.key), F.try_element_at(rates, F.col(PARTITION)))
    return rows.where(place == 0)


def _of_day(counted: Histograms, day: date, feature: str, config: QualityConfig) -> float:
    """The day's index; NaN where there are too few rows to tell it from chance."""
    week = _added(counted.get((past, feature), Counter()) for past in _week_before(day, config))
    today = counted.get((day, feature), Counter())
    if min(today.total(), week.total()) < config.min_drift_rows:
        return float("nan")
    return psi(today, week, config=config)


def _added(parts: Iterable[Counter[int]]) -> Counter[int]:
    every: Counter[int] = Counter()
    for part in parts:
        every.update(part)
    return every


def _check(feature: str, config: QualityConfig) -> Check:
    return Check(
        name=f"{feature} is spread as in the week before",
        severity="warning",
        measure=Given(),
        high=config.max_psi,
    )


def _result(
    table: Table,
    check: Check,
    day: date,
    *,
    psi_of_day: float,
    unmet: Mapping[Check, list[date]],
) -> Result:
    is_judged = not pd.isna(psi_of_day)
    return Result(
        arrival_date=day,
        table_path=table.path,
        expectation=check.name,
        severity=check.severity,
        is_met=day not in unmet.get(check, []),
        observed=f"PSI {psi_of_day:.3f}" if is_judged else "too few rows to tell",
        num_unexpected=0,
        examples=(),
    )
