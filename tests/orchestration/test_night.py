"""Nights from raw lines to a publication, in one process on real Delta tables."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
import xgboost as xgb
from pyspark.sql import SparkSession

from etl import tables, upkeep
from etl.days import Days
from etl.home import Home
from etl.lake import Lake
from etl.lake_files import LakeFiles
from etl.tables import Table
from etl.upkeep import UpkeepConfig
from orchestration.defs.nightly import TRAINED
from orchestration.planning import EVERYTHING, selection
from orchestration.reads import key
from orchestration.runs import LEFT_OUT
from scoring import reader
from tests.orchestration import tiny_shop
from tests.orchestration.nights import (
    FEED,
    MADE_BY_ROWS_ONLY,
    PUBLISHED,
    ROWS_ONLY,
    Shop,
    differing,
    night,
)
from tests.orchestration.tiny_shop import FIRST_DAY, day
from tests.training.rankers import conformance
from training import registry
from training.promote import Champion
from training.rankers import gbdt
from training.rankers.gbdt import GbdtConfig
from training.rankers.item_effects import ItemEffects
from training.rankers.ranker import Ranker
from training.registry import ModelName

SLATES = tables.SLATES[FEED]
NIGHTS = Days(day(1), day(2))
LAST = NIGHTS.last
GARBAGE_DAY = day(3)
JUDGED, JUDGED_WITHOUT_FIT = "judged", "judged_without_fit"
WITHOUT_FIT = {LEFT_OUT: " ".join(table.path for table in TRAINED)}
RANKED = "ranked"
"""Makes one surface's slates and checks them."""
PARITY = "parity"
"""Holds them against the training path once more."""
PARITY_CHECK = dg.AssetCheckKey(key(SLATES), "training_parity")
AGAIN = "again"
"""Makes some tables of each layer again, those among them that build on their own past."""
HALVED = ItemEffects(np.arange(1000), np.full(1000, 0.5, np.float32))
"""Of every item half as many clicks as its features let expect."""
MADE_AGAIN = (
    tables.BRONZE_LINES,
    tables.SILVER_EVENTS,
    tables.SILVER_ITEMS,
    tables.FEATURES_USER_DAILY,
    tables.FEATURES_USER_PAIRS,
    tables.RETRIEVAL_COVISITATION,
    tables.SIMILAR[FEED],
    tables.CANDIDATES[FEED],
    tables.EXAMPLES[FEED],
    tables.RANKERS_REPORTS,
    tables.SLATES[FEED],
    tables.REPORTS_SLATES,
)


def _only(made: Sequence[Table]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*map(key, made)).without_checks()


JUDGES = selection(tables.RANKERS_REPORTS, tables.RANKERS_CHAMPIONS).without_checks()
JOBS = (
    dg.define_asset_job(AGAIN, selection=_only(MADE_AGAIN)),
    dg.define_asset_job(RANKED, selection=dg.AssetSelection.assets(key(SLATES))),
    dg.define_asset_job(PARITY, selection=dg.AssetSelection.checks(PARITY_CHECK)),
    dg.define_asset_job(JUDGED, selection=JUDGES),
    dg.define_asset_job(JUDGED_WITHOUT_FIT, selection=JUDGES, tags=WITHOUT_FIT),
)


class CrownedShop(Shop):
    """One home, the jobs that run on it, and who serves it."""

    def __init__(self, home: Home, definitions: dg.Definitions, spark: SparkSession) -> None:
        super().__init__(home, definitions, spark, jobs=JOBS)
        self.told: dict[str, set[str]] = {}
        """What the night said of each table: the names of its metadata."""

    def crown(self, fitted: Ranker, when: date) -> None:
        """Let a ranker serve the feed on one night."""
        lake = Lake(self._spark, self.home.lake, FIRST_DAY)
        champion = Champion(FEED, fitted.name, when, when, "ann", "to see it serve")
        name = ModelName(fitted.name, FEED, when)
        sha256 = registry.save(self.home.models, name, fitted.save(), {})
        fits = tables.RANKERS[fitted.name]
        model = dict.fromkeys(fits.column_names) | champion.row(when)
        model |= {"is_fitted": True, "sha256": sha256, "num_examples": 0}
        model |= {"num_clicks": 0, "num_orders": 0}
        for table, row in (
            (fits, model),
            (tables.RANKERS_CHAMPIONS, champion.row(when) | {"challenged": None}),
        ):
            lake.write(table, lake.frame(table, [row]), night(when))


