"""The oracle reads, for each evening and user, every event that was known by then."""

from collections import Counter
from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from etl.days import Days, one_day
from etl.features import user_daily
from etl.features.user_daily import UserDailyConfig
from etl.tables import FEATURES_USER_DAILY, SILVER_EVENTS
from tests.etl.features.by_hand import (
    CODES,
    age_days,
    decayed,
    ratio,
    weekday_share,
    windows_of,
)
from tests.etl.features.shop_log import (
    DAYS,
    FIRST,
    Row,
    after,
    arrow_of,
    assert_rows,
    counted_day,
    event,
    frame_of,
    log,
    of_day,
    partitions,
    same_bits,
)

KEY = ("arrival_date", "user_id")
KINDS = {
    "impression": ("impression",),
    "click": ("view", "click"),
    "cart": ("cart",),
    "order": ("order",),
}
CONFIG = UserDailyConfig(prior_impressions=5.0, prior_clicks=2.0, num_buckets=2)


def size(row: Row) -> int:
    return 1 if row["shown"] is None else len(row["shown"])


def recent(known: list[Row], day: date) -> list[Row]:
    numbers: Counter = Counter()
    for row in known:
        if (day - row["event_date"]).days >= 28:
            continue
        numbers[row["event_date"], 11] |= 2 ** row["event_at"].hour
        numbers[row["event_date"], 8] += row["watch_ms"] or 0
        code = CODES.get(row["event_type"])
        numbers[row["event_date"], code or 0] += size(row) if code == 1 else 1
    return [
        {"event_date": on, "code": code, "number": number}
        for (on, code), number in sorted(numbers.items())
        if code and number
    ]


def active_hours(known: list[Row], day: date) -> list[int]:
    late = [r for r in known if (day - r["event_date"]).days < 28]
    active = {(r["event_date"], r["event_at"].hour) for r in late}
    return [sum(hour == n for _, hour in active) for n in range(24)]


def followed_hosts(known: list[Row]) -> list[Row]:
    latest: dict[str, datetime] = {}
    for row in known:
        if row["event_type"] == "follow":
            host = row["host_id"]
            latest[host] = max(row["event_at"], latest.get(host, row["event_at"]))
    by_time = sorted(latest, key=lambda host: (-latest[host].timestamp(), host))
    return [{"host_id": host, "followed_at": latest[host]} for host in by_time]


def query_words(known: list[Row], day: date) -> list[Row]:
    latest: dict[str, date] = {}
    for row in known:
        if row["event_type"] == "search" and (day - row["event_date"]).days < 7:
            for word in row["query"].lower().split():
                latest[word] = max(row["event_date"], latest.get(word, row["event_date"]))
    by_day = sorted(latest, key=lambda word: (-latest[word].toordinal(), word))
    return [{"word": word, "searched_date": latest[word]} for word in by_day]


def newest(known: list[Row], day_of: str, says: list[str]) -> dict[str, object]:
    """The newest word, and its time."""
    saying = [r for r in known if r["event_type"] in says or (not says and r[day_of] is not None)]
    order = ("event_at", "counted", "event_id")
    last = max(
        saying, key=lambda r: [{**r, "counted": counted_day(r)}[n] for n in order], default=None
    )
    return {"row": last, "at": last and last["event_at"]}


def evening_of(user: str, known: list[Row], day: date) -> Row:
    first = min(r["event_at"] for r in known)
    last = max(r["event_at"] for r in known)
    ordered = max((r["event_at"] for r in known if r["event_type"] == "order"), default=None)
    prices = [
        r["price_cents"]
        for r in known
        if r["event_type"] in ("view", "click", "cart", "order") and r["price_cents"] is not None
    ]
    switch = newest(known, "", ["personalisation_on", "personalisation_off"])
    row: Row = {
        "arrival_date": day,
        "user_id": user,
        "first_event_at": first,
        "last_event_at": last,
        "last_order_at": ordered,
        "is_personalisation_off": bool(switch["row"])
        and switch["row"]["event_type"] == "personalisation_off",
        "personalisation_at": switch["at"],
        "sum_price_cents": sum(prices),
        "num_priced": len(prices),
        "active_hours": active_hours(known, day),
        "followed_hosts": followed_hosts(known),
        "query_words": query_words(known, day),
        "recent": recent(known, day),
        **windows_of(known, day, KINDS, size),
        "decayed_clicks_3d": decayed(known, day, ("view", "click"), 3),
        "decayed_orders_28d": decayed(known, day, ("order",), 28),
        "num_watches_7d": float(
            sum(r["event_type"] == "watch" and (day - r["event_date"]).days < 7 for r in known)
        ),
        "num_active_days_28d": float(len({r["event_date"] for r in known})),
        "weekday_click_share": weekday_share(known, day),
        "age_days": age_days(first, day),
        "days_since_event": age_days(last, day),
        "days_since_order": age_days(ordered, day),
        "usual_price_cents": ratio(sum(prices), len(prices)),
        "watch": sum(r["watch_ms"] or 0 for r in known),
    }
    for word in ("country", "platform", "language"):
        said = newest(known, word, [])
        row |= {word: said["row"] and said["row"][word], f"{word}_at": said["at"]}
    row["click_trend"] = (row["num_clicks_1d"] + 1) / (row["num_clicks_7d"] / 7 + 1)
    return row


