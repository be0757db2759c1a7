"""The UI as people use it: a real ``dagster dev`` on a home, driven over GraphQL."""

from pathlib import Path

from etl import tables
from etl.days import Days
from etl.home import Home
from tests.orchestration import tiny_shop
from tests.orchestration.served_ui import serve
from tests.orchestration.tiny_shop import day

UP_TO_ITEMS = (
    tables.BRONZE_FILES,
    tables.BRONZE_LINES,
    tables.SILVER_EVENTS,
    tables.SILVER_REJECTED_LINES,
    tables.SILVER_DUPLICATE_LINES,
    tables.SILVER_LINE_COUNTS,
    tables.SILVER_ITEMS,
)


def test_a_day_is_made_from_the_ui_and_a_failing_check_stops_the_next(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    tiny_shop.open_shop(home, Days(day(1), day(1)))
    tiny_shop.land_garbage(home, day(2))

    with serve(home.root) as ui:
        good = ui.materialize(UP_TO_ITEMS, day(1))
        balanced = ui.check_of(tables.SILVER_LINE_COUNTS, "expectations")
        garbage = ui.materialize(UP_TO_ITEMS, day(2))
        blocked = ui.check_of(tables.SILVER_LINE_COUNTS, "expectations")

    assert (good.status, good.made) == ("SUCCESS", {table.path for table in UP_TO_ITEMS})
    assert balanced["severity"] != "ERROR"
    assert garbage.status == "FAILURE"
    assert garbage.made == {t.path for t in UP_TO_ITEMS} - {tables.SILVER_ITEMS.path}
    assert (blocked["success"], blocked["severity"]) == (False, "ERROR")
    assert "lines are rejected" in blocked["description"]
