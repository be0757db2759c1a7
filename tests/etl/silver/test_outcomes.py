"""The oracle walks the nights one by one, in Python, as DESIGN says it in words."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from etl.arrow import arrow_schema
from etl.days import Days, one_day
from etl.silver import outcomes
from etl.tables import SILVER_IMPRESSIONS, SILVER_OUTCOMES

START = datetime(2026, 1, 1)
WEEK = timedelta(days=7)
Frames = Callable[[list[dict[str, object]]], DataFrame]


@dataclass(frozen=True, order=True)
class Shown:
    shown_at: datetime
    event_id: str
    position: int
    source: str
    arrival_date: date
    pair: tuple[str, str, str]


@dataclass(frozen=True)
class Did:
    event_type: str
    event_at: datetime
    event_id: str
    arrival_date: date
    pair: tuple[str, str, str]


def nights(done: list[Did], shown: list[Shown], days: Days) -> Iterator[tuple]:
    """Each night, attribute what can be; carts, orders and cancels once the clicks are."""
    waiting, clicked = set(done), set()
    for day in days:
        arrived = {one for one in shown if one.arrival_date <= day}
        for is_after_click, seen in ((False, arrived), (True, clicked)):
            for did in [d for d in waiting if d.arrival_date <= day]:
                eligible = [one for one in seen if is_eligible(one, did)]
                is_due = bool(eligible) or day == did.arrival_date + WEEK
                if (did.event_type in ("cart", "order", "cancel")) == is_after_click and is_due:
                    waiting.remove(did)
                    last = max(eligible, default=None)
                    clicked |= {last} if last and did.event_type in ("view", "click") else set()
                    yield day, did, last


def is_eligible(one: Shown, did: Did) -> bool:
    return one.pair == did.pair and did.event_at - WEEK <= one.shown_at <= did.event_at


def told(rows: Iterator[tuple], days: Days) -> list[tuple]:
    return sorted(
        (day, did.event_id, did.arrival_date, *_pointer(last))
        for day, did, last in rows
        if day in days
    )


def _pointer(last: Shown | None) -> tuple:
    if last is None:
        return True, "", "", -1, date.min
    return False, last.source, last.event_id, last.position, last.shown_at.date()


def found(table: pa.Table) -> list[tuple]:
    names = ("source", "event_id", "position")
    return sorted(
        (
            row["arrival_date"],
            row["event_id"],
            row["event_arrival_date"],
            row["is_organic"],
            *(row[f"impression_{name}"] or ("" if name != "position" else 0) for name in names[:2]),
            -1 if row["impression_position"] is None else row["impression_position"],
            row["shown_date"] or date.min,
        )
        for row in table.to_pylist()
    )


def event_rows(done: list[Did]) -> list[dict[str, object]]:
    return [
        {
            "event_type": did.event_type,
            "event_at": did.event_at,
            "event_id": did.event_id,
            "arrival_date": did.arrival_date,
            "user_id": did.pair[0],
            "item_type": did.pair[1],
            "item_id": did.pair[2],
        }
        for did in done
    ]


def impression_rows(shown: list[Shown]) -> list[dict[str, object]]:
    return [
        {
            "source": one.source,
            "event_id": one.event_id,
            "position": one.position,
            "shown_at": one.shown_at,
            "arrival_date": one.arrival_date,
            "user_id": one.pair[0],
            "item_type": one.pair[1],
            "item_id": one.pair[2],
        }
        for one in shown
    ]


def tables(done: list[Did], shown: list[Shown]) -> tuple[pa.Table, pa.Table]:
    """What the kernel reads."""
    did = [
        row | {"source": "app", "event_arrival_date": row["arrival_date"]}
        for row in event_rows(done)
    ]
    for row in did:
        row["event_date"] = row["event_at"].date()
    seen = [
        row | {"shown_date": row["shown_at"].date(), "surface": "product_feed"}
        for row in impression_rows(shown)
    ]
    schemas = arrow_schema(SILVER_OUTCOMES.schema), arrow_schema(SILVER_IMPRESSIONS.schema)
    return tuple(
        pa.Table.from_pylist(
            [{name: _utc(row.get(name)) for name in schema.names} for row in rows], nullable(schema)
        )
        for rows, schema in zip((did, seen), schemas, strict=True)
    )


def nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in schema])


def _utc(value: object) -> object:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[Did], list[Shown]]:
    """A few users, items, instants: ties, late lines and clicks without impressions abound."""
    pair = st.tuples(st.sampled_from("uv"), st.just("product"), st.sampled_from("ab"))
    instant = st.integers(0, 40).map(lambda n: START + n * timedelta(hours=12))
    delay = st.sampled_from([0, 0, 0, 1, 2, 6, 7, 8, 9])
    kinds = st.sampled_from(outcomes.OUTCOMES)
    done = [
        Did(kind, at, f"e{n}", at.date() + timedelta(days=late), of)
        for n, (kind, at, late, of) in enumerate(
            draw(st.lists(st.tuples(kinds, instant, delay, pair), max_size=12))
        )
    ]
    slots = st.tuples(instant, delay, pair, st.sampled_from("xy"), st.integers(0, 1))
    seen = draw(st.lists(slots, max_size=12, unique_by=lambda s: (s[3], s[4], s[0], s[1])))
    shown = [
        Shown(at, name, place, source, at.date() + timedelta(days=late), of)
        for (at, late, of, name, place), source in zip(seen, "pq" * 6, strict=False)
    ]
    return done, shown


EVERY_DAY = Days(START.date(), date(2026, 3, 1))


@given(logs())
@settings(max_examples=300, deadline=None)
def test_outcomes_are_what_the_nights_would_have_written(
    log: tuple[list[Did], list[Shown]],
) -> None:
    done, shown = log

    got = outcomes.attributed(*tables(done, shown), days=EVERY_DAY)

    assert found(got) == told(nights(done, shown, EVERY_DAY), EVERY_DAY)


def one_item(*rows: tuple[str, float, int]) -> list[Did]:
    """One user's outcomes with one item: kind, event day with its fraction, arrival day."""
    return [
        Did(kind, START + timedelta(days=at), f"{kind}{n}", _day(arrived), ("u", "product", "a"))
        for n, (kind, at, arrived) in enumerate(rows)
    ]


