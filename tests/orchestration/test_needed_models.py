from datetime import date, timedelta
from pathlib import Path

import pytest

from etl import tables
from etl.home import Home
from etl.lake_files import LakeFiles
from orchestration import decisions
from orchestration.contenders import DAYS_READ
from orchestration.decisions import Decision
from orchestration.needed_models import needed
from tests.orchestration.written_lake import write
from tests.scoring.published_rows import place, publish_feed, row
from training.registry import ModelName

FIRST = date(2026, 1, 1)
SINCE = date(2026, 3, 1)
FEED = "product_feed"


def before(num_days: int) -> date:
    return SINCE - timedelta(days=num_days)


def gbdt(night: date) -> ModelName:
    return ModelName("gbdt", FEED, night)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def files(home: Home) -> LakeFiles:
    return LakeFiles(home.lake, FIRST)


def fitted(files: LakeFiles, table: tables.Table, night: date, **more: object) -> None:
    name = {"ranker": "gbdt", "model_date": night} if table.layer == "rankers" else {}
    write(files, table, night, {"surface": FEED, "is_fitted": True} | name | more)


def test_models_of_the_kept_nights_are_needed_and_older_ones_are_not(
    home: Home, files: LakeFiles
) -> None:
    known = [gbdt(SINCE), gbdt(before(1)), gbdt(SINCE + timedelta(days=5))]

    assert needed(home, files, known, SINCE) == {known[0], known[2]}


def test_who_served_on_a_night_that_may_be_made_again_is_needed(
    home: Home, files: LakeFiles
) -> None:
    for days_before, fitted_before in ((DAYS_READ + 1, 50), (DAYS_READ, 40), (-3, 30)):
        champion = {"surface": FEED, "ranker": "gbdt", "model_date": before(fitted_before)}
        write(files, tables.RANKERS_CHAMPIONS, before(days_before), champion)
    nobody = {"surface": "short_videos", "ranker": "none", "model_date": before(9)}
    write(files, tables.RANKERS_CHAMPIONS, before(1), nobody)

    assert needed(home, files, [], SINCE) == {gbdt(before(40)), gbdt(before(30))}


def test_the_last_fit_before_the_kept_nights_is_needed_with_the_one_it_went_on_from(
    home: Home, files: LakeFiles
) -> None:
    table = tables.RETRIEVAL_FITS["factors"]
    for days_before in (22, 15, 8):
        fitted(files, table, before(days_before), parent_date=before(days_before + 7))
    fitted(files, table, before(1), is_fitted=False)

    kept = {ModelName("factors", FEED, before(n)) for n in (8, 15)}
    assert needed(home, files, [], SINCE) == kept


def test_a_ranker_that_is_fitted_no_more_keeps_its_last_fit(home: Home, files: LakeFiles) -> None:
    fitted(files, tables.RANKERS["gbdt"], before(40))

    assert needed(home, files, [], SINCE) == {gbdt(before(40))}


def test_what_readers_are_served_by_and_what_a_person_named_is_needed(
    home: Home, files: LakeFiles
) -> None:
    publish_feed(home.publications, row("ann", [place(1)]))
    named = Decision(
        day=before(50),
        surface=FEED,
        ranker="deep",
        model_date=before(60),
        decided_by="ann",
        reason="to see it serve",
    )
    decisions.add(home.decisions, named)

    served = ModelName("gbdt", FEED, date(2026, 1, 3))
    assert needed(home, files, [], SINCE) == {served, ModelName("deep", FEED, before(60))}
