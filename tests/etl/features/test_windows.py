"""The oracle counts, for each evening, through all events that were known by then."""

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.days import Days
from etl.features.evenings import Evenings, counted_days, instants
from etl.features.windows import Recent, or_null, ratio_or_nan, trend
from etl.tables import FEATURES_USER_DAILY, SILVER_EVENTS
from tests.etl.features.shop_log import FIRST, arrow_of, counted_day, event

KEPT = ("click", "order", "watch_ms", "hours")
SUMMED = ("click", "order", "watch_ms")
NUM_DAYS = 45
DAYS = Days(FIRST, FIRST + timedelta(days=NUM_DAYS - 1))
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("xyz"),
        st.sampled_from(("view", "click", "order", "watch", "search")),
        st.integers(-5, NUM_DAYS - 2),
        st.integers(-1, 30),
    ),
    min_size=1,
    max_size=40,
)
Drawn = tuple[str, str, int, int]


def events_of(drawn: list[Drawn]) -> list[dict]:
    """Events by user, type, event day and days until they arrived."""
    rows = []
    for number, (user, kind, day, lag) in enumerate(drawn):
        arrived = min(max(day + lag, 0), NUM_DAYS - 1)
        watch_ms = 1_000 + number if kind == "watch" else None
        row = event(f"e{number}", kind, day + 0.5, arrived, user_id=user, watch_ms=watch_ms)
        rows.append(row)
    return rows


def recent_of(rows: list[dict]) -> tuple[Recent, list[tuple[date, str]]]:
    """The kernel's numbers, and the evening and user of each of its rows."""
    events = arrow_of(SILVER_EVENTS, rows)
    events = events.append_column("num_counted", pa.array([1] * len(rows), pa.int32()))
    state = arrow_of(FEATURES_USER_DAILY, [])
    evenings = Evenings.of(
        DAYS,
        key_E=np.array(["xyz".index(row["user_id"]) for row in rows]),
        counted_day_E=counted_days(events),
        at_E=instants(events, "event_at"),
        key_S=np.zeros(0, np.int64),
        last_S=np.zeros(0, np.int64),
        num_keys=3,
    )
    days = [date(1970, 1, 1) + timedelta(days=int(n)) for n in evenings.day_R]
    places = [(day, "xyz"[key]) for day, key in zip(days, evenings.key_R, strict=True)]
    return Recent.of(events, state, evenings, kept=KEPT), places


def counted(rows: list[dict], day: date, user: str, window: int) -> Counter:
    found: Counter = Counter()
    for row in rows:
        is_known = counted_day(row) <= day and row["user_id"] == user
        if is_known and (day - row["event_date"]).days < window:
            found[{"view": "click"}.get(row["event_type"], row["event_type"])] += 1
            found["watch_ms"] += row["watch_ms"] or 0
            found["event"] += 1
    return found


@settings(max_examples=25, deadline=None)
@given(EVENTS)
def test_a_window_holds_what_happened_in_it_and_was_known(drawn: list[Drawn]) -> None:
    rows = events_of(drawn)

    recent, places = recent_of(rows)

    for window in (1, 7, 28):
        for what in SUMMED:
            expected = [counted(rows, *place, window)[what] for place in places]
            assert recent.total(what, window).tolist() == expected


@settings(max_examples=25, deadline=None)
@given(EVENTS)
def test_shares_decays_and_days_are_those_of_the_events_one_by_one(drawn: list[Drawn]) -> None:
    rows = events_of(drawn)

    recent, places = recent_of(rows)

    for place, (day, user) in enumerate(places):
        by_age = [counted(rows, day, user, n + 1) - counted(rows, day, user, n) for n in range(28)]
        clicks = [numbers["click"] for numbers in by_age]
        halved = sum(n * 2.0 ** (-age / 3) for age, n in enumerate(clicks))
        assert abs(recent.decayed("click", 3)[place] - halved) <= sum(clicks) * 2.0**-24
        assert recent.num_days("hours")[place] == sum(n["event"] > 0 for n in by_age)
        share = recent.weekday_share("click")[place]
        on_weekday = clicks[6] + clicks[13] + clicks[20] + clicks[27]
        assert np.isnan(share) if not sum(clicks) else share == on_weekday / sum(clicks)


def test_the_column_holds_the_days_with_events_in_order() -> None:
    drawn = [("x", "order", 0, 0), ("x", "view", 0, 0), ("x", "click", 0, 3), ("x", "watch", 30, 0)]

    recent, places = recent_of(events_of(drawn))

    column = dict(zip(places, recent.column().to_pylist(), strict=True))

    def told(day: int) -> list[tuple]:
        entries = column[FIRST + timedelta(days=day), "x"]
        return [((e["event_date"] - FIRST).days, e["code"], e["number"]) for e in entries]

    noon = 2**12
    assert told(0) == [(0, 2, 1), (0, 4, 1), (0, 11, noon)]
    assert told(3) == [(0, 2, 2), (0, 4, 1), (0, 11, noon)]
    assert told(27) == told(3)
    assert told(28) == []
    assert told(30) == [(30, 8, 1_003), (30, 11, noon)]


def test_a_trend_compares_a_day_with_a_day_of_the_week() -> None:
    short, long = np.array([0, 3]), np.array([0, 7])

    assert trend(short, long, 7, 1).tolist() == [1.0, 2.0]


def test_what_cannot_be_divided_is_null() -> None:
    ratios = ratio_or_nan(np.array([1, 2]), np.array([0, 4]))

    assert or_null(ratios).to_pylist() == [None, 0.5]
