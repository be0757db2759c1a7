"""Pools the evenings of a range: what slates were worth beside every other list, with intervals.

Reads what ``scoring.reports.by_user`` measured of each user on each evening; resamples users, not
evenings, because a user's evenings are alike. Popularity-of-7-days stands beside every number, and
the fused order of the same candidates shows what the ranker alone is worth.

Shapes: N user-nights, M metrics.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.days import Days
from training.metrics import bootstrap_by_group
from training.slate_metrics import METRICS, POLICIES

OURS: Final = "slates"
FUSED: Final = "candidates"
COMPARED: Final = METRICS[:-1]
"""What can differ between policies; the ceiling is one for all."""
_SHARE_STEPS: Final = 1_000_000
_SAID_OF_FUSED: Final = (
    f"Slates less {FUSED} is the ranker's share: the same candidates in the fused order. What caps "
    "and exploration cost is in it."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestConfig:
    """What is pooled."""

    horizon_days: int = 7
    """Days after each evening that were watched."""
    user_share: float = 1.0
    """Share of users, chosen by a hash, whose values reach the driver: about 150 bytes a night."""
    seed: int = 0
    """Of the resampling."""


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of one policy, or by how much slates exceed it for the same user-nights."""

    audience: str
    policy: str
    metric: str
    is_difference: bool
    """Whether it is slates less this policy, paired by user and evening."""
    mean: float
    """Over user-nights."""
    low: float
    high: float
    num_users: int
    num_user_nights: int


def pool(values: DataFrame, *, slate_days: Days, config: BacktestConfig) -> list[Line]:
    """Pool the evenings of a range.

    Args:
        values: As ``scoring.reports.by_user`` gives them, of the evenings.
        slate_days: The evenings whose slates are judged.
        config: What is pooled.

    Returns:
        For each audience and policy its measures, then what slates exceed it by.
    """
    chosen = F.pmod(F.xxhash64("user_id"), F.lit(_SHARE_STEPS)) < config.user_share * _SHARE_STEPS
    of_range = F.col("slate_date").between(slate_days.first, slate_days.last)
    of_range &= F.col("horizon_days") == config.horizon_days
    # A hash stands for the user: two users of one hash among a million are a chance of 1e-7.
    user = F.xxhash64("user_id").alias("user")
    rows = values.where(chosen & of_range).select(
        "audience", "policy", user, "slate_date", "values"
    )
    nights = rows.toArrow().sort_by([(name, "ascending") for name in ("user", "slate_date")])
    return [
        line
        for audience, policies in POLICIES.items()
        for line in _lines(audience, _by_policy(nights, audience, policies), config.seed)
    ]


@dataclass(frozen=True, slots=True)
class _Nights:
    """One policy's user-nights, by user and evening: the same for every policy."""

    user_N: np.ndarray
    value_NM: np.ndarray


def _by_policy(nights: pa.Table, audience: str, policies: tuple[str, ...]) -> Mapping[str, _Nights]:
    mine = nights.filter(pc.equal(nights["audience"], audience))
    found = {}
    for policy in policies:
        rows = mine.filter(pc.equal(mine["policy"], policy))
        flat = rows["values"].combine_chunks().flatten().to_numpy()
        found[policy] = _Nights(rows["user"].to_numpy(), flat.reshape(-1, len(METRICS)))
    return found


def _lines(audience: str, nights: Mapping[str, _Nights], seed: int) -> Iterator[Line]:
    ours = nights[OURS]
    for policy, theirs in nights.items():
        yield from _measured(audience, policy, theirs, is_difference=False, seed=seed)
    for policy, theirs in nights.items():
        if policy != OURS:
            less = _Nights(ours.user_N, ours.value_NM - theirs.value_NM)
            compared = _measured(audience, policy, less, is_difference=True, seed=seed)
            yield from (line for line in compared if line.metric in COMPARED)


def _measured(
    audience: str, policy: str, nights: _Nights, *, is_difference: bool, seed: int
) -> Iterator[Line]:
    for place, metric in enumerate(METRICS):
        found = bootstrap_by_group(nights.value_NM[:, place], nights.user_N, seed=seed)
        yield Line(
            audience=audience,
            policy=policy,
            metric=metric,
            is_difference=is_difference,
            mean=found.mean,
            low=found.low,
            high=found.high,
            num_users=found.num_users,
            num_user_nights=len(nights.user_N),
        )


def markdown(lines: list[Line]) -> str:
    """Write a report for a person: for each audience the measures, then the differences.

    Args:
        lines: As ``pool`` gives them.
    """
    parts = [
        _audience(name, [line for line in lines if line.audience == name]) for name in POLICIES
    ]
    return "\n\n".join(parts) + "\n"


def _audience(name: str, lines: list[Line]) -> str:
    measured = [line for line in lines if not line.is_difference]
    counted = f"{measured[0].num_users} users, {measured[0].num_user_nights} user-nights"
    parts = [f"### {name}: {counted}", _table("policy", METRICS, measured)]
    parts.append(_table("slates less", COMPARED, [line for line in lines if line.is_difference]))
    if any(line.policy == FUSED for line in lines):
        parts.append(_SAID_OF_FUSED)
    return "\n\n".join(parts)


def _table(corner: str, metrics: Sequence[str], lines: list[Line]) -> str:
    cells = {(line.policy, line.metric): _cell(line) for line in lines}
    head = [corner, *metrics]
    rows = [
        [policy, *(cells[policy, metric] for metric in metrics)]
        for policy in dict.fromkeys(line.policy for line in lines)
    ]
    ruled = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in ruled)


def _cell(line: Line) -> str:
    sign = "+" if line.is_difference else ""
    return (
        "–"
        if math.isnan(line.mean)
        else (f"{line.mean:{sign}.4f} [{line.low:{sign}.4f}, {line.high:{sign}.4f}]")
    )