def with_everybody(rows: list[Row]) -> list[Row]:
    """Draw rates towards those of all users of the evening."""
    totals = {k: sum(r[f"num_{k}s_28d"] for r in rows) for k in KINDS}
    is_watched = any(row["watch"] for row in rows)
    for row in rows:
        for part, whole, prior in (
            ("click", "impression", 5.0),
            ("cart", "click", 2.0),
            ("order", "click", 2.0),
        ):
            rate = (totals[part] + 1) / (totals[whole] + 2)
            own = row[f"num_{part}s_28d"] + prior * rate
            drawn = own / (row[f"num_{whole}s_28d"] + prior)
            row[f"{part}_rate_28d"] = drawn if totals[whole] else None
        watch = row.pop("watch")
        row["mean_watch_ms_28d"] = ratio(watch, row["num_clicks_28d"]) if is_watched else None
    return rows


def oracle(events: list[Row], days: Days) -> list[Row]:
    made = []
    for day in days:
        known = [r for r in events if r["user_id"] is not None and counted_day(r) <= day]
        users = sorted({r["user_id"] for r in known})
        rows = [evening_of(u, [r for r in known if r["user_id"] == u], day) for u in users]
        made += with_everybody(rows)
    return made


def kernels(events: list[Row], state: pa.Table | None, days: Days) -> pa.Table:
    """What a maker does in one bucket, without Spark."""
    counted = [r for r in events if r["user_id"] and days.first <= counted_day(r) <= days.last]
    shown = pa.array([size(row) for row in counted], pa.int32())
    arrived = arrow_of(SILVER_EVENTS, counted).append_column("num_counted", shown)
    before = arrow_of(FEATURES_USER_DAILY, []) if state is None else state
    added = user_daily.sums(arrived, before, days=days)
    return user_daily.snapshots(arrived, before, added, days=days, config=CONFIG)


def night_by_night(events: list[Row], days: Days) -> pa.Table:
    nights = [kernels(events, None, one_day(days.first))]
    for day in list(days)[1:]:
        nights.append(kernels(events, nights[-1], one_day(day)))
    return pa.concat_tables(nights)


@pytest.mark.parametrize("seed", range(4))
def test_each_evening_knows_what_had_arrived(seed: int) -> None:
    events = log(seed)

    made = kernels(events, None, DAYS)

    expected = oracle(events, DAYS)
    assert_rows(made, expected, *KEY)
    assert {*made.column_names} == {*expected[0]} == {*FEATURES_USER_DAILY.column_names}


@pytest.mark.parametrize("seed", range(4))
def test_nights_leave_what_a_range_leaves(seed: int) -> None:
    events = log(seed)

    made = night_by_night(events, DAYS)

    assert same_bits(made, kernels(events, None, DAYS), *KEY)


def test_a_user_who_comes_back_after_90_days_is_new_to_nights_and_ranges() -> None:
    long = Days(FIRST, FIRST + timedelta(days=99))
    spoken = {"user_id": "u", "country": "DE", "price_cents": 100}
    events = [
        event("a", "order", 0.5, **spoken),
        event("b", "personalisation_off", 0.6, user_id="u"),
        event("c", "click", 97.5, user_id="u"),
        event("d", "click", 95.5, user_id="other"),
    ]

    made = kernels(events, None, long)

    assert same_bits(made, night_by_night(events, long), *KEY)
    row = next(
        r for r in of_day(made, FIRST + timedelta(days=98)).to_pylist() if r["user_id"] == "u"
    )
    assert row["first_event_at"] == after(97.5)
    assert (row["country"], row["last_order_at"], row["num_priced"]) == (None, None, 0)
    assert not row["is_personalisation_off"]
    assert of_day(made, FIRST + timedelta(days=92)).num_rows == 0


def test_a_log_that_watches_nothing_has_no_time_watched() -> None:
    events = [event("a", "click", 0.5, user_id="u"), event("b", "click", 0.5, user_id="v")]

    silent = kernels(events, None, one_day(FIRST))
    watched = kernels(
        [*events, event("c", "watch", 0.6, user_id="v", watch_ms=10)], None, one_day(FIRST)
    )

    assert silent["mean_watch_ms_28d"].to_pylist() == [None, None]
    assert watched.sort_by("user_id")["mean_watch_ms_28d"].to_pylist() == [0.0, 10.0]


def test_of_equal_instants_the_event_id_decides() -> None:
    at_noon = {"user_id": "u", "platform": None}
    events = [
        event("b", "click", 0.5, **{**at_noon, "platform": "web"}),
        event("a", "click", 0.5, **{**at_noon, "platform": "ios"}),
    ]

    made = kernels(events, None, one_day(FIRST))

    assert made["platform"].to_pylist() == ["web"]


def test_the_maker_leaves_the_same_rows_for_two_ranges_and_another_partitioning(
    spark: SparkSession,
) -> None:
    events = log(9)
    frame = frame_of(spark, SILVER_EVENTS, events).repartition(3)
    middle = FIRST + timedelta(days=5)
    halves = (Days(FIRST, middle), Days(middle + timedelta(days=1), DAYS.last))
    nothing = spark.createDataFrame([], FEATURES_USER_DAILY.schema)

    whole = user_daily.build(frame, before=nothing, days=DAYS, config=CONFIG).toArrow()
    many = UserDailyConfig(prior_impressions=5.0, prior_clicks=2.0, num_buckets=7)
    with partitions(spark, 5):
        early = user_daily.build(frame, before=nothing, days=halves[0], config=many).toArrow()
        evening = spark.createDataFrame(of_day(early, middle), FEATURES_USER_DAILY.schema)
        late = user_daily.build(frame, before=evening, days=halves[1], config=many).toArrow()
    parts = pa.concat_tables([early, late])

    assert same_bits(whole, parts, *KEY)
    assert_rows(whole, oracle(events, DAYS), *KEY)
    assert whole.column_names == FEATURES_USER_DAILY.column_names
