"""The oracle adds each key's events up one by one, in their order."""

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.features.fold import DAY_US, NEVER, Fold

HALF_LIVES = (2.0, 7.0)
Event = tuple[int, int, float, bool]
"""Key, day in hours, weight, whether it is an order."""


def nothing() -> Fold:
    empty = np.zeros(0, np.int64)
    return Fold(
        key_K=empty,
        sums={"num_orders": empty},
        lasts={"last_order_at": empty},
        decayed={days: np.zeros(0) for days in HALF_LIVES},
        at_K=empty,
    )


def fold_in(fold: Fold, events: Iterable[Event]) -> Fold:
    """Fold one day's events in, given in order of time."""
    rows = sorted(events, key=lambda e: e[1])
    is_order = np.array([e[3] for e in rows], bool)
    fold.add(
        np.array([e[0] for e in rows], np.int64),
        np.array([e[1] * DAY_US // 24 for e in rows], np.int64),
        np.array([e[2] for e in rows], np.float64),
        counted={"num_orders": is_order.astype(np.int64), "last_order_at": is_order},
    )
    return fold


def one_by_one(days: list[list[Event]], key: int, half_life: float) -> float:
    """Weights of a key's events, each halved per half-life up to the latest."""
    of_key = [e for day in days for e in day if e[0] == key]
    latest = max(e[1] for e in of_key)
    return sum(e[2] * 2.0 ** ((e[1] - latest) / 24 / half_life) for e in of_key)


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 4), st.integers(0, 500), st.sampled_from((0.0, 1.0, 3.0, 5.0)), st.booleans()
    ),
    max_size=12,
)


@given(st.lists(EVENTS, min_size=1, max_size=4))
def test_sums_lasts_and_affinities_are_those_of_the_events_one_by_one(
    days: list[list[Event]],
) -> None:
    fold = nothing()

    for day in days:
        fold_in(fold, day)

    every = [e for day in days for e in day]
    assert fold.key_K.tolist() == sorted({e[0] for e in every})
    for place, key in enumerate(fold.key_K.tolist()):
        of_key = [e for e in every if e[0] == key]
        orders = [e[1] * DAY_US // 24 for e in of_key if e[3]]
        assert fold.sums["num_orders"][place] == len(orders)
        assert fold.lasts["last_order_at"][place] == max(orders, default=NEVER)
        assert fold.at_K[place] == max(e[1] for e in of_key) * DAY_US // 24
        for half_life in HALF_LIVES:
            expected = one_by_one(days, key, half_life)
            assert fold.decayed[half_life][place] == pytest.approx(expected, rel=1e-9)


@given(EVENTS)
def test_other_keys_do_not_change_a_keys_bits(day: list[Event]) -> None:
    together = fold_in(nothing(), day)

    for place, key in enumerate(together.key_K.tolist()):
        alone = fold_in(nothing(), [e for e in day if e[0] == key])
        for half_life in HALF_LIVES:
            assert together.decayed[half_life][place] == alone.decayed[half_life][0]


def test_an_event_that_is_late_is_halved_from_its_own_day() -> None:
    week = timedelta(days=7) // timedelta(hours=1)
    fold = fold_in(nothing(), [(1, week, 4.0, False)])

    fold_in(fold, [(1, 0, 4.0, False)])

    assert fold.decayed[7.0].tolist() == [6.0]
    assert fold.at_K.tolist() == [7 * DAY_US]


def test_what_is_not_kept_is_gone() -> None:
    fold = fold_in(nothing(), [(1, 5, 1.0, True), (2, 6, 3.0, False)])

    fold.keep(np.array([False, True]))

    assert (fold.key_K.tolist(), fold.sums["num_orders"].tolist()) == ([2], [0])
    assert fold.lasts["last_order_at"].tolist() == [NEVER]
    assert fold.decayed[2.0].tolist() == [3.0]
