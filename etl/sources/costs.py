"""Estimates what a log costs."""

from etl.sources.report import Contents, Cost


def estimate(*, num_lines: int, num_read: int, found: Contents | None) -> Cost:
    return Cost(0.0, 0.0, 0)
