from dataclasses import replace
from datetime import date
from pathlib import Path

from orchestration import decisions
from orchestration.decisions import Decision

MONDAY, TUESDAY, SUNDAY = date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 11)
FIRST = Decision(
    day=MONDAY,
    surface="product_feed",
    ranker="gbdt",
    model_date=date(2026, 1, 1),
    decided_by="Ada",
    reason="“orders” fell — see the report",
)


def test_decisions_are_read_as_they_were_made(tmp_path: Path) -> None:
    path = tmp_path / "decisions" / "champions.jsonl"
    made = [
        FIRST,
        replace(FIRST, surface="short_videos"),
        replace(FIRST, ranker="none", is_pinned=True),
    ]
    for one in made:
        decisions.add(path, one)

    assert decisions.read(path, "product_feed") == [made[0], made[2]]
    assert decisions.read(path, "short_videos") == [made[1]]
    assert decisions.read(path, "live_streams") == []


def test_without_a_file_nobody_has_decided(tmp_path: Path) -> None:
    assert decisions.read(tmp_path / "none.jsonl", "product_feed") == []


def test_the_last_decision_of_a_day_is_that_day_s() -> None:
    other = replace(FIRST, ranker="none")

    assert decisions.of_day([FIRST, other], MONDAY) == other
    assert decisions.of_day([FIRST, other], TUESDAY) is None


def test_a_pin_holds_until_the_next_decision_and_not_before_its_day() -> None:
    pin = replace(FIRST, is_pinned=True)
    later = replace(FIRST, day=SUNDAY)

    assert decisions.pinned_on([pin, later], date(2026, 1, 4)) is None
    assert decisions.pinned_on([pin, later], MONDAY) == pin
    assert decisions.pinned_on([pin, later], TUESDAY) == pin
    assert decisions.pinned_on([pin, later], SUNDAY) is None