def slate(name: str, at: float, arrived: int) -> Shown:
    day = START + timedelta(days=at)
    return Shown(day, name, 0, "app", _day(arrived), ("u", "product", "a"))


def _day(number: int) -> date:
    return START.date() + timedelta(days=number)


def told_of(done: list[Did], shown: list[Shown]) -> list[tuple]:
    rows = outcomes.attributed(*tables(done, shown), days=EVERY_DAY).to_pylist()
    told = [
        (r["event_id"], (r["arrival_date"] - START.date()).days, r["impression_event_id"])
        for r in rows
    ]
    return sorted(told)


def test_a_click_follows_the_last_impression_before_it() -> None:
    shown = [slate("first", 1.1, 1), slate("last", 1.2, 1), slate("after", 1.4, 1)]

    assert told_of(one_item(("click", 1.3, 1)), shown) == [("click0", 1, "last")]


def test_an_impression_that_arrives_later_is_waited_for_and_a_better_one_is_not() -> None:
    shown = [slate("second", 1.1, 4), slate("third", 1.2, 5)]

    assert told_of(one_item(("click", 1.3, 1)), shown) == [("click0", 4, "second")]


@pytest.mark.parametrize(("arrived", "impression"), [(8, "seen"), (9, None)])
def test_after_seven_arrival_days_alone_an_outcome_is_organic(
    arrived: int, impression: str | None
) -> None:
    assert told_of(one_item(("like", 1.3, 1)), [slate("seen", 1.1, arrived)]) == [
        ("like0", 8, impression)
    ]


@pytest.mark.parametrize(("at", "impression"), [(1.0, "seen"), (0.99, None), (8.01, None)])
def test_an_impression_is_eligible_for_seven_days_and_not_before_it_was_shown(
    at: float, impression: str | None
) -> None:
    (row,) = told_of(one_item(("click", 8.0, 8)), [slate("seen", at, 8)])

    assert row[2] == impression


def test_an_order_follows_the_last_clicked_impression_and_not_the_last() -> None:
    shown = [slate("clicked", 1.1, 1), slate("not clicked", 1.3, 1)]
    done = one_item(("click", 1.2, 1), ("order", 1.4, 1), ("watch", 1.4, 1))

    assert told_of(done, shown) == [
        ("click0", 1, "clicked"),
        ("order1", 1, "clicked"),
        ("watch2", 1, "not clicked"),
    ]


def test_an_order_waits_for_a_click_that_arrives_later() -> None:
    shown = [slate("seen", 1.1, 1)]

    done = one_item(("order", 1.4, 1), ("click", 1.2, 3))

    assert told_of(done, shown) == [("click1", 3, "seen"), ("order0", 3, "seen")]


def test_a_view_makes_an_impression_a_clicked_one() -> None:
    done = one_item(("cart", 1.4, 1), ("view", 1.2, 1))

    assert told_of(done, [slate("seen", 1.1, 1)]) == [("cart0", 1, "seen"), ("view1", 1, "seen")]


