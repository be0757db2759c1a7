from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from etl import tables
from etl.days import Days
from etl.lake_files import LakeFiles
from etl.tables import Table
from orchestration import planning
from orchestration.runs import BACKFILL, NIGHT, Request

FIRST = date(2026, 1, 1)
WEEK = Days(date(2026, 5, 1), date(2026, 5, 7))
EVENING = WEEK.day_before


@pytest.fixture
def files(tmp_path: Path) -> LakeFiles:
    return LakeFiles(tmp_path, FIRST)


def make(files: LakeFiles, days: Days, *made: Table) -> None:
    for table in made:
        for day in days:
            files.mark(table, day, "")


def tables_of(request: Request, definitions: dg.Definitions) -> set[str]:
    keys = request.selection.resolve(definitions.resolve_asset_graph())
    return {key.to_user_string() for key in keys} - {"data_quality/results"}


def layers_of(request: Request, definitions: dg.Definitions) -> set[str]:
    return {path.split("/")[0] for path in tables_of(request, definitions)}


def test_a_fresh_lake_is_built_from_its_first_day_layer_by_layer(
    files: LakeFiles, definitions: dg.Definitions
) -> None:
    state, fitted, listed, asked_again, proposed, learned, judged, asked = planning.backfill(
        WEEK, files
    )

    assert state.days == Days(FIRST, EVENING)
    assert layers_of(state, definitions) == {"bronze", "silver", "features", "retrieval"}
    assert fitted.days == Days(WEEK.first - timedelta(days=98), EVENING)
    assert tables_of(fitted, definitions) == {t.path for t in tables.RETRIEVAL_FITS.values()}
    # Proposals of a day are of the evening before.
    assert listed.days == Days(WEEK.first - timedelta(days=50), EVENING)
    assert layers_of(listed, definitions) == {"retrieval"}
    assert asked_again.days == Days(WEEK.first - timedelta(days=49), EVENING)
    assert layers_of(asked_again, definitions) == {"proposals"}
    assert proposed.days == Days(WEEK.first - timedelta(days=42), EVENING)
    assert layers_of(proposed, definitions) == {"retrieval", "similar", "candidates"}
    assert learned.days == Days(WEEK.first - timedelta(days=34), EVENING)
    assert layers_of(learned, definitions) == {"examples"}
    assert judged.days == Days(WEEK.first - timedelta(days=6), EVENING)
    assert layers_of(judged, definitions) == {"rankers"}
    assert asked.days == WEEK
    assert tables_of(asked, definitions) == {t.path for t in tables.ALL} - {"data_quality/results"}


def test_what_is_made_is_not_made_again(files: LakeFiles) -> None:
    make(files, Days(FIRST, EVENING), *tables.ALL)

    [asked] = planning.backfill(WEEK, files)

    assert asked.days == WEEK


def test_from_the_first_gap_on_everything_is_made_again(files: LakeFiles) -> None:
    make(files, Days(FIRST, EVENING), *tables.ALL)
    gap = date(2026, 4, 20)
    (files.root / "_days" / tables.SILVER_ITEMS.path / str(gap)).unlink()

    earlier, asked = planning.backfill(WEEK, files)

    assert earlier.days == Days(gap, EVENING)
    assert asked.days == WEEK


def test_what_is_forgotten_is_not_made_again_where_nothing_reads_it(files: LakeFiles) -> None:
    make(files, Days(FIRST, EVENING), *tables.ALL)
    forget(files, tables.BRONZE_LINES, Days(FIRST, EVENING))
    for forgotten, num_days in (
        (tables.PROPOSALS, 8),
        (tables.CANDIDATES, 9),
        (tables.SLATES, 9),
        (tables.EXAMPLES, 29),
    ):
        for table in forgotten.values():
            forget(files, table, Days(FIRST, WEEK.first - timedelta(days=num_days)))

    [asked] = planning.backfill(WEEK, files)

    assert asked.days == WEEK


def test_what_is_forgotten_and_read_is_made_again_with_what_that_reads(
    files: LakeFiles, definitions: dg.Definitions
) -> None:
    make(files, Days(FIRST, EVENING), *tables.ALL)
    for forgotten in (tables.PROPOSALS, tables.CANDIDATES, tables.SLATES, tables.EXAMPLES):
        for table in forgotten.values():
            forget(files, table, Days(FIRST, EVENING))

    asked_again, proposed, shown, learned, asked = planning.backfill(WEEK, files)

    # Examples of 28 days, of evenings up to 8 days before, with proposals of a week before those.
    assert learned.days == Days(WEEK.first - timedelta(days=28), EVENING)
    assert layers_of(learned, definitions) == {"examples"}
    assert shown.days == Days(learned.days.first - timedelta(days=8), EVENING)
    assert layers_of(shown, definitions) == {"slates"}
    assert proposed.days.first <= shown.days.first
    assert layers_of(proposed, definitions) == {"retrieval", "similar", "candidates"}
    assert asked_again.days.first <= proposed.days.first - timedelta(days=6)
    assert layers_of(asked_again, definitions) == {"proposals"}
    assert asked.days == WEEK


def forget(files: LakeFiles, table: Table, days: Days) -> None:
    for day in days:
        files.forget(table, day)


def test_the_first_days_of_a_lake_have_nothing_before_them(files: LakeFiles) -> None:
    days = Days(FIRST, date(2026, 1, 3))

    assert [request.days for request in planning.backfill(days, files)] == [days]


def test_only_a_night_is_of_the_kind_that_publishes(files: LakeFiles) -> None:
    night = planning.night(WEEK.last)

    assert (night.days, night.kind) == (Days(WEEK.last, WEEK.last), NIGHT)
    assert {request.kind for request in planning.backfill(WEEK, files)} == {BACKFILL}