def is_blocking(evaluated: dg.AssetCheckEvaluation) -> bool:
    return not evaluated.passed and evaluated.severity == dg.AssetCheckSeverity.ERROR


def parity_of(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    """What was said of the slates beside the training path."""
    found = result.get_asset_check_evaluations()
    return [check for check in found if check.check_name == "training_parity"]


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, definitions: dg.Definitions, spark: SparkSession
) -> CrownedShop:
    """Two nights one by one; the last made, checked and published by every night's job."""
    home = Home(tmp_path_factory.mktemp("nights"))
    tiny_shop.open_shop(home, NIGHTS)
    opened = CrownedShop(home, definitions, spark)
    assert opened.run(ROWS_ONLY, night(NIGHTS.first)).success
    done = opened.run("nightly", night(LAST), tasks=5)
    assert done.success
    made = [event.materialization for event in done.get_asset_materialization_events()]
    opened.told = {one.asset_key.to_user_string(): set(one.metadata) for one in made}
    return opened


def test_a_user_reads_the_slate_that_the_night_made_of_raw_lines(shop: CrownedShop) -> None:
    answer = reader.top(shop.home.publications, "user-3", FEED)

    assert (answer["served_from"], answer["day"]) == ("own", str(LAST))
    items = [place["item"] for place in answer["items"]]
    rows = [row for when in NIGHTS for row in tiny_shop.rows_of(when)]
    ordered = {item for user, item, event, *_ in rows if user == "user-3" and event == "order"}
    assert len(items) == len(set(items)) > 0
    assert set(items) <= {f"item-{n}" for n in range(tiny_shop.NUM_ITEMS)} - ordered


def test_a_stranger_reads_the_default_slate(shop: CrownedShop) -> None:
    answer = reader.top(shop.home.publications, "nobody", FEED)

    assert answer["served_from"] == "default"
    assert answer["items"]


def test_every_line_is_an_event_of_its_day(shop: CrownedShop) -> None:
    for when in NIGHTS:
        assert shop.num_rows(tables.SILVER_EVENTS, when) == len(tiny_shop.rows_of(when))
        assert shop.num_rows(tables.SILVER_REJECTED_LINES, when) == 0


def test_what_was_checked_is_on_record(shop: CrownedShop) -> None:
    found = shop.rows(tables.DATA_QUALITY_RESULTS, night(LAST)).to_pylist()

    checked = {row["table_path"] for row in found}
    assert checked == {t.path for t in EVERYTHING} - {"publications/log"}
    assert [r for r in found if r["severity"] == "critical" and not r["is_met"]] == []


def test_every_table_says_what_it_cost(shop: CrownedShop) -> None:
    cost = {"wall_seconds", "cpu_seconds", "peak_memory_mb"}
    assert {t.path for t in EVERYTHING} - shop.told.keys() == set()
    assert [name for name, told in shop.told.items() if not told >= cost] == []


def test_a_rerun_leaves_the_same_rows_and_other_days_alone(shop: CrownedShop) -> None:
    made = {table: shop.rows(table, NIGHTS) for table in MADE_BY_ROWS_ONLY}
    files_of_first, files_of_last = shop.files_of(NIGHTS.first), shop.files_of(LAST)

    assert shop.run(AGAIN, night(LAST)).success

    assert shop.files_of(LAST) != files_of_last
    assert [t.path for t in made if not made[t].equals(shop.rows(t, NIGHTS))] == []
    assert files_of_first
    assert shop.files_of(NIGHTS.first) == files_of_first


def test_nights_one_by_one_and_one_range_leave_the_same_rows(
    shop: CrownedShop, tmp_path: Path, definitions: dg.Definitions, spark: SparkSession
) -> None:
    tiny_shop.open_shop(Home(tmp_path), NIGHTS)
    at_once = CrownedShop(Home(tmp_path), definitions, spark)

    assert at_once.run(ROWS_ONLY, NIGHTS, tasks=7).success

    assert at_once.rows(tables.SLATES[FEED], NIGHTS).num_rows > 2 * tiny_shop.NUM_USERS
    assert differing(at_once.home, shop.home, NIGHTS, MADE_BY_ROWS_ONLY) == []


