"""How many groups of users a run holds in memory, one after another.

A worker's memory is then that of a group, however many users there are. Of a range a group holds
its users' rows of all evenings at the end, but works on one evening at a time; no row depends on
the number of groups.
"""

from datetime import date, timedelta
from math import ceil
from typing import Final

from etl import tables
from etl.days import Days
from etl.lake_files import LakeFiles

_USERS_AT_ONCE: Final = 2_000
"""Of one evening: ranking 200 candidates takes some 400 KB a user, asking all sources for them half
of it; more of them so much more."""
_ROWS_AT_ONCE: Final = 40_000
"""Of all evenings: 200 candidates with who proposed them take some 10 KB."""
_CANDIDATES: Final = 200
"""Of which both are so many."""
_EVENTS_OF_USER: Final = 5
"""On a day, where users have not been counted yet: few, so that groups come out small."""
_LEAST: Final = 4
"""Groups, so that all cores have something to do."""


def num_buckets(files: LakeFiles, days: Days, *, num_candidates: int) -> int:
    """Choose the number of groups for a run that makes ``days`` with so many candidates a user."""
    wider = max(num_candidates / _CANDIDATES, 1)
    before = days.first - timedelta(days=1)
    counted = files.num_rows(tables.FEATURES_USER_DAILY, [before, *days])
    events = files.num_rows(tables.SILVER_EVENTS, days)
    users: dict[date, int] = {}
    for day in days:
        known = counted[day] or users.get(day - timedelta(days=1), counted[before])
        users[day] = known or ceil(events[day] / _EVENTS_OF_USER)
    at_once = ceil(max(users.values()) * wider / _USERS_AT_ONCE)
    at_end = ceil(sum(users.values()) * wider / _ROWS_AT_ONCE)
    return max(_LEAST, at_once, at_end)
