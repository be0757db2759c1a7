"""No check is decoration: each expectation, drift warning and asset check has a planted failure.

The failures of expectations are planted in ``tests/data_quality/expectations``: here is found, in
no time and without Spark, what of all suites they leave out. Features that drift are planted here;
so are, whole, broken rows in every table of a lake, on which every check of the definitions has to
block. Failures of what is no suite stand in other files, which ``ELSEWHERE`` names.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from dagster._core.definitions import freshness_evaluator
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.loader import LoadingContextForTest
from dagster._time import get_current_timestamp
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from data_quality.checks import NUM_ROWS, NUM_ROWS_TO_USUAL, NUM_USUAL_DAYS, Check, Unknown
from data_quality.config import QualityConfig
from data_quality.drift import drift
from data_quality.expectations import related_tables, suite
from data_quality.usual import with_usual
from data_quality.validate import unmet_days
from etl import tables
from etl.days import FULL_EVERY_DAYS, one_day
from etl.home import Home
from etl.lake import Lake
from etl.lake_files import LakeFiles
from etl.tables import Table
from orchestration.defs.checks import CHECKED, DRIFTING
from orchestration.reads import key
from orchestration.runs import execute
from orchestration.side_by_side import executor_of
from orchestration.workspace import Workspace
from tests.data_quality import conftest as planting
from tests.orchestration import tiny_shop
from tests.orchestration.test_served_truth import made
from tests.orchestration.written_lake import write

CONFIG = QualityConfig()
FOLDER = Path(__file__).parents[1] / "data_quality" / "expectations"
DAY = tiny_shop.day(9)
ELSEWHERE = {
    "expectations": (
        "tests.drills.test_planted_failures",
        "test_every_check_of_a_table_blocks_on_broken_rows",
    ),
    "training_parity": (
        "tests.orchestration.test_night",
        "test_slates_of_a_ranker_are_held_against_the_training_path",
    ),
    "calibration": (
        "tests.drills.test_planted_failures",
        "test_a_calibration_that_is_far_off_blocks",
    ),
    "hours": (
        "tests.drills.test_planted_failures",
        "test_an_hour_that_did_not_come_is_a_warning",
    ),
    "guarantees": (
        "tests.orchestration.test_night",
        "test_a_slate_that_breaks_a_promise_blocks_its_surface_and_its_file_is_kept",
    ),
}
"""By name of an asset check, the test that plants its failure."""
FRESHNESS = {"publications/log": (__name__, "test_slates_that_nobody_published_are_overdue")}
"""By asset, the test that lets its freshness policy fail."""
Planted = dict[Table, set[str]]


def recorded() -> Planted:
    """Which faults the tests of suites plant in which table: they are called with a plant that
    only listens. That each is caught is what these tests assert.
    """
    found: Planted = {}

    def listen(table: Table, faults: dict[str, Any], **_: object) -> SimpleNamespace:
        named = set(planting._of_schema(table)) | set(faults)
        found.setdefault(table, set()).update(named)
        return SimpleNamespace(
            assert_each_is_caught=lambda: None,
            assert_each_has_its_example=lambda **_: None,
            good=[],
            of_fault={},
        )

    for path in sorted(FOLDER.glob("test_*.py")):
        module = import_module(f"tests.data_quality.expectations.{path.stem}")
        for test in (f for n, f in vars(module).items() if n.startswith("test_each_fault")):
            test(listen)
    return found


def of_itself(table: Table, check: Check) -> Check:
    """The check as all tables of its kind have it: surfaces and rankers share their suites."""
    if not isinstance(check.measure, Unknown):
        return check
    sides = (check.measure.named, check.measure.known)
    named, known = (
        replace(one, table_path="itself") if one.table_path == table.path else one for one in sides
    )
    assert "itself" in {named.table_path, known.table_path}, f"{table.path} asks others alone"
    return replace(check, measure=Unknown(named=named, known=known))


def promised(table: Table) -> dict[str, Check]:
    return {c.name: of_itself(table, c) for c in suite(table, config=CONFIG)}


@pytest.fixture(scope="module")
def planted() -> set[Check]:
    """Every check of which a failure was planted, if only in one of the tables that share it."""
    return {promised(table)[name] for table, faults in recorded().items() for name in faults}


@pytest.mark.parametrize("table", tables.ALL, ids=lambda t: t.path)
def test_every_expectation_has_a_planted_failure(table: Table, planted: set[Check]) -> None:
    given = {NUM_ROWS_TO_USUAL, NUM_USUAL_DAYS}

    without = [name for name, check in promised(table).items() if check not in planted]

    assert set(without) <= given, f"{table.path}: plant a fault in tests/data_quality/expectations"


@pytest.mark.parametrize("is_touched_only", [False, True])
def test_a_day_of_other_size_than_usual_is_a_warning_in_every_table(
    *, is_touched_only: bool
) -> None:
    """Tables of a kind share the checks, so one of each stands for all."""
    alike = [t for t in CHECKED if t.is_touched_only is is_touched_only and _usual_of(t)]
    assert len({_usual_of(table) for table in alike}) == 1
    before = {DAY - timedelta(days=n): 500 for n in range(1, FULL_EVERY_DAYS + 2)}

    for num_rows, known, unmet in (
        (500, before, set()),
        (10, before, {NUM_ROWS_TO_USUAL}),
        (5_000, before, {NUM_ROWS_TO_USUAL}),
        (500, {}, {NUM_USUAL_DAYS}),
    ):
        frame = pd.DataFrame({NUM_ROWS: [num_rows]}, index=pd.Index([DAY], dtype=object))
        usual = with_usual(frame, table=alike[0], before=known, config=CONFIG)
        assert {c.name for c in unmet_days(usual, _usual_of(alike[0]))} == unmet


def _usual_of(table: Table) -> tuple[Check, ...]:
    given = {NUM_ROWS_TO_USUAL, NUM_USUAL_DAYS}
    return tuple(c for c in suite(table, config=CONFIG) if c.name in given)


def moving(spark: SparkSession, features: list[str]) -> DataFrame:
    """A week of days that are alike, and a day on which every feature has moved."""
    days = spark.range(8).select((F.lit(7) - F.col("id")).alias("age"))
    rows = days.crossJoin(spark.range(60).select(F.col("id").alias("n")))
    moved = F.when(F.col("age") == 0, 10).otherwise(0)
    value = (F.pmod("n", F.lit(20)) + moved).cast("double")
    return rows.select(
        F.date_sub(F.lit(DAY), F.col("age").cast("int")).alias("arrival_date"),
        F.col("n").cast("string").alias("user_id"),
        F.col("n").cast("int").alias("item_no"),
        *(value.alias(name) for name in features),
    )


@pytest.mark.parametrize("table", DRIFTING, ids=lambda t: t.path)
def test_every_feature_that_moves_is_a_warning(spark: SparkSession, table: Table) -> None:
    features = list(DRIFTING[table])
    week = one_day(DAY).reaching_back(7)

    results = drift(
        table,
        moving(spark, features).drop(*({"user_id", "item_no"} - set(table.key))),
        num_rows=dict.fromkeys(week, 60),
        days=one_day(DAY),
        features=features,
        config=QualityConfig(min_drift_rows=50),
    )

    assert len(results) == len(features) > 0
    assert [r.expectation for r in results if r.is_met or r.severity != "warning"] == []


def test_every_check_and_freshness_policy_of_the_definitions_is_planted(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    checks = {check.name for check in graph.asset_check_keys}
    policies = {
        node.key.to_user_string()
        for node in graph.asset_nodes
        if getattr(node, "freshness_policy", None) is not None
        or getattr(node, "legacy_freshness_policy", None) is not None
    }

    assert checks == set(ELSEWHERE)
    assert policies == set(FRESHNESS)
    for module, test in (*ELSEWHERE.values(), *FRESHNESS.values()):
        assert callable(getattr(import_module(module), test))


@pytest.mark.parametrize(
    ("hours", "state"),
    [(25, FreshnessState.PASS), (28, FreshnessState.WARN), (37, FreshnessState.FAIL)],
)
def test_slates_that_nobody_published_are_overdue(
    definitions: dg.Definitions,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
    state: FreshnessState,
) -> None:
    published = key(tables.PUBLICATIONS_LOG)
    node = definitions.resolve_asset_graph().get(published)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(published, partition=str(DAY)))
        later = get_current_timestamp() + hours * 3600
        monkeypatch.setattr(freshness_evaluator, "get_current_timestamp", lambda: later)
        asked = freshness_evaluator.TimeWindowFreshnessPolicyEvaluator().evaluate_freshness(
            LoadingContextForTest(instance), node
        )

        assert asyncio.run(asked) is state


def broken_lake(home: Home, spark: SparkSession, checked: list[Table]) -> None:
    """A day of every table: one row, twice."""
    home.begin(DAY)
    lake = Lake(spark, home.lake, DAY)
    for table in checked:
        row = {f.name: planting.value_of(f.dataType, DAY) for f in table.schema}
        values = [tuple(row[name] for name in table.column_names)] * 2
        lake.write(table, spark.createDataFrame(values, table.schema), one_day(DAY))


SMALL = (tables.SILVER_LINE_COUNTS,)


def checked_by(
    definitions: dg.Definitions, root: Path, day: date, *keys: dg.AssetCheckKey
) -> dict[str, dg.AssetCheckEvaluation]:
    """Run some checks on a day of a home: what they said, by table."""
    loaded = dg.Definitions(
        assets=definitions.assets,
        asset_checks=definitions.asset_checks,
        jobs=[dg.define_asset_job("checks", selection=dg.AssetSelection.checks(*keys))],
        resources={"workspace": Workspace(home_path=str(root))},
        executor=executor_of(2),
    )
    with dg.DagsterInstance.ephemeral() as instance:
        tags = {"dagster/partition": str(day)}
        result = execute(loaded.resolve_job_def("checks"), instance, tags=tags)
    found = result.get_asset_check_evaluations()
    return {one.asset_key.to_user_string(): one for one in found}


def is_blocking(found: dg.AssetCheckEvaluation) -> bool:
    return not found.passed and found.severity == dg.AssetCheckSeverity.ERROR


def test_a_calibration_that_is_far_off_blocks(definitions: dg.Definitions, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.begin(tiny_shop.FIRST_DAY)
    files = LakeFiles(home.lake, tiny_shop.FIRST_DAY)
    for number in range(1, 10):
        made(files, tiny_shop.day(number), 0.5)

    where = dg.AssetCheckKey(key(tables.RANKERS_CALIBRATORS), "calibration")
    found = checked_by(definitions, tmp_path, DAY, where)

    [one] = found.values()
    assert is_blocking(one)
    assert "product_feed, click" in str(one.description)
    assert "beyond 1 ± 10%" in str(one.description)


def test_an_hour_that_did_not_come_is_a_warning(
    definitions: dg.Definitions, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    home.begin(tiny_shop.FIRST_DAY)
    files = LakeFiles(home.lake, tiny_shop.FIRST_DAY)
    for day in one_day(DAY).reaching_back(7):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        rows = [
            {
                "source": "app",
                "file_name": f"{hour:02}-a",
                "arrival_at": midnight + timedelta(hours=hour),
                "landing_date": str(day),
            }
            for hour in (6, 7, 8)
            if (day, hour) != (DAY, 7)
        ]
        write(files, tables.BRONZE_FILES, day, *rows)

    where = dg.AssetCheckKey(key(tables.BRONZE_FILES), "hours")
    [found] = checked_by(definitions, tmp_path, DAY, where).values()

    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "app of 7 h" in str(found.description)
    assert "the next night reads it; else ask who sends it" in str(found.description)


def test_every_check_of_a_table_blocks_on_broken_rows(
    definitions: dg.Definitions, spark: SparkSession, tmp_path: Path, *, is_whole: bool
) -> None:
    checked = list(CHECKED if is_whole else SMALL)
    needed = {other for table in checked for other in (table, *related_tables(table))}
    broken_lake(Home(tmp_path), spark, sorted(needed, key=lambda table: table.path))

    # One by one: a check waits for those of the tables that it reads, and would stop with them.
    found: dict[str, dg.AssetCheckEvaluation] = {}
    for table in checked:
        where = dg.AssetCheckKey(key(table), "expectations")
        found |= checked_by(definitions, tmp_path, DAY, where)

    assert set(found) == {table.path for table in checked}
    assert [path for path, one in found.items() if not is_blocking(one)] == []
    assert all(str(DAY) in str(one.description) for one in found.values())
