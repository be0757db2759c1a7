"""Windows, decays and ages by hand: what the oracles of the tests share."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from tests.etl.features.shop_log import Row, end_of


def windows_of(
    known: Sequence[Row], day: date, kinds: Mapping[str, Sequence[str]], size: Callable[[Row], int]
) -> Row:
    """Counts over windows of event days, from what was known on an evening.

    Args:
        known: Events counted by then.
        day: The evening.
        kinds: For each outcome the event types that count as it.
        size: What an impression counts.
    """
    found: Row = {}
    for kind, types in kinds.items():
        for window in (1, 7, 28):
            of_kind = [r for r in known if r["event_type"] in types and _age(r, day) < window]
            found[f"num_{kind}s_{window}d"] = sum(
                size(r) if kind == "impression" else 1 for r in of_kind
            )
    return found


def decayed(known: Sequence[Row], day: date, types: Sequence[str], half_life: float) -> float:
    """Count events, each halved every so many event days."""
    return float(
        sum(
            2.0 ** (-_age(r, day) / half_life)
            for r in known
            if r["event_type"] in types and _age(r, day) < 28
        )
    )


def _age(row: Row, day: date) -> int:
    return (day - row["event_date"]).days


def weekday_share(known: Sequence[Row], day: date) -> float | None:
    """Share of clicks that fell on the weekday of the day after."""
    clicks = [r for r in known if r["event_type"] in ("view", "click") and _age(r, day) < 28]
    tomorrow = (day + timedelta(days=1)).weekday()
    hits = [r for r in clicks if r["event_date"].weekday() == tomorrow]
    return len(hits) / len(clicks) if clicks else None


def ratio(part: float | None, whole: float | None) -> float | None:
    """Divide where there is something to divide by."""
    return None if part is None or not whole else part / whole


def age_days(at: datetime | None, day: date) -> float | None:
    """Days from an instant to the end of a day."""
    return None if at is None else max((end_of(day) - at) / timedelta(days=1), 0.0)


CODES: Final = {
    "impression": 1,
    "view": 2,
    "click": 2,
    "cart": 3,
    "order": 4,
    "cancel": 5,
    "watch": 10,
    "like": 6,
    "hide": 7,
}
"""As the column ``recent`` says it."""
