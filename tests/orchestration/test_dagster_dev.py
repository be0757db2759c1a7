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


SILVER = (*UP_TO_ITEMS, tables.SILVER_IMPRESSIONS, tables.SILVER_OUTCOMES)
"""Some of it is made of its own past, some of 92 days of others."""


def test_days_are_made_from_the_ui_in_one_run_and_a_failing_check_stops_the_next(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "home")
    days = Days(day(1), day(2))
    tiny_shop.open_shop(home, days)
    tiny_shop.land_garbage(home, day(3))

    with serve(home.root) as ui:
        [good] = ui.backfill(SILVER, days)
        balanced = ui.check_of(tables.SILVER_LINE_COUNTS, "expectations")
        garbage = ui.materialize(UP_TO_ITEMS, day(3))
        blocked = ui.check_of(tables.SILVER_LINE_COUNTS, "expectations")

    assert (good.status, good.made) == ("SUCCESS", {table.path for table in SILVER})
    assert good.days == {str(one) for one in days}
    assert balanced["success"]
    assert balanced["description"].startswith("everything held; the lake is too young")
    assert garbage.status == "FAILURE"
    assert garbage.made == {t.path for t in UP_TO_ITEMS} - {tables.SILVER_ITEMS.path}
    assert (blocked["success"], blocked["severity"]) == (False, "ERROR")
    assert "lines are rejected: 100.0%" in blocked["description"]
    said = {entry["label"]: entry["mdStr"] for entry in blocked["metadataEntries"] if entry}
    assert "nightmarket night --day 2026-01-03" in said["what_to_do"]
    assert "| not_json | 5 | `not a line of ours` | tiny/23-garbage.jsonl" in said["rejected_lines"]
    printed = (home.root / "ui.log").read_text()
    assert "Traceback" not in printed
    assert "Warning" not in printed
