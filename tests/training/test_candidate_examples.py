from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from etl.arrow import arrow_schema
from etl.surfaces import PRODUCT_FEED
from etl.tables import (
    CANDIDATES,
    EXAMPLES,
    FEATURES_ITEM_DAILY,
    FEATURES_USER_DAILY,
    FEATURES_USER_PAIRS,
    SILVER_EVENTS,
    SILVER_ITEMS,
)
from tests.training.known_evening import (
    EVENING,
    Row,
    candidate,
    candidates_of,
    frame_of,
    own_item,
    side_of,
    state_of,
    table_of,
    user_daily,
)
from training import array_file, item_side
from training.candidate_examples import build, examples
from training.example_rows import Evenings, ExamplesConfig

SHOWN = EVENING + timedelta(days=1)
ACTED = pa.list_(pa.struct([("item_no", pa.int32()), ("level", pa.int8())]))
SIDE = side_of(*({"item_no": number, "price_cents": 100.0 + number} for number in range(200)))


def made(*asked: Row, num_negatives: int = 50) -> list[Row]:
    """Examples of rows that say user, acted {item_no: level}, candidates, day, pairs."""
    users = user_daily(*({"user_id": row["user"], "num_clicks_7d": 4} for row in asked))
    acted = [
        [{"item_no": n, "level": level} for n, level in sorted(row["acted"].items())]
        for row in asked
    ]
    proposed = [[candidate(n, 1.0, (1, 1, 1.0)) for n in row["candidates"]] for row in asked]
    rows = (
        users.append_column("day", pa.array([row.get("day", SHOWN) for row in asked], pa.date32()))
        .append_column("acted", pa.array(acted, ACTED))
        .append_column("candidates", candidates_of(*proposed))
    )
    found = examples(
        EVENING,
        rows,
        state_of(*(row.get("pairs") for row in asked)),
        items=SIDE,
        surface=PRODUCT_FEED,
        config=ExamplesConfig(num_negatives=num_negatives),
    )
    table = EXAMPLES["product_feed"]
    return found.select(table.column_names).cast(arrow_schema(table.schema)).to_pylist()


def labels(rows: list[Row]) -> dict[int, tuple[bool, bool, bool]]:
    return {r["item_no"]: (r["is_click"], r["is_cart"], r["is_order"]) for r in rows}


def test_every_candidate_acted_on_is_an_example_with_what_came_of_it() -> None:
    rows = made({"user": "a", "acted": {3: 1, 7: 2, 9: 3, 150: 1}, "candidates": range(10)})
    found = labels(rows)
    assert found[3] == (True, False, False)
    assert found[7] == (True, True, False)
    assert found[9] == (True, True, True)
    assert found[0] == (False, False, False)
    assert set(found) == set(range(10))


def test_fifty_negatives_are_drawn_and_stand_for_all() -> None:
    rows = made({"user": "a", "acted": {3: 1, 7: 3}, "candidates": range(172)})
    weights = {r["item_no"]: r["sampling_weight"] for r in rows}
    negatives = [n for n, label in labels(rows).items() if label == (False, False, False)]
    assert len(negatives) == 50
    assert {weights[n] for n in negatives} == {np.float32(170 / 50)}
    assert weights[3] == weights[7] == 1


def test_a_user_with_few_negatives_keeps_them_all_at_weight_one() -> None:
    rows = made({"user": "a", "acted": {3: 1}, "candidates": range(31)})
    assert len(rows) == 31
    assert {r["sampling_weight"] for r in rows} == {1.0}


def test_the_draw_depends_on_user_day_and_item_and_not_on_who_else_is_there() -> None:
    one = {"user": "a", "acted": {3: 1}, "candidates": range(100)}
    other = {"user": "b", "acted": {4: 1}, "candidates": range(100)}
    turned = {**one, "candidates": range(99, -1, -1)}

    alone = labels(made(one))
    beside = made(other, turned)

    assert labels([r for r in beside if r["user_id"] == "a"]) == alone
    assert labels([r for r in beside if r["user_id"] == "b"]).keys() != alone.keys()


def test_every_negative_is_drawn_as_often_as_the_others() -> None:
    asked = [{"user": f"u{n}", "acted": {0: 1}, "candidates": range(21)} for n in range(400)]
    items = [r["item_no"] for r in made(*asked, num_negatives=5) if not r["is_click"]]
    counts = np.bincount(items, minlength=21)[1:]
    # Without replacement the statistic is smaller than chi-square: 19 degrees, p = .001.
    assert ((counts - 100) ** 2 / 100).sum() < 43.8


def test_a_late_action_adds_what_it_proves_and_no_negatives() -> None:
    proposed = {"user": "a", "candidates": range(100)}
    late = SHOWN + timedelta(days=3)

    rows = made({**proposed, "acted": {3: 1}}, {**proposed, "acted": {8: 3}, "day": late})

    arrived = [r for r in rows if r["arrival_date"] == late]
    assert labels(arrived) == {8: (True, True, True)}
    assert [(r["shown_date"], r["feature_date"]) for r in arrived] == [(SHOWN, EVENING)]
    assert len(rows) == 1 + 50 + 1


def test_features_are_those_of_the_evening_before() -> None:
    pairs = {"items": [own_item(3, num_clicks=2)]}
    [row] = made({"user": "a", "acted": {3: 1}, "candidates": [3], "pairs": pairs})
    assert (row["pair_num_clicks"], row["item_price_cents"], row["user_num_clicks_7d"]) == (
        2,
        103,
        4,
    )
    assert (row["feature_date"], row["shown_date"]) == (EVENING, SHOWN)


