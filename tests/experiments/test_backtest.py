from datetime import date, timedelta

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from etl.days import Days
from experiments.backtest import BacktestConfig, Line, markdown, pool
from training.slate_metrics import METRICS, POLICIES

FIRST = date(2026, 1, 1)
NIGHTS = Days(FIRST, FIRST + timedelta(days=2))
VALUES = "slate_date date, horizon_days int, audience string, policy string, user_id string, "
Row = tuple[date, int, str, str, str, list[float]]


def nights(seed: int, num_users: int = 40) -> list[Row]:
    """Users on some of five evenings; slates find a little more than the rest."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(num_users):
        audience = "default" if number % 4 == 0 else "user"
        for evening in range(5):
            if rng.random() < 0.4:
                continue
            base = rng.random(len(METRICS)) * 0.5
            for policy in POLICIES[audience]:
                values = np.minimum(base + (policy == "slates") * 0.2 + rng.random(4) * 0.1, 1.0)
                when = FIRST + timedelta(days=evening)
                for horizon in (1, 7):
                    found = (values / horizon).tolist()
                    rows.append((when, horizon, audience, policy, f"user{number}", found))
    return rows


def frame(spark: SparkSession, rows: list[Row]) -> DataFrame:
    return spark.createDataFrame(rows, VALUES + "values array<double>")


def slow(rows: list[Row], audience: str, policy: str, metric: str) -> dict[tuple[str, date], float]:
    """User-nights of the range at horizon 7."""
    at = METRICS.index(metric)
    return {
        (user, when): values[at]
        for when, horizon, a, p, user, values in rows
        if (a, p, horizon) == (audience, policy, 7) and when in NIGHTS
    }


def resampled(by_night: dict[tuple[str, date], float]) -> tuple[float, float]:
    """A bootstrap by user the slow way: users are drawn, each with all his nights."""
    rng = np.random.default_rng(99)
    by_user: dict[str, list[float]] = {}
    for (user, _), value in by_night.items():
        by_user.setdefault(user, []).append(value)
    groups, means = list(by_user.values()), []
    for _ in range(2000):
        drawn = [groups[n] for n in rng.integers(0, len(groups), len(groups))]
        means.append(np.mean([value for group in drawn for value in group]))
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return nights(3)


@pytest.fixture(scope="module")
def lines(spark: SparkSession, rows: list[Row]) -> list[Line]:
    return pool(frame(spark, rows), slate_days=NIGHTS, config=BacktestConfig(seed=5))


def test_every_policy_is_pooled_over_its_user_nights(rows: list[Row], lines: list[Line]) -> None:
    measured = [line for line in lines if not line.is_difference]
    assert len(measured) == (4 + 2) * len(METRICS)
    for line in measured:
        found = slow(rows, line.audience, line.policy, line.metric)
        assert line.mean == pytest.approx(np.mean(list(found.values())))
        assert line.num_user_nights == len(found)
        assert line.num_users == len({user for user, _ in found})


def test_slates_are_compared_on_the_same_user_nights(rows: list[Row], lines: list[Line]) -> None:
    compared = [line for line in lines if line.is_difference]
    assert len(compared) == (3 + 1) * 3
    for line in compared:
        ours = slow(rows, line.audience, "slates", line.metric)
        theirs = slow(rows, line.audience, line.policy, line.metric)
        less = {night: value - theirs[night] for night, value in ours.items()}
        assert line.mean == pytest.approx(np.mean(list(less.values())))
        assert (line.low, line.high) == pytest.approx(resampled(less), abs=0.004)
        assert 0 < line.low < line.mean < line.high


def test_the_order_of_the_rows_changes_nothing(spark: SparkSession, rows: list[Row]) -> None:
    config = BacktestConfig(seed=5)
    first, second = (
        pool(frame(spark, order), slate_days=NIGHTS, config=config) for order in (rows, rows[::-1])
    )
    assert first == second


def test_a_share_of_the_users_comes_with_all_their_nights(
    spark: SparkSession, rows: list[Row], lines: list[Line]
) -> None:
    config = BacktestConfig(user_share=0.5)
    some = pool(frame(spark, rows), slate_days=NIGHTS, config=config)
    whole = {(line.audience, line.policy, line.metric): line for line in lines}
    for line in (line for line in some if not line.is_difference):
        assert 0 < line.num_users < whole[line.audience, line.policy, line.metric].num_users
        assert line.num_user_nights >= line.num_users


def test_a_report_shows_intervals_differences_and_who_was_counted(lines: list[Line]) -> None:
    said = markdown(lines)
    first = lines[0]
    assert f"### user: {first.num_users} users, {first.num_user_nights} user-nights" in said
    assert f"| slates | {first.mean:.4f} [{first.low:.4f}, {first.high:.4f}] |" in said
    assert "| slates less | recall@20 | ndcg@20 | hit_rate@20 |" in said
    assert "| popularity_7d | +0." in said
    assert "the ranker's share" in said.split("### default")[0]


def test_a_range_without_user_nights_is_said_and_not_an_error(spark: SparkSession) -> None:
    lines = pool(frame(spark, []), slate_days=NIGHTS, config=BacktestConfig())
    assert {line.num_users for line in lines} == {0}
    assert "| slates | – | – | – | – |" in markdown(lines)
