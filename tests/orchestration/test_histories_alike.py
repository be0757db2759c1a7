"""Examples and slates give a ranker the same histories: by night, by range, in any shuffle."""

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from etl import tables
from etl.days import Days, one_day
from etl.lake import Lake, MissingDayError
from etl.lake_files import LakeFiles
from etl.surfaces import PRODUCT_FEED
from orchestration.example_days import ExampleDays
from orchestration.explained_rows import Evening
from orchestration.table_asset import Night
from orchestration.workspace import Workspace
from scoring import slates
from scoring.explain import explain
from scoring.explore import ExplorationConfig
from scoring.mixes import CandidatesConfig, Share
from scoring.rank import Serving
from scoring.slates import NightModel, SlateConfig
from tests.orchestration import remembered_lake
from tests.orchestration.remembered_lake import BUSY, EVENINGS, FIRST, LAST, LONG_AGO, USERS
from tests.orchestration.written_lake import made as none_made
from tests.orchestration.written_lake import write
from tests.training.known_evening import frame_of
from tests.training.rankers import history_reader
from training import array_file, item_side, promote, registry
from training.registry import ModelName

CONFIG = SlateConfig(
    k=20,
    caps={"seller_cap": 99, "category_cap": 99},
    exploration=ExplorationConfig(rate=0.0),
)
READER = history_reader.serving("product_feed", FIRST)
FUSED = Serving(promote.first("product_feed", FIRST), "", {})
Scores = dict[tuple[date, str, int], float | None]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> LakeFiles:
    return remembered_lake.remembered(tmp_path_factory.mktemp("lake"))


class Slates:
    """Makes users' slates of some evenings with everything that is in the lake."""

    def __init__(self, files: LakeFiles, folder: Path, spark: SparkSession) -> None:
        self.lake = Lake(spark, files.root, FIRST)
        self.spark, self.folder = spark, folder

    def __call__(
        self, evenings: Days, *, tasks: int = 2, others: dict[date, Serving] | None = None
    ) -> Scores:
        """p_click by evening, user and item; others serve instead of the reader where said."""
        return dict(_scores(self.rows(evenings, tasks=tasks, others=others)))

    def rows(
        self, evenings: Days, *, tasks: int = 2, others: dict[date, Serving] | None = None
    ) -> pa.Table:
        """Rows of slates/product_feed."""
        self.spark.conf.set("spark.sql.shuffle.partitions", str(tasks))
        serving = dict.fromkeys(evenings, READER) | (others or {})
        return slates.build(
            **self.inputs(evenings),
            history=self.lake.since_full(tables.FEATURES_USER_HISTORY, evenings),
            surface=PRODUCT_FEED,
            nights={day: NightModel(self._sent(day), serving[day]) for day in evenings},
            config=CONFIG,
        ).toArrow()

    def inputs(self, evenings: Days) -> dict[str, DataFrame]:
        """What slates are made of whoever serves."""
        users = [row for day in evenings for row in remembered_lake.user_rows(day)]
        proposed = [row for day in evenings for row in remembered_lake.candidate_rows(day)]
        return {
            "users": frame_of(self.spark, tables.FEATURES_USER_DAILY, users),
            "candidates": frame_of(self.spark, tables.CANDIDATES["product_feed"], proposed),
            "pairs": self.lake.since_full(tables.FEATURES_USER_PAIRS, evenings),
        }

    def _sent(self, evening: date) -> str:
        table, columns = tables.FEATURES_ITEM_DAILY, item_side.COLUMNS
        rows = self.lake.files.arrow(table, one_day(evening), columns=columns)
        path = array_file.write(item_side.arrays_of(rows), self.folder)
        self.spark.sparkContext.addFile(str(path))
        return path.name


def _scores(rows: pa.Table) -> Iterator[tuple[tuple[date, str, int], float | None]]:
    for row in rows.to_pylist():
        for place in row["items"]:
            yield (row["arrival_date"], row["audience_key"], place["item_no"]), place["p_click"]


@pytest.fixture(scope="module")
def made(
    files: LakeFiles, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Slates]:
    tasks = spark.conf.get("spark.sql.shuffle.partitions")
    yield Slates(files, tmp_path_factory.mktemp("sides"), spark)
    spark.conf.set("spark.sql.shuffle.partitions", str(tasks))


@pytest.fixture(scope="module")
def of_range(made: Slates) -> Scores:
    return made(EVENINGS, tasks=5)


def of_examples(files: LakeFiles) -> Scores:
    """The same of examples, as whoever learns from them or judges by them scores them."""
    read = ExampleDays(files, PRODUCT_FEED, LAST, 7, with_histories=True)
    found: Scores = {}
    for day in remembered_lake.SHOWN:
        batch = read(day)
        click_N = history_reader.HistoryReader().score(batch.given)["click"]
        evenings = [date(1970, 1, 1) + timedelta(days=n) for n in batch.evening_N.tolist()]
        users = [USERS[n] for n in batch.user_N.tolist()]
        keys = zip(evenings, users, batch.given.item_N.tolist(), strict=True)
        found |= dict(zip(keys, click_N.tolist(), strict=True))
    return found