class Fortnight:
    """Two users' evenings 2026-01-01 … 12 with features that name the evening they are of."""

    evenings = tuple(date(2026, 1, day) for day in range(1, 13))

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark = spark
        self.sides = dict(self._sent(folder))

    def _sent(self, folder: Path) -> Iterator[tuple[date, str]]:
        for evening in self.evenings:
            rows = [
                {
                    "item_no": n,
                    "item_id": f"p{n}",
                    "item_type": "product",
                    "is_eligible": True,
                    "price_cents": 100.0 * evening.day,
                }
                for n in range(4)
            ]
            daily = table_of(FEATURES_ITEM_DAILY, rows).select(item_side.COLUMNS)
            path = array_file.write(item_side.arrays_of(daily), folder)
            self.spark.sparkContext.addFile(str(path))
            yield evening, path.name

    def examples(self, events: list[Row], first: date, last: date) -> list[Row]:
        """Examples of the days first … last, from the tables as a night of them would read them."""
        start = max(first - timedelta(days=8), self.evenings[0])
        evenings = [e for e in self.evenings if start <= e < last]
        own = [{"arrival_date": e, "user_id": u} for e in evenings for u in ("a", "off")]
        proposed = [candidate(n, 1.0, (1, 1, 1.0)) for n in range(4)]
        users = [
            {
                **row,
                "active_hours": [0] * 24,
                "followed_hosts": [],
                "query_words": [],
                "num_clicks_7d": row["arrival_date"].day,
                "is_personalisation_off": row["user_id"] == "off",
            }
            for row in own
        ]
        served = [row | {"items": proposed} for row in own]
        lists = {"categories": [], "brands": [], "sellers": [], "hosts": []}
        pairs = [
            {**row, **lists, "items": [own_item(0, num_clicks=row["arrival_date"].day)]}
            for row in own
        ]
        known = [{"item_no": n, "item_id": f"p{n}", "item_type": "product"} for n in range(4)]
        arrived = [event for event in events if first <= event["arrival_date"] <= last]
        rows = build(
            frame_of(self.spark, SILVER_EVENTS, arrived),
            items=frame_of(self.spark, SILVER_ITEMS, known),
            known=Evenings(
                candidates=frame_of(self.spark, CANDIDATES["product_feed"], served),
                users=frame_of(self.spark, FEATURES_USER_DAILY, users),
                pairs=frame_of(self.spark, FEATURES_USER_PAIRS, pairs),
                item_sides=self.sides,
            ),
            surface=PRODUCT_FEED,
            config=ExamplesConfig(num_buckets=1),
        )
        key = ("arrival_date", "user_id", "shown_date", "item_no")
        return [row.asDict() for row in rows.orderBy(*key).collect()]


def acted(user: str, item: str, day: int, *, arrived: int, what: str = "click") -> Row:
    shown, known = date(2026, 1, day), date(2026, 1, arrived)
    return {
        "arrival_date": known,
        "event_date": shown,
        "event_at": datetime.combine(shown, time(12)),
        "event_type": what,
        "user_id": user,
        "item_type": "product",
        "item_id": item,
    }


EVENTS = [
    acted("a", "p0", 11, arrived=11),
    acted("a", "p1", 11, arrived=11, what="order"),
    acted("off", "p0", 11, arrived=11),
    acted("a", "p2", 4, arrived=11),  # 7 days late: just in time
    acted("a", "p3", 3, arrived=11),  # 8 days late
    acted("a", "p2", 12, arrived=11),  # a clock that is ahead
    acted("a", "p3", 12, arrived=12),
    acted("a", "p1", 4, arrived=12),  # 8 days late, though a range has its evening
]


ELEVENTH, TWELFTH = date(2026, 1, 11), date(2026, 1, 12)


@pytest.fixture(scope="module")
def fortnight(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Fortnight:
    return Fortnight(spark, tmp_path_factory.mktemp("sides"))


@pytest.fixture(scope="module")
def nights(fortnight: Fortnight) -> list[Row]:
    """Examples of two nights, made one after the other."""
    return [row for day in (ELEVENTH, TWELFTH) for row in fortnight.examples(EVENTS, day, day)]


def test_actions_meet_the_candidates_and_features_of_the_evening_before(nights: list[Row]) -> None:
    rows = [row for row in nights if row["arrival_date"] == ELEVENTH]

    said = [(r["user_id"], r["shown_date"].day, r["item_no"], r["is_click"]) for r in rows]
    on_the_day = [("a", 11, 0, True), ("a", 11, 1, True), ("a", 11, 2, False), ("a", 11, 3, False)]
    assert said == [("a", 4, 2, True), *on_the_day]
    assert [r["item_no"] for r in rows if r["is_order"]] == [1]
    for row in rows:
        evening = row["shown_date"].day - 1
        assert row["feature_date"].day == evening
        assert (row["item_price_cents"], row["user_num_clicks_7d"]) == (100 * evening, evening)
        assert row["pair_num_clicks"] == (evening if row["item_no"] == 0 else 0)


def test_a_range_leaves_the_rows_of_its_nights(fortnight: Fortnight, nights: list[Row]) -> None:
    assert fortnight.examples(EVENTS, ELEVENTH, TWELFTH) == nights
