"""Histories of examples: of each row's own evening, and of nothing that came after it."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from errno import ENOSPC
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etl import tables
from etl.days import Days
from etl.lake_files import LakeFiles
from etl.surfaces import PRODUCT_FEED
from orchestration import example_days
from orchestration.example_days import ExampleDays
from tests.orchestration import remembered_lake
from tests.orchestration.remembered_lake import (
    BUSY,
    EVENINGS,
    EXAMPLES,
    FIRST,
    LAST,
    LATE,
    LONG_AGO,
    SILENT,
    USERS,
    entry,
    example,
)
from tests.orchestration.written_lake import Row, made, write
from training import spill
from training.histories import MAX_EVENTS
from training.rankers.ranker import Batch

EPOCH = date(1970, 1, 1)
Event = tuple[int, int, float, str | None]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> LakeFiles:
    return remembered_lake.remembered(tmp_path_factory.mktemp("lake"))


def batch_of(files: LakeFiles, day: date) -> Batch:
    return ExampleDays(files, PRODUCT_FEED, LAST, 7, with_histories=True)(day)


def read_by_rows(batch: Batch) -> list[tuple[date, list[Event]]]:
    """Each row's evening and the events that it reads: item, kind, age, category."""
    known = batch.given.histories
    assert known is not None
    words = known.words["item_category"].to_pylist()
    found = []
    for evening, history in zip(batch.evening_N.tolist(), known.of_N.tolist(), strict=True):
        events = range(known.offset_H1[history], known.offset_H1[history + 1])
        told = [
            (int(known.item_E[e]), int(known.kind_E[e]), float(known.age_days_E[e]), words[e])
            for e in events
        ]
        found.append((EPOCH + timedelta(days=evening), told))
    return found


def expected(user: str, evening: date) -> list[Event]:
    """By one pass over what the log had of the user by the evening."""
    end = datetime(evening.year, evening.month, evening.day, tzinfo=UTC) + timedelta(days=1)
    categories = {row["item_no"]: row["category"] for row in remembered_lake.items_of(evening)}
    known = [one for one in remembered_lake.events_of(user) if one["entry_arrival_date"] <= evening]
    if not known or known[-1]["event_at"] < end - timedelta(days=90):
        return []
    return [
        (
            one["item_no"],
            one["event_code"],
            float(np.float32(max((end - one["event_at"]) / timedelta(days=1), 0))),
            categories.get(one["item_no"]),
        )
        for one in reversed(known[-MAX_EVENTS:])
    ]


def users_of(batch: Batch) -> list[str]:
    return [USERS[n] for n in batch.user_N.tolist()]


@pytest.mark.parametrize("day", remembered_lake.SHOWN)
def test_each_row_reads_what_the_log_had_by_its_own_evening(files: LakeFiles, day: date) -> None:
    batch = batch_of(files, day)

    found = read_by_rows(batch)

    assert len(found) == len(batch) > 100
    by_user = list(zip(users_of(batch), found, strict=True))
    assert [one for _, one in by_user] == [(e, expected(user, e)) for user, (e, _) in by_user]
    lengths: Mapping[str, int] = {user: len(events) for user, (_, events) in by_user}
    assert (lengths[SILENT], lengths[LONG_AGO]) == (0, 0)
    assert lengths[BUSY] > 500


def test_a_late_example_reads_another_history_than_the_days_own(files: LakeFiles) -> None:
    batch = batch_of(files, LAST)
    known = batch.given.histories

    evenings = {
        e for user, (e, _) in zip(users_of(batch), read_by_rows(batch), strict=True) if user == LATE
    }
    assert evenings == {EVENINGS.first, EVENINGS.last}
    assert known is not None
    # One for each user, and the late one's second.
    assert known.num_histories == len(USERS) + 1
    assert (np.diff(known.of_N) >= 0).all()


def test_batches_have_no_histories_where_nobody_asks(files: LakeFiles) -> None:
    plain = ExampleDays(files, PRODUCT_FEED, LAST, 7)(LAST)
    asked = batch_of(files, LAST)

    assert plain.given.histories is None
    np.testing.assert_array_equal(plain.given.item_N, asked.given.item_N)


def test_a_day_without_examples_has_no_histories(tmp_path: Path) -> None:
    lake = LakeFiles(tmp_path, FIRST)
    for table in (EXAMPLES, tables.SILVER_OUTCOMES, tables.FEATURES_USER_DAILY):
        made(lake, table, FIRST, LAST)
    made(lake, tables.SILVER_ITEMS, FIRST, LAST)

    known = batch_of(lake, LAST).given.histories

    assert known is not None
    assert (known.num_histories, len(known.of_N)) == (0, 0)


