from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from data_quality.config import QualityConfig
from data_quality.drift import drift, psi
from data_quality.histograms import NULL_CODE, codes_of
from etl.days import Days, one_day
from etl.tables import FEATURES_USER_DAILY

TODAY = date(2026, 1, 8)
CONFIG = QualityConfig(min_drift_rows=50)
FEATURE = "num_clicks_7d"


def oracle(day: Sequence[float], week: Sequence[float], num_bins: int) -> float:
    """PSI over the week's quantile bins and one for missing values, from the values themselves."""
    known = np.sort([v for v in week if not np.isnan(v)])
    places = [-(-k * len(known) // num_bins) - 1 for k in range(1, num_bins)]
    edges = sorted({known[p] for p in places}) if len(known) else []
    total = 0.0
    for n in range(len(edges) + 2):
        shares = []
        for side in (day, week):
            is_in = [
                np.isnan(v)
                if n > len(edges)
                else sum(v > e for e in edges) == n and not np.isnan(v)
                for v in side
            ]
            shares.append(max(np.mean(is_in), 1e-4))
        total += (shares[0] - shares[1]) * np.log(shares[0] / shares[1])
    return total


def coded(values: np.ndarray) -> Counter[int]:
    return Counter(codes_of(values.astype(float)).tolist())


@pytest.mark.parametrize("seed", range(8))
def test_the_index_equals_the_oracle_on_values_with_a_code_of_their_own(seed: int) -> None:
    generator = np.random.default_rng(seed)
    week = generator.poisson(3 + seed, 400).astype(float)
    day = generator.poisson(3 + 2 * seed, 150).astype(float)
    week[:seed], day[: 3 * seed] = np.nan, np.nan

    found = psi(coded(day), coded(week), config=CONFIG)

    assert found == pytest.approx(oracle(day, week, 10), rel=1e-9)


def test_the_same_shares_have_index_zero_and_a_day_of_nulls_only_a_large_one() -> None:
    week = np.arange(100)

    same = psi(coded(np.repeat(week, 3)), coded(week), config=CONFIG)
    gone = psi(Counter({NULL_CODE: 100}), coded(week), config=CONFIG)

    assert same == 0
    assert gone > 5


def test_codes_keep_the_order_of_values_of_any_sign_and_size() -> None:
    values = np.array([-np.inf, -3e9, -1.0, -1e-9, 0.0, 1e-300, 0.5, 1.0, 255.0, 1e12, np.inf])

    codes = codes_of(values)

    assert np.all(np.diff(codes) > 0)
    assert codes_of(np.array([-0.0]))[0] == codes_of(np.array([0.0]))[0]
    assert codes_of(np.array([np.nan]))[0] == NULL_CODE


def frame_of(spark: SparkSession, clicks_by_day: dict[date, list[int | None]]) -> DataFrame:
    rows = [
        (day, f"u{n}", clicks)
        for day, values in clicks_by_day.items()
        for n, clicks in enumerate(values)
    ]
    return spark.createDataFrame(rows, f"arrival_date date, user_id string, {FEATURE} int")


def sizes(clicks_by_day: dict[date, list[int | None]]) -> dict[date, int]:
    return {day: len(values) for day, values in clicks_by_day.items()}


def test_a_feature_that_moved_is_a_warning_on_the_day_it_moved(spark: SparkSession) -> None:
    week = {TODAY - timedelta(days=n): [*range(20)] * 3 for n in range(8)}
    tomorrow = TODAY + timedelta(days=1)
    moved = [value + 10 for value in range(20)] * 3
    clicks = {**week, tomorrow: moved}

    results = drift(
        FEATURES_USER_DAILY,
        frame_of(spark, clicks).repartition(3),
        num_rows=sizes(clicks),
        days=Days(TODAY, tomorrow),
        features=[FEATURE],
        config=CONFIG,
    )

    expected = oracle(moved, [*range(20)] * 21, 10)
    assert [(r.arrival_date, r.severity, r.is_met, r.observed) for r in results] == [
        (TODAY, "warning", True, "PSI 0.000"),
        (tomorrow, "warning", False, f"PSI {expected:.3f}"),
    ]


def test_too_few_rows_are_not_judged_and_that_is_said(spark: SparkSession) -> None:
    clicks = {TODAY: [9] * 60, TODAY - timedelta(days=1): [1] * 49}

    (result,) = drift(
        FEATURES_USER_DAILY,
        frame_of(spark, clicks),
        num_rows=sizes(clicks),
        days=one_day(TODAY),
        features=[FEATURE],
        config=CONFIG,
    )

    assert (result.is_met, result.observed) == (True, "too few rows to tell")


def test_a_sample_of_keys_finds_what_all_rows_find(spark: SparkSession) -> None:
    week = {TODAY - timedelta(days=n): [*range(20)] * 100 for n in range(1, 8)}
    clicks = {**week, TODAY: [value + 10 for value in range(20)] * 100}
    rows = frame_of(spark, clicks)
    sampling = QualityConfig(min_drift_rows=50, max_drift_rows=500)

    found = [
        drift(
            FEATURES_USER_DAILY,
            rows,
            num_rows=sizes(clicks),
            days=one_day(TODAY),
            features=[FEATURE],
            config=config,
        )
        for config in (CONFIG, sampling)
    ]

    of_all, of_sample = (float(results[0].observed.removeprefix("PSI ")) for results in found)
    assert of_sample == pytest.approx(of_all, rel=0.25)
    assert of_sample != of_all
