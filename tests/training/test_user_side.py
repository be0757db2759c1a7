from datetime import UTC, date, datetime

import pyarrow as pa

from training.user_side import HISTORIES, evenings


def state(*rows: tuple[str, date, str]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [[], [], []]
    types = [pa.string(), pa.date32(), pa.string()]
    arrays = [pa.array(c, t) for c, t in zip(columns, types, strict=True)]
    return pa.table(arrays, names=["user_id", "arrival_date", "what"])


def asked(*rows: tuple[str, date]) -> pa.Table:
    users, days = zip(*rows, strict=True)
    return pa.table({"user_id": pa.array(users), "feature_date": pa.array(days, pa.date32())})


def answers(requests: pa.Table, known: pa.Table) -> list[tuple[str, int, str | None]]:
    return [
        (user, day.day, what)
        for day, who, found in evenings(requests, known)
        for user, what in zip(
            who.column("user_id").to_pylist(), found.column("what").to_pylist(), strict=True
        )
    ]


def test_each_evening_meets_the_newest_row_that_is_not_after_it() -> None:
    first, third, fifth = date(2026, 1, 1), date(2026, 1, 3), date(2026, 1, 5)
    known = state(("b", fifth, "b5"), ("a", first, "a1"), ("a", third, "a3"))
    requests = asked(("a", fifth), ("b", third), ("a", date(2026, 1, 2)), ("b", fifth))
    assert answers(requests, known) == [
        ("a", 2, "a1"),
        ("b", 3, None),
        ("a", 5, "a3"),
        ("b", 5, "b5"),
    ]


def test_without_any_state_every_user_has_none() -> None:
    assert answers(asked(("a", date(2026, 1, 2))), state()) == [("a", 2, None)]


def remembering(*rows: tuple[str, date, list[datetime] | None]) -> pa.Table:
    """States whose ``short`` and ``long`` are of events at these instants; None: he only looked."""
    users, days, events = zip(*rows, strict=True)
    kind = pa.list_(pa.struct({"event_at": pa.timestamp("us", "UTC")}))
    told = [None if at is None else [{"event_at": one} for one in at] for at in events]
    columns = {"user_id": pa.array(users), "arrival_date": pa.array(days, pa.date32())}
    return pa.table(columns | {name: pa.array(told, kind) for name in HISTORIES})


def test_on_a_day_of_looking_alone_the_histories_of_before_are_told() -> None:
    acted, looked, long_after = date(2026, 1, 3), date(2026, 1, 5), date(2026, 4, 3)
    at = datetime(2026, 1, 3, 12, tzinfo=UTC)
    known = remembering(("a", acted, [at]), ("a", looked, None), ("b", looked, None))
    requests = asked(("a", acted), ("a", looked), ("b", looked), ("a", long_after))

    found = [
        (day, who, short, long)
        for day, requested, state in evenings(requests, known)
        for who, short, long in zip(
            requested["user_id"].to_pylist(),
            state["short"].to_pylist(),
            state["long"].to_pylist(),
            strict=True,
        )
    ]

    told = [{"event_at": at}]
    assert found == [
        (acted, "a", told, told),
        (looked, "a", told, told),
        (looked, "b", None, None),
        # The 3rd of January ended 90 days before the 3rd of April does.
        (long_after, "a", None, None),
    ]
