"""Estimates what a log costs: time to load it, time and disk to build its tables up to features.

Rough, to tell minutes from hours and megabytes from terabytes: within a factor of two of what was
measured on two shared cores of the Taobao extract (110,300 lines, 151,000 users and items, one day:
83 s, 33 MB) and the REES46 extract (17,435 lines, 11,000 users and items, one day: 56 s, 8 MB),
each from a cold JVM. How cost grows with days is less sure: of the Retailrocket extract's 139 days
(97,381 lines, 32,000 users and items) features/item_daily alone took more than 5 minutes.

Training and slates come on top and depend on settings, not on the log.
"""

from typing import Final

from etl.sources.report import Contents, Cost

_LOAD_SECONDS: Final = 4e-5
"""CPU for a line; REES46, the widest of the public logs."""
_START_SECONDS: Final = 40.0
"""Starting Spark, and one commit a table."""
_LINE_SECONDS: Final = 1e-4
"""For a line, bronze to history."""
_ROW_SECONDS: Final = 2.5e-4
"""For a row of the daily snapshots of users and items, which costs the most."""
_LINE_BYTES: Final = 300
"""Landing, bronze, silver, pairs and history, compressed."""
_ROW_BYTES: Final = 30
"""A row of a daily snapshot, compressed."""


def estimate(*, num_lines: int, num_read: int, found: Contents | None) -> Cost:
    """Estimate what a whole file costs.

    Users and items of a sample are scaled with its lines, which is too many: the estimate then is
    an upper one. They become known one by one, so half of them are alive on a middle day.

    Args:
        num_lines: Of the whole file.
        num_read: Lines that ``found`` is of.
        found: What they give; None where they could not be read, so that only lines count.
    """
    num_rows = 0.0
    if found is not None and num_read:
        num_keys = (found.num_users + found.num_items) * num_lines / num_read
        num_rows = num_keys * (found.num_days + 1) / 2
    return Cost(
        load_seconds=_LOAD_SECONDS * num_lines,
        backfill_seconds=_START_SECONDS + _LINE_SECONDS * num_lines + _ROW_SECONDS * num_rows,
        disk_bytes=round(_LINE_BYTES * num_lines + _ROW_BYTES * num_rows),
    )
