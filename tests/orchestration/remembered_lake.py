"""A small lake of users with histories, candidates and examples, drawn by a seed.

Written without Spark; full partitions lie on the 1st and the 8th.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np

from etl import tables
from etl.days import Days, is_full
from etl.lake_files import LakeFiles
from tests.orchestration.written_lake import Row, made, write
from tests.training.known_evening import candidate

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 12)
EVENINGS = Days(date(2026, 1, 9), date(2026, 1, 11))
SHOWN = Days(date(2026, 1, 10), LAST)
EXAMPLES = tables.EXAMPLES["product_feed"]
USERS = tuple(f"u{n:02}" for n in range(14))
NUM_ITEMS, NUM_EACH = 40, 8
BUSY, SILENT, LONG_AGO, LATE = USERS[3], USERS[5], USERS[7], USERS[9]
"""Who has more events than a history holds; who has none; whose last is 90 days old on the 9th;
whose examples of the 9th arrive on the 12th."""
_GROUPS: Row = {"categories": [], "brands": [], "sellers": [], "hosts": [], "items": []}


def entry(at: datetime, item_no: int, arrived: date, *, code: int = 1) -> Row:
    """An event of ``long``."""
    return {
        "event_at": at,
        "event_code": code,
        "item_no": item_no,
        "entry_arrival_date": arrived,
        "event_id": f"{at.isoformat()}-{item_no}",
    }


def items_of(evening: date) -> list[Row]:
    """Items change what they are filed under; every evening one more is gone."""
    at = evening.day
    return [
        {
            "item_no": n,
            "item_id": f"p{n}",
            "item_type": "product",
            "is_eligible": True,
            "category": f"c{(n + at) % 4}",
            "brand": f"b{n % 3}" if n % 5 else None,
            "seller_id": f"s{(n + at // 2) % 6}",
        }
        for n in range(NUM_ITEMS)
        if n != NUM_ITEMS - 1 - at
    ]


def candidates_of(user: str, evening: date) -> list[int]:
    """What a user may be shown the day after an evening."""
    rng = np.random.default_rng([evening.day, int(user[1:])])
    return sorted(rng.choice(NUM_ITEMS - LAST.day - 2, NUM_EACH, replace=False).tolist())


def events_of(user: str) -> list[Row]:
    """What a user did, as the log had it by the last evening, oldest first."""
    rng = np.random.default_rng(int(user[1:]))
    if user == SILENT:
        return []
    if user == LONG_AGO:
        return [entry(_at(date(2025, 10, 11), 12), 1, FIRST)]
    num_events = 1_100 if user == BUSY else int(rng.integers(3, 40))
    found = []
    for _ in range(num_events):
        arrived = FIRST + timedelta(days=int(rng.integers(0, 12)))
        # Some arrive late, and the clock of some is ahead.
        happened = arrived - timedelta(days=int(rng.integers(-1, 4)) if rng.random() < 0.3 else 0)
        found.append(
            entry(
                _at(happened, float(rng.random() * 24)),
                int(rng.integers(NUM_ITEMS + 5)),
                arrived,
                code=int(rng.integers(1, 9)),
            )
        )
    return sorted(found, key=lambda one: (one["event_at"], one["event_id"]))


def _at(day: date, hours: float) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(seconds=int(hours * 3600))


def history_rows(day: date) -> Iterator[Row]:
    """features/user_history of one day: who was touched, and on full days whoever is alive."""
    for user in USERS:
        known = [one for one in events_of(user) if one["entry_arrival_date"] <= day]
        is_touched = any(one["entry_arrival_date"] == day for one in known)
        if known and (is_touched or is_full(day, FIRST)):
            yield {
                "arrival_date": day,
                "user_id": user,
                "last_event_at": known[-1]["event_at"],
                "num_events": len(known),
                "short": known[-50:],
                "long": known,
            }


def pairs_rows(day: date) -> Iterator[Row]:
    """features/user_pairs of one day: as the histories, and one user who only looked."""
    touched = {row["user_id"] for row in history_rows(day)} | {USERS[day.day % len(USERS)]}
    for user in sorted(touched):
        yield {"arrival_date": day, "user_id": user, **_GROUPS}


def user_rows(day: date) -> list[Row]:
    """features/user_daily of one day: everybody."""
    arrays: Row = {"active_hours": [0] * 24, "followed_hosts": [], "query_words": []}
    same = {"arrival_date": day, "is_personalisation_off": False}
    return [{"user_id": user, **same, **arrays} for user in USERS]


def candidate_rows(day: date) -> list[Row]:
    """candidates/product_feed of one evening."""
    return [
        {
            "arrival_date": day,
            "user_id": user,
            "items": [candidate(n, 1.0, (1, 1, 1.0)) for n in candidates_of(user, day)],
        }
        for user in USERS
    ]


def example(user: str, item_no: int, evening: date, **said: object) -> Row:
    """A row of examples/product_feed; its words are those of the evening's item side."""
    of_item = next((row for row in items_of(evening) if row["item_no"] == item_no), {})
    words = {f"item_{name}": of_item.get(name) for name in ("category", "brand", "seller_id")}
    return {
        "user_id": user,
        "item_no": item_no,
        "shown_date": evening + timedelta(days=1),
        "feature_date": evening,
        "example_id": f"shop:{user}-{item_no}-{evening}:0",
        "sampling_weight": 1.0,
        **words,
        **said,
    }


def example_rows(arrived: date) -> list[Row]:
    """Examples of a day: every candidate of the evening before, and of one user late ones."""
    evening = arrived - timedelta(days=1)
    found = [
        example(user, n, day)
        for day in {evening, EVENINGS.first}
        for user in USERS
        for n in candidates_of(user, day)
        if (user == LATE and arrived == LAST and day == EVENINGS.first) or day == evening
    ]
    return [found[n] for n in np.random.default_rng(arrived.day).permutation(len(found))]


def remembered(root: Path) -> LakeFiles:
    """Write the lake."""
    files = LakeFiles(root, FIRST)
    for day in Days(FIRST, LAST):
        write(files, tables.FEATURES_USER_HISTORY, day, *history_rows(day))
        write(files, tables.FEATURES_USER_PAIRS, day, *pairs_rows(day))
    for evening in EVENINGS:
        write(files, tables.FEATURES_ITEM_DAILY, evening, *items_of(evening))
        write(files, EXAMPLES, evening + timedelta(days=1), *example_rows(evening + timedelta(1)))
    for table in (tables.SILVER_OUTCOMES, tables.FEATURES_USER_DAILY, tables.SILVER_ITEMS):
        made(files, table, FIRST, LAST)
    return files
