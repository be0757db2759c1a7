"""Cases by hand: what DESIGN §2 says of one user and one item. Days and hours count from 0."""

import pyarrow as pa
import pytest

from simulator.truth.attribution import Done, Followed, Shown, attributed, followed
from simulator.truth.of_log import DONE, SHOWN

HOUR_US = 3_600_000_000


def at(day: int, hour: int = 0) -> int:
    return (24 * day + hour) * HOUR_US


def seen(day: int, hour: int = 0, *, event: int = 1, position: int = 0, arrived: int = -1) -> Shown:
    return Shown(at(day, hour), event, position, day if arrived < 0 else arrived)


def did(event_type: str, day: int, hour: int = 0, *, arrived: int = -1) -> Done:
    return Done(event_type, at(day, hour), day if arrived < 0 else arrived)


def test_a_click_follows_the_last_impression_before_it() -> None:
    first, last, later = seen(1, 8, event=9), seen(1, 9, event=2), seen(1, 11, event=3)

    assert followed([did("click", 1, 10)], [later, first, last]) == [Followed(1, last)]


def test_an_impression_at_the_same_instant_counts_and_one_a_week_before_too() -> None:
    same, oldest = seen(8, 10), seen(1, 10)

    assert followed([did("like", 8, 10)], [same]) == [Followed(8, same)]
    assert followed([did("like", 8, 10)], [oldest]) == [Followed(8, oldest)]
    assert followed([did("like", 8, 11)], [oldest]) == [Followed(15, None)]


def test_of_equal_instants_the_higher_id_then_the_later_position_is_last() -> None:
    shown = [seen(1, event=2, position=7), seen(1, event=3, position=1), seen(1, event=3)]

    assert followed([did("watch", 1, 1)], shown) == [Followed(1, shown[1])]


def test_an_outcome_waits_for_a_late_impression() -> None:
    late = seen(1, 9, arrived=5)

    assert followed([did("click", 1, 10)], [late]) == [Followed(5, late)]


def test_a_better_impression_that_arrives_later_changes_nothing() -> None:
    prompt, better = seen(1, 8, event=1), seen(1, 9, event=2, arrived=3)

    assert followed([did("click", 1, 10)], [prompt, better]) == [Followed(1, prompt)]


def test_an_outcome_that_arrives_late_is_told_when_it_arrives() -> None:
    shown = seen(1, 9)

    assert followed([did("click", 1, 10, arrived=4)], [shown]) == [Followed(4, shown)]


@pytest.mark.parametrize(
    ("arrived", "told"), [(8, Followed(8, seen(1, 9, arrived=8))), (9, Followed(8, None))]
)
def test_after_seven_arrival_days_alone_it_is_organic(arrived: int, told: Followed) -> None:
    assert followed([did("click", 1, 10)], [seen(1, 9, arrived=arrived)]) == [told]


def test_an_order_follows_the_last_clicked_impression_not_the_last() -> None:
    clicked, only_seen = seen(1, 8, event=1), seen(1, 10, event=2)
    outcomes = [did("order", 1, 11), did("click", 1, 9)]

    assert followed(outcomes, [clicked, only_seen]) == [Followed(1, clicked), Followed(1, clicked)]


def test_an_order_without_a_click_is_organic_whatever_was_shown() -> None:
    assert followed([did("order", 1, 11)], [seen(1, 8)]) == [Followed(8, None)]


def test_a_click_that_arrives_later_makes_the_order_wait() -> None:
    shown = seen(1, 8)
    outcomes = [did("order", 1, 11), did("click", 1, 9, arrived=4)]

    assert followed(outcomes, [shown])[0] == Followed(4, shown)


def test_a_click_stamped_after_the_order_still_makes_its_impression_a_clicked_one() -> None:
    shown = seen(1, 8)
    outcomes = [did("cart", 1, 9), did("click", 1, 10)]

    assert followed(outcomes, [shown]) == [Followed(1, shown), Followed(1, shown)]


def test_a_cancel_days_later_follows_the_clicked_impression_within_a_week() -> None:
    clicked, again = seen(1, 8, event=1), seen(5, 8, event=2)
    outcomes = [did("click", 1, 9), did("cancel", 6), did("cancel", 9)]

    assert followed(outcomes, [clicked, again])[1:] == [Followed(6, clicked), Followed(16, None)]


def test_what_had_not_arrived_by_the_last_day_is_not_there_and_what_waits_is_marked() -> None:
    shown = table(
        SHOWN, [(7, 3, 0, 0, at(1, 8), 4), (8, 0, 0, 1, at(1, 8), 1), (9, 0, 1, 0, at(1), 1)]
    )
    done = table(
        DONE,
        [
            (1, "click", 0, 0, at(1, 9), 1, None, None),
            (2, "click", 0, 1, at(1, 9), 1, None, None),
            (3, "click", 0, 1, at(1, 9), 4, None, None),
        ],
    )

    told = attributed(done, shown, last_day=3).select(
        ["event_id", "attributed_day", "impression_event_id", "impression_position"]
    )

    assert told.to_pylist() == [
        row(event_id=1, attributed_day=None, impression_event_id=None, impression_position=None),
        row(event_id=2, attributed_day=1, impression_event_id=8, impression_position=0),
    ]


def table(schema: pa.Schema, rows: list[tuple]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(schema.names, one, strict=True)) for one in rows], schema)


def row(**columns: int | None) -> dict[str, int | None]:
    return columns
