import numpy as np
import pytest

from scoring.hours import ALL_DAY, Hours
from tests.training.known_evening import side_of, user_daily
from training.assemble import Rows
from training.retrieval.live_presence import PresenceConfig, presence

SLOTS = [
    {"item_no": n, "item_type": "live_slot", "item_id": f"h{n}@sat-{hour:02}", "host_id": f"h{n}"}
    for n, hour in enumerate([8, 20, 20])
]
PRODUCT = {"item_no": 3}


def rows_of(user_R: list[int], item_R: list[int]) -> Rows:
    nothing, num_rows = np.empty(0), len(item_R)
    rows = (np.array(user_R), np.array(item_R), np.zeros(num_rows))
    return Rows(*rows, *[nothing] * 4, position_R=np.zeros(num_rows))


def test_a_slot_has_an_hour_and_the_users_presence_in_it() -> None:
    days = [[0] * 24, [0] * 24]
    days[1][8], days[1][20] = 3, 9
    users = user_daily(*({"user_id": f"u{n}", "active_hours": own} for n, own in enumerate(days)))
    rows = rows_of([0, 0, 1, 1, 1], [0, 3, 0, 2, 99])

    found = Hours.of(rows, users=users, items=side_of(*SLOTS, PRODUCT))

    assert found.has_slots
    assert found.hour_R.tolist() == [8, ALL_DAY, 8, 20, ALL_DAY]
    there_UH = presence(np.array(days), PresenceConfig())
    expected = [1 / 24, 1.0, there_UH[1, 8], there_UH[1, 20], 1.0]
    assert found.presence_R.tolist() == pytest.approx(expected)


def test_what_is_no_slot_is_there_all_day() -> None:
    users = user_daily({"user_id": "u0"})
    found = Hours.of(rows_of([0], [3]), users=users, items=side_of(PRODUCT))
    assert not found.has_slots
    assert found.presence_R.tolist() == [1.0]


def test_what_is_no_slot_has_the_place_that_everything_is_scored_at() -> None:
    of_user = np.zeros(3, int)
    hours = Hours(of_user, np.arange(3), np.array([ALL_DAY, 20, ALL_DAY]), np.ones(3))
    assert hours.places(np.array([1.0, 2.0, 3.0])).tolist() == [0, 0, 0]


def test_places_are_counted_within_a_users_hour_from_the_best_on() -> None:
    hours = Hours(
        user_R=np.array([0, 0, 0, 0, 1, 1]),
        item_R=np.array([5, 4, 3, 2, 3, 5]),
        hour_R=np.array([20, 20, 20, 8, 20, 20]),
        presence_R=np.ones(6),
    )
    value_R = np.array([1.0, 1.0, 2.0, 0.5, 0.1, 0.2])
    assert hours.places(value_R).tolist() == [2, 1, 0, 0, 1, 0]