def test_a_rerun_after_upkeep_leaves_the_same_rows(
    shop: CrownedShop, tmp_path: Path, definitions: dg.Definitions, spark: SparkSession
) -> None:
    shutil.copytree(shop.home.root, tmp_path / "home")
    kept = CrownedShop(Home(tmp_path / "home"), definitions, spark)
    files = LakeFiles(kept.home.lake, FIRST_DAY)
    at_once = UpkeepConfig(removed_hours=0, settled_days=0, max_files=1)
    a_year_later = LAST + timedelta(days=tables.BRONZE_LINES.retention_days - 1)
    for table in EVERYTHING:
        newest = a_year_later if table is tables.BRONZE_LINES else LAST
        for pile in upkeep.piles(files, table, newest=newest, config=at_once):
            pile.go()

    assert kept.run(AGAIN, night(LAST)).success

    assert files.forgotten_days(tables.BRONZE_LINES) == {NIGHTS.first}
    made = [table for table in MADE_BY_ROWS_ONLY if table is not tables.BRONZE_LINES]
    assert differing(kept.home, shop.home, NIGHTS, made) == []


def test_a_night_without_training_goes_on_with_the_champion(shop: CrownedShop) -> None:
    champions = shop.rows(tables.RANKERS_CHAMPIONS, night(LAST))
    marker = shop.home.lake / "_days" / "rankers" / "gbdt" / str(LAST)
    marker.unlink()

    refused = shop.run(JUDGED, night(LAST))
    result = shop.run(JUDGED_WITHOUT_FIT, night(LAST))

    assert not refused.success
    assert result.success
    assert shop.rows(tables.RANKERS_CHAMPIONS, night(LAST)).equals(champions)


def test_slates_of_a_ranker_are_held_against_the_training_path(
    shop: CrownedShop, tmp_path: Path, definitions: dg.Definitions, spark: SparkSession
) -> None:
    shutil.copytree(shop.home.root, tmp_path / "home")
    ranked = CrownedShop(Home(tmp_path / "home"), definitions, spark)
    with xgb.config_context(nthread=1):
        config = GbdtConfig(num_rounds=8, max_depth=3)
        fitted = gbdt.fit(conformance.days, conformance.SPLIT, config, 7)
    ranked.crown(fitted, LAST)

    result = ranked.run(RANKED, night(LAST))
    ranked.crown(replace(fitted, effects=HALVED), LAST)
    by_another = ranked.run(PARITY, night(LAST))

    [parity] = parity_of(result)
    assert parity.passed
    users = [row for row in ranked.rows(SLATES, night(LAST)).to_pylist() if row["items"]]
    own = [row for row in users if row["audience"] == "user"]
    assert {row["ranker"] for row in own} == {"gbdt"}
    places = sum(len(row["items"]) + len(row["reserve"]) for row in own)
    assert parity.metadata["num_places"].value == places > 0
    [parity] = parity_of(by_another)
    assert is_blocking(parity)
    assert "p_click of item item-" in str(parity.description)
    assert f"nightmarket night --day {LAST}" in str(parity.description)


def test_a_slate_that_breaks_a_promise_blocks_its_surface_and_its_file_is_kept(
    shop: CrownedShop, tmp_path: Path, definitions: dg.Definitions, spark: SparkSession
) -> None:
    shutil.copytree(shop.home.root, tmp_path / "home")
    broken = CrownedShop(Home(tmp_path / "home"), definitions, spark)
    before = reader.top(broken.home.publications, "user-3", FEED)
    lake = Lake(spark, broken.home.lake, FIRST_DAY)
    rows = lake.files.arrow(SLATES, night(LAST)).to_pylist()
    twice = [row | {"items": row["items"] + row["items"][:1]} for row in rows]
    lake.write(SLATES, lake.frame(SLATES, twice), night(LAST))

    result = broken.run(PUBLISHED, night(LAST))

    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, is_blocking(check)) == ("guarantees", True)
    assert "item" in str(check.metadata["blocked"].value[FEED])
    assert reader.top(broken.home.publications, "user-3", FEED) == before


def test_a_day_of_garbage_blocks_and_readers_keep_what_they_had(shop: CrownedShop) -> None:
    tiny_shop.land_garbage(shop.home, GARBAGE_DAY)

    result = shop.run("nightly", night(GARBAGE_DAY))

    assert not result.success
    assert shop.num_rows(tables.SILVER_REJECTED_LINES, GARBAGE_DAY) == 15
    evaluated = result.get_asset_check_evaluations()
    blocked = [c.asset_key.to_user_string() for c in evaluated if is_blocking(c)]
    assert blocked == ["silver/line_counts"]
    assert "silver_items" not in {e.step_key for e in result.all_events if e.is_step_success}
    assert reader.top(shop.home.publications, "user-3", FEED)["day"] == str(LAST)