def test_the_same_instant_is_parted_by_event_id_position_and_source() -> None:
    pair = ("u", "product", "a")
    keys = [("b", 0, "p"), ("b", 1, "p"), ("b", 1, "q"), ("a", 5, "z")]
    shown = [Shown(START, name, place, source, START.date(), pair) for name, place, source in keys]

    got = outcomes.attributed(*tables(one_item(("click", 0.5, 0)), shown), days=EVERY_DAY)

    pointer = [f"impression_{name}" for name in ("event_id", "position", "source")]
    assert got.select(pointer).to_pylist() == [dict(zip(pointer, keys[2], strict=True))]


def test_a_user_who_clicked_one_item_half_a_million_times_is_one_more_user() -> None:
    num = 500_000
    at = pa.array([START + timedelta(seconds=n % 80_000) for n in range(1000)])
    many = at.take(pa.array([n % 1000 for n in range(num)]))
    done, shown = tables(one_item(("click", 0.5, 0)), [slate("seen", 0.1, 0)])
    repeat = pa.array([0] * num)
    done = done.take(repeat).set_column(
        done.schema.get_field_index("event_at"), "event_at", many.cast(done["event_at"].type)
    )
    shown = shown.take(repeat)

    got = outcomes.attributed(done, shown, days=EVERY_DAY)

    before = START + timedelta(days=0.1)
    is_before = sum(stamp.as_py() < before for stamp in many)
    assert (len(got), sum(got["is_organic"].to_pylist())) == (num, is_before)


def random_log(seed: int) -> tuple[list[Did], list[Shown]]:
    """Forty days; a tenth of the lines come up to 70 days after their event."""
    rng = random.Random(seed)

    def line() -> tuple[datetime, date]:
        late = rng.choice([0] * 15 + [1, 3, 7, 30, 70])
        day = START + timedelta(days=rng.randint(90, 130))
        at = day - timedelta(days=late) + timedelta(hours=6 * rng.randint(0, 3))
        return at, day.date()

    def pair() -> tuple[str, str, str]:
        return f"u{rng.randint(0, 30)}", "product", rng.choice("abc")

    done = []
    for n in range(900):
        at, day = line()
        done.append(Did(rng.choice(outcomes.OUTCOMES), at, f"e{n}", day, pair()))
    shown = []
    for n in range(500):
        at, day = line()
        shown.append(Shown(at, f"i{n:03}", rng.randint(0, 2), "app", day, pair()))
        old = at - timedelta(days=rng.randint(55, 75))
        shown.append(Shown(old, f"j{n:03}", 0, "app", old.date(), pair()))
    return done, shown


def reaching(frame: DataFrame, days: Days) -> DataFrame:
    back = days.reaching_back(outcomes.LOOKBACK_DAYS)
    return frame.where(f"arrival_date between '{back.first}' and '{back.last}'")


def test_nights_leave_what_a_range_leaves_and_both_what_the_words_say(
    spark: SparkSession, events_of: Frames, impressions_of: Frames
) -> None:
    done, shown = random_log(seed=7)
    events, seen = (
        events_of(event_rows(done)).cache(),
        impressions_of(impression_rows(shown)).cache(),
    )
    days = Days(_day(121), _day(122))

    def made(of: Days) -> list:
        rows = outcomes.build(reaching(events, of), impressions=reaching(seen, of), days=of)
        assert rows.columns == SILVER_OUTCOMES.column_names
        return sorted(rows.collect(), key=repr)

    at_once = made(days)
    spark.conf.set("spark.sql.shuffle.partitions", "5")
    one_by_one = sorted((row for day in days for row in made(one_day(day))), key=repr)
    spark.conf.set("spark.sql.shuffle.partitions", "2")

    assert at_once == one_by_one
    every_day = Days(START.date(), days.last)
    expected = told(nights(done, shown, every_day), days)
    schema = nullable(arrow_schema(SILVER_OUTCOMES.schema))
    rows = [{k: _utc(v) for k, v in row.asDict().items()} for row in at_once]
    assert found(pa.Table.from_pylist(rows, schema)) == expected
    assert len({row[3] for row in expected}) == 2


def test_a_log_without_impressions_gives_organic_outcomes_after_a_week(
    events_of: Frames, impressions_of: Frames
) -> None:
    done = one_item(("view", 1.0, 1), ("cart", 1.1, 1), ("order", 2.0, 2))
    nothing = impressions_of([])

    rows = outcomes.build(events_of(event_rows(done)), impressions=nothing, days=one_day(_day(8)))

    assert sorted((r.event_id, r.is_organic, r.impression_source) for r in rows.collect()) == [
        ("cart1", True, None),
        ("view0", True, None),
    ]
