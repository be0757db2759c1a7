"""Which rows are compared, on a lake written without Spark."""

from datetime import date
from pathlib import Path

import pytest

from etl import tables
from etl.lake_files import LakeFiles
from etl.surfaces import PRODUCT_FEED
from orchestration.parity_rows import sampled
from scoring.parity import ParityConfig, Sample
from scoring.rank import Serving
from scoring.slate_rows import OPTED_OUT
from tests.orchestration.written_lake import Row, made, write
from tests.training.known_evening import side_of
from training import promote

FIRST, EVENING = date(2026, 1, 1), date(2026, 1, 10)
SLATES = tables.SLATES[PRODUCT_FEED.name]
CANDIDATES = tables.CANDIDATES[PRODUCT_FEED.name]
WILLING = ("ann", "bob", "cat", "dan")


def slate(user: str, *, audience: str = "user", reason: str | None = None) -> Row:
    said = {"audience": audience, "audience_key": user, "short_reason": reason}
    return said | {"ranker": "gbdt", "feature_date": EVENING}


def candidates(user: str, item_no: int) -> Row:
    return {"user_id": user, "items": [{"item_no": item_no, "fused_score": 1.0, "proposals": []}]}


@pytest.fixture
def files(tmp_path: Path) -> LakeFiles:
    """Four willing users of the evening, one who opted out, and what is of others or other days."""
    found = LakeFiles(tmp_path / "lake", FIRST)
    yesterday = date(2026, 1, 9)
    slates = [slate(user) for user in reversed(WILLING)]
    off = slate("off", reason=OPTED_OUT)
    shared = [slate("de||", audience="segment"), slate("*", audience="default")]
    write(found, SLATES, EVENING, *slates, off, *shared)
    users = [{"user_id": user, "num_clicks_7d": len(user)} for user in (*WILLING, "off", "eve")]
    write(found, tables.FEATURES_USER_DAILY, EVENING, *users)
    write(found, CANDIDATES, EVENING, candidates("dan", 4), candidates("bob", 2))
    write(found, CANDIDATES, yesterday, candidates("ann", 9))
    made(found, tables.FEATURES_USER_PAIRS, FIRST, EVENING)
    for day in (7, 8, 9, 10):
        row = {"user_id": "ann", "items": []}
        write(found, tables.FEATURES_USER_PAIRS, date(2026, 1, day), row)
    return found


def sample(files: LakeFiles, num_users: int = 20) -> Sample | None:
    return sampled(
        files,
        PRODUCT_FEED,
        EVENING,
        items=side_of({"item_no": 1}),
        serving=Serving(promote.first(PRODUCT_FEED.name, EVENING), "", {}),
        config=ParityConfig(num_users=num_users),
    )


def test_willing_users_are_read_with_their_candidates_of_the_evening(files: LakeFiles) -> None:
    found = sample(files)

    assert found is not None
    assert found.users.column("user_id").to_pylist() == list(WILLING)
    assert found.users.column("feature_date").to_pylist() == [EVENING] * 4
    proposed = found.users.column("candidates").to_pylist()
    assert [items and items[0]["item_no"] for items in proposed] == [None, 2, None, 4]
    assert sorted(found.slates.column("audience_key").to_pylist()) == list(WILLING)
    assert found.histories is None


def test_pairs_are_read_from_the_full_partition_on(files: LakeFiles) -> None:
    found = sample(files)

    assert found is not None
    days = sorted(day.day for day in found.pairs.column("arrival_date").to_pylist())
    assert days == [8, 9, 10]


def test_of_many_users_a_few_are_read(files: LakeFiles) -> None:
    found = sample(files, num_users=2)

    assert found is not None
    chosen = found.users.column("user_id").to_pylist()
    assert len(chosen) == 2
    assert sorted(found.slates.column("audience_key").to_pylist()) == chosen


def test_a_night_of_stand_ins_has_no_sample(files: LakeFiles, tmp_path: Path) -> None:
    empty = LakeFiles(tmp_path / "other", FIRST)
    write(empty, SLATES, EVENING, slate("*", audience="default"))

    assert sample(empty) is None