def test_users_of_whom_nothing_is_known_have_empty_histories(tmp_path: Path) -> None:
    lake = LakeFiles(tmp_path, FIRST)
    for table in (EXAMPLES, tables.SILVER_OUTCOMES, tables.FEATURES_USER_DAILY):
        made(lake, table, FIRST, LAST)
    for table in (tables.SILVER_ITEMS, tables.FEATURES_USER_HISTORY, tables.FEATURES_ITEM_DAILY):
        made(lake, table, FIRST, LAST)
    own = (example("ann", 2, EVENINGS.last), example("bob", 2, EVENINGS.last))
    write(lake, EXAMPLES, LAST, *own)

    assert read_by_rows(batch_of(lake, LAST)) == [(EVENINGS.last, [])] * 2


def planted(at: datetime, arrived: date) -> Row:
    return entry(at, 39, arrived, code=4)


def test_nothing_of_the_day_shown_or_later_is_read(tmp_path: Path) -> None:
    """What is planted: an order on the day shown, one the day after, and one of before that
    arrived on the day shown."""
    shown = date(2026, 1, 6)
    noon = datetime(2026, 1, 6, 12, tzinfo=UTC)
    known = entry(noon - timedelta(days=2), 1, shown - timedelta(days=2))
    own_day, late = planted(noon, shown), planted(noon - timedelta(days=1), shown)
    next_day = planted(noon + timedelta(days=1), shown + timedelta(days=1))
    by_day = {
        FIRST: [],
        date(2026, 1, 4): [known],
        shown: [known, late, own_day],
        shown + timedelta(days=1): [known, late, own_day, next_day],
    }
    lake = LakeFiles(tmp_path, FIRST)
    made(lake, tables.FEATURES_USER_HISTORY, FIRST, LAST)
    made(lake, tables.SILVER_ITEMS, FIRST, LAST)
    for table in (EXAMPLES, tables.SILVER_OUTCOMES, tables.FEATURES_USER_DAILY):
        made(lake, table, FIRST, LAST)
    for day, events in by_day.items():
        own = [{"user_id": "ann", "long": events}] if events else []
        write(lake, tables.FEATURES_USER_HISTORY, day, *own)
    evening = shown - timedelta(days=1)
    for day in Days(evening, shown):
        write(lake, tables.FEATURES_ITEM_DAILY, day, *remembered_lake.items_of(day))
    # It arrives on the day shown, and once more late: when all that is planted has long been known.
    write(lake, EXAMPLES, shown, example("ann", 2, evening))
    write(lake, EXAMPLES, LAST, example("ann", 3, evening))

    for day in (shown, LAST):
        [(of, events)] = read_by_rows(batch_of(lake, day))
        assert (of, [item for item, *_ in events]) == (evening, [1])


def test_histories_weigh_among_the_examples_that_are_kept(
    files: LakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = remembered_lake.SHOWN
    num_rows = len(batch_of(files, first))
    room = {"num_kept": 2 * num_rows + 10}

    laid: list[int] = []
    monkeypatch.setattr(example_days, "spilled", lambda batch: laid.append(len(batch)) or batch)

    def lays(**said: Any) -> bool:  # noqa: ANN401
        """Whether the second day is laid on disk, once, when it is asked for again and again."""
        laid.clear()
        days = ExampleDays(files, PRODUCT_FEED, LAST, 7, **room, **said)
        days(first)
        assert days(second) is days(second)
        return len(laid) == 1

    assert (lays(), lays(with_histories=True)) == (False, True)


def test_days_on_disk_are_the_same_and_read_anew_where_it_is_full(
    files: LakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = remembered_lake.SHOWN
    every = ExampleDays(files, PRODUCT_FEED, LAST, 7, with_histories=True)
    days = ExampleDays(files, PRODUCT_FEED, LAST, 7, num_kept=0, with_histories=True)

    monkeypatch.setattr(spill, "_LEAST_BYTES", 0)
    for day in (first, second):
        assert read_by_rows(days(day)) == read_by_rows(every(day))
        assert days(day) is days(day)

    def full(_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(spill, "_mapped", full)
    days = ExampleDays(files, PRODUCT_FEED, LAST, 7, num_kept=0)
    assert days(first) is not days(first)
    assert days(first).given.item_N.tolist() == every(first).given.item_N.tolist()
