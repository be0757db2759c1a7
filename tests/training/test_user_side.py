from datetime import date

import pyarrow as pa

from training.user_side import evenings


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