def test_examples_and_slates_are_scored_alike(files: LakeFiles, of_range: Scores) -> None:
    found = of_examples(files)

    assert len(found) == len(EVENINGS) * len(USERS) * remembered_lake.NUM_EACH
    assert found == of_range
    # Only of those of whom the log knows nothing recent is there nothing to read.
    unread = {user for (_, user, _), p_click in found.items() if not p_click}
    assert unread == {remembered_lake.SILENT, remembered_lake.LONG_AGO}
    assert len(set(found.values())) > len(found) / 2


@pytest.mark.parametrize("tasks", [1, 4])
def test_nights_and_a_range_score_alike(made: Slates, of_range: Scores, tasks: int) -> None:
    for evening in EVENINGS:
        own = {key: p_click for key, p_click in of_range.items() if key[0] == evening}
        assert made(one_day(evening), tasks=tasks) == own


def test_a_night_whose_champion_reads_nothing_stands_beside_one_whose_does(
    made: Slates, of_range: Scores
) -> None:
    found = made(EVENINGS, others={EVENINGS.first: FUSED})

    expected = {
        key: None if key[0] == EVENINGS.first else p_click for key, p_click in of_range.items()
    }
    assert found == expected


def test_histories_are_opened_only_where_a_champion_reads_them(
    made: Slates, of_range: Scores, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from orchestration.defs import slates as asset

    night = Night(Workspace(home_path=str(tmp_path)), made.lake, EVENINGS, "test")
    inputs = made.inputs(EVENINGS)
    marker = made.lake.root / "_days" / tables.FEATURES_USER_HISTORY.path / str(EVENINGS.last)

    def scores(serving: Serving) -> Scores:
        monkeypatch.setattr(asset.champions, "serving", lambda *_: serving)
        return dict(_scores(asset.own_slates(night, PRODUCT_FEED, inputs, CONFIG).toArrow()))

    assert scores(READER) == of_range
    marker.rename(tmp_path / "marker")
    try:
        with pytest.raises(MissingDayError, match="features/user_history"):
            scores(READER)
        assert scores(FUSED) == dict.fromkeys(of_range)
    finally:
        (tmp_path / "marker").rename(marker)


def test_why_scores_as_the_night_did(
    made: Slates, of_range: Scores, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    evening = EVENINGS.last
    files = known_to_why(made, evening, tmp_path)
    name = history_reader.NAME
    monkeypatch.setitem(sys.modules, f"training.rankers.{name}", history_reader)
    monkeypatch.setattr(registry, "RANKER_NAMES", (*registry.RANKER_NAMES, name))
    monkeypatch.setitem(tables.RANKERS, name, tables.RANKERS["gbdt"])
    for user in (BUSY, LONG_AGO):
        item = remembered_lake.candidates_of(user, evening)[0]

        config = CandidatesConfig(mix={"popularity": Share(10, 1.0)}, rank_offset=0.0)
        known, _ = Evening(files, tmp_path, PRODUCT_FEED, evening, config).known(user, f"p{item}")
        found = explain(known, slate=CONFIG, candidates=config)

        assert found.value is not None
        [term] = found.value.terms
        assert term.predicted == of_range[evening, user, item]
        assert (found.is_made_alike, found.contributions) == (True, None)
        assert found.champion["ranker"] == history_reader.NAME


def known_to_why(made: Slates, evening: date, models: Path) -> LakeFiles:
    """Add to the lake what an explanation reads besides, and the slates of the evening."""
    files = made.lake.files
    rows = made.rows(one_day(evening)).to_pylist()
    write(files, tables.SLATES["product_feed"], evening, *rows)
    write(files, tables.FEATURES_USER_DAILY, evening, *remembered_lake.user_rows(evening))
    proposed = remembered_lake.candidate_rows(evening)
    write(files, tables.CANDIDATES["product_feed"], evening, *proposed)
    write(files, tables.SILVER_ITEMS, evening, *remembered_lake.items_of(evening))
    for table in (
        tables.RETRIEVAL_POPULARITY,
        tables.RETRIEVAL_LATENT_INTERESTS,
        tables.RETRIEVAL_NEW_ITEMS,
        tables.RETRIEVAL_COVISITATION,
        tables.RETRIEVAL_WEIGHTS,
    ):
        none_made(files, table, FIRST, evening)
    own = {"surface": "product_feed", "ranker": history_reader.NAME, "model_date": FIRST}
    name = ModelName(history_reader.NAME, "product_feed", FIRST)
    sha256 = registry.save(models, name, history_reader.HistoryReader().save(), {})
    write(files, tables.RANKERS["gbdt"], FIRST, own | {"is_fitted": True, "sha256": sha256})
    none_made(files, tables.RANKERS_CALIBRATORS, evening, evening)
    write(files, tables.RANKERS_CHAMPIONS, evening, own | {"since_date": FIRST})
    return files
