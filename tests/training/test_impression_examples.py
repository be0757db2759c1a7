from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from tests.training.known_evening import Row
from tests.training.shown_evenings import (
    SURFACE,
    Fortnight,
    by_pandas,
    drawn,
    impression,
    outcome,
    sent_sides,
)
from training import impression_fates
from training.example_rows import ExamplesConfig

NINTH, TENTH, TWELFTH = (date(2026, 1, day) for day in (9, 10, 12))


@pytest.fixture(scope="module")
def empty(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Fortnight:
    return Fortnight(spark, dict(sent_sides(spark, tmp_path_factory.mktemp("sides"))))


def made(fortnight: Fortnight, *shown: Row, done: list[Row] | None = None) -> list[Row]:
    """Examples that arrived on the tenth."""
    on = replace(fortnight, impressions=list(shown), outcomes=done or [])
    return on.examples(TENTH, TENTH)


def test_examples_are_what_pandas_joins(empty: Fortnight) -> None:
    shown, done = drawn(seed=1)
    on = replace(empty, impressions=shown, outcomes=done)

    found = pd.DataFrame(on.examples(date(2026, 1, 4), TWELFTH))

    expected = by_pandas(shown, done).reset_index(drop=True)
    assert len(expected) > 40
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_dtype=False, rtol=1e-6)


def test_a_range_leaves_the_rows_of_its_nights(empty: Fortnight) -> None:
    shown, done = drawn(seed=2)
    on = replace(empty, impressions=shown, outcomes=done)
    config = ExamplesConfig(num_buckets=3, max_impressions=2)

    days = [date(2026, 1, day) for day in range(4, 13)]
    nights = [row for day in days for row in on.examples(day, day, config)]

    assert pd.DataFrame(on.examples(days[0], days[-1], config)).equals(pd.DataFrame(nights))


def test_a_late_impression_does_not_see_its_own_click(empty: Fortnight) -> None:
    """Shown on the 5th, arrived on the 10th: the evening of the 9th knows of its click."""
    [row] = made(empty, impression("a", 2, 5, arrived=10))
    assert row["feature_date"] == date(2026, 1, 4)
    assert (row["user_num_clicks_7d"], row["pair_num_clicks"], row["item_price_cents"]) == (
        4,
        4,
        400,
    )


def test_an_outcome_that_came_later_is_not_in_the_stored_row(empty: Fortnight) -> None:
    one = impression("a", 1, 10, arrived=10)
    done = [outcome(one, "click", attributed=10), outcome(one, "order", attributed=11)]
    on = replace(empty, impressions=[one, impression("a", 2, 10, arrived=11)], outcomes=done)

    rows = on.examples(TENTH, TWELFTH)

    flags = {r["item_no"]: (r["is_click"], r["is_order"]) for r in rows}
    assert flags == {1: (True, False), 2: (False, False)}


def test_an_item_shown_twice_is_two_examples_with_what_came_of_each(empty: Fortnight) -> None:
    first = impression("a", 3, 10, arrived=10, event_id="e1")
    second = impression("a", 3, 10, arrived=10, event_id="e2", position=1)

    rows = made(empty, first, second, done=[outcome(second, "click", attributed=10)])

    found = [(r["example_id"], r["is_click"], r["source_popularity_rank"]) for r in rows]
    assert found == [("shop:e1:3", False, 9.0), ("shop:e2:1", True, 9.0)]


@pytest.mark.parametrize(
    ("item", "position", "propensity", "day", "is_own"),
    [
        (3, 3, 0.5, 11, True),
        (3, 1, 0.5, 11, True),  # what stood before it was passed over
        (3, 4, 0.5, 11, False),
        (3, 3, 0.4, 11, False),  # another policy showed it there
        (3, 3, None, 11, True),
        (3, 2, None, 11, False),
        (0, 0, 0.2500001, 11, True),
        (3, 3, 0.5, 10, False),  # the slates of the evening before were not published
    ],
)
def test_an_impression_is_ours_if_our_slate_put_it_there(
    empty: Fortnight,
    item: int,
    position: int,
    *,
    propensity: float | None,
    day: int,
    is_own: bool,
) -> None:
    said = {"position": position, "propensity": propensity}
    one = impression("a", item, day, arrived=day, **said)
    [row] = replace(empty, impressions=[one]).examples(one["arrival_date"], one["arrival_date"])
    assert row["is_own"] is is_own


def test_other_surfaces_and_other_kinds_of_items_are_left_out(empty: Fortnight) -> None:
    elsewhere = impression("a", 1, 10, arrived=10, surface="product_feed")
    other = impression("a", 1, 10, arrived=10, item_type="product", event_id="p")
    assert made(empty, elsewhere, other) == []


def test_a_user_and_day_above_the_limit_is_sampled_without_looking_at_what_followed(
    empty: Fortnight,
) -> None:
    shown = [impression("a", n % 6, 10, arrived=10, event_id=f"e{n}") for n in range(60)]
    few = [impression("b", 1, 10, arrived=10, event_id="few")]
    done = [outcome(one, "click", attributed=10) for one in shown[::2]]
    config = ExamplesConfig(num_buckets=1, max_impressions=20)
    on = replace(empty, impressions=shown + few)

    rows = on.examples(TENTH, TENTH, config)
    clicked = replace(on, outcomes=done).examples(TENTH, TENTH, config)

    ids = [row["example_id"] for row in rows]
    assert ids == [row["example_id"] for row in clicked]
    weights = {row["example_id"]: row["sampling_weight"] for row in rows}
    assert weights.pop("shop:few:1") == 1
    assert list(weights.values()) == [3.0] * 20
    assert 3 < sum(row["is_click"] for row in clicked) < 17


def test_every_impression_is_kept_as_often_as_the_others(empty: Fortnight) -> None:
    days = range(4, 13)
    shown = [
        impression(user, n % 6, day, arrived=day, event_id=f"{user}{day}-{n}", position=n)
        for user in ("a", "b")
        for day in days
        for n in range(40)
    ]
    on = replace(empty, impressions=shown)

    rows = on.examples(date(2026, 1, 4), TWELFTH, ExamplesConfig(max_impressions=10))

    assert len(rows) == 2 * len(days) * 10
    counts = np.bincount([row["position"] for row in rows], minlength=40)
    # Without replacement the statistic is smaller than chi-square: 39 degrees, p = .001.
    assert ((counts - 4.5) ** 2 / 4.5).sum() < 72.1


def test_nothing_is_left_out_unsaid(empty: Fortnight) -> None:
    shown = [
        *(impression("a", n, 10, arrived=10) for n in range(4)),
        impression("a", 1, 3, arrived=10),
        impression("a", 1, 2, arrived=10),
        impression("b", 1, 11, arrived=10),
        impression("off", 1, 10, arrived=10),
        impression("new", 1, 10, arrived=10),
        impression("b", 1, 10, arrived=10, item_type="product"),
        impression("b", 1, 10, arrived=10, surface="live_streams"),
    ]
    log, known = replace(empty, impressions=shown).read(TENTH, TENTH)

    config = ExamplesConfig(max_impressions=3)
    found = impression_fates.count(log.impressions, known=known, surface=SURFACE, config=config)

    assert found == {
        impression_fates.IN_TIME: 5,
        impression_fates.SAMPLED: 1,
        "arrived more than 7 days late": 1,
        "stamped after they arrived": 1,
        "of users who had opted out": 1,
        "of users unknown the evening before": 1,
        "not of the surface's type": 1,
    }
