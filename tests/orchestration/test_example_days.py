from datetime import date, timedelta
from pathlib import Path

import pytest

from etl import tables
from etl.days import Days, one_day
from etl.lake_files import LakeFiles
from etl.surfaces import PRODUCT_FEED, SHORT_VIDEOS
from orchestration.example_days import ExampleDays
from tests.orchestration.written_lake import Row, made, write

FIRST, SHOWN, NIGHT = (date(2026, 1, day) for day in (1, 5, 8))
EXAMPLES = tables.EXAMPLES["short_videos"]


def example(user: str, number: int, *, is_click: bool = False) -> Row:
    return {
        "user_id": user,
        "item_no": number,
        "shown_date": SHOWN,
        "feature_date": SHOWN - timedelta(days=1),
        "example_id": f"shop:e{number}:{number}",
        "position": number,
        "is_click": is_click,
        "sampling_weight": 1.0,
    }


def outcome(kind: str, number: int, surface: str = "short_videos", **said: object) -> Row:
    return {
        "event_type": kind,
        "impression_source": "shop",
        "impression_event_id": f"e{number}",
        "impression_position": number,
        "impression_surface": surface,
        "is_organic": False,
        **said,
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> LakeFiles:
    """Four videos shown to Ann on the 5th, one to Bob, who opted out on the 8th."""
    files = LakeFiles(tmp_path_factory.mktemp("lake"), FIRST)
    for table in (EXAMPLES, tables.SILVER_OUTCOMES, tables.FEATURES_USER_DAILY):
        made(files, table, FIRST, NIGHT)
    made(files, tables.SILVER_ITEMS, FIRST, NIGHT)
    own = [example("ann", n, is_click=n == 0) for n in (3, 1, 0, 2)]
    write(files, EXAMPLES, SHOWN, *own, example("bob", 4))
    watched = {"watch_ms": 500}
    write(files, tables.SILVER_OUTCOMES, SHOWN, outcome("click", 0), outcome("watch", 0, **watched))
    elsewhere = outcome("cart", 3, "product_feed")
    write(files, tables.SILVER_OUTCOMES, NIGHT, outcome("cart", 1), elsewhere)
    videos = [{"item_no": n, "item_type": "short_video", "duration_ms": 1000} for n in range(3)]
    for full_day in (FIRST, NIGHT):
        write(files, tables.SILVER_ITEMS, full_day, *videos)
    off = {"user_id": "bob", "is_personalisation_off": True}
    write(files, tables.FEATURES_USER_DAILY, NIGHT, {"user_id": "ann"}, off)
    return files


def known_on(files: LakeFiles, night: date) -> dict[str, list[object]]:
    batch = ExampleDays(files, SHORT_VIDEOS, night, 7)(SHOWN)
    return {task: label.tolist() for task, label in batch.label.items()}


def test_a_night_knows_what_was_attributed_by_it(files: LakeFiles) -> None:
    before = known_on(files, NIGHT - timedelta(days=1))
    after = known_on(files, NIGHT)

    # Bob's row is the fifth until he opts out.
    assert before["click"] == [True, False, False, False, False]
    assert before["cart"] == [False] * 5
    assert after["click"] == [True, True, False, False]
    assert after["cart"] == [False, True, False, False]
    assert sorted(after) == ["cart", "click", "watch"]


def test_a_share_is_of_the_duration_and_unknown_without_one(files: LakeFiles) -> None:
    assert known_on(files, NIGHT)["watch"] == pytest.approx(
        [0.5, 0.0, 0.0, float("nan")], nan_ok=True
    )


def test_clicks_are_counted_as_known_on_the_night(files: LakeFiles) -> None:
    days = ExampleDays(files, SHORT_VIDEOS, NIGHT, 7)
    counts = days.num_clicks(Days(SHOWN, NIGHT))
    assert counts == {day: 2 if day == SHOWN else 0 for day in Days(SHOWN, NIGHT)}


def test_several_days_are_one_batch_in_which_a_user_has_one_number(files: LakeFiles) -> None:
    days = ExampleDays(files, SHORT_VIDEOS, NIGHT, 7)
    alone = days(SHOWN)

    found = days.together(Days(FIRST, NIGHT))

    assert found.given.item_N.tolist() == alone.given.item_N.tolist()
    assert found.user_N.tolist() == [0] * 4


def test_of_a_day_of_too_many_examples_those_of_drawn_users_are_read(tmp_path: Path) -> None:
    files = LakeFiles(tmp_path, FIRST)
    later = SHOWN + timedelta(days=1)
    for table in (EXAMPLES, tables.SILVER_OUTCOMES, tables.FEATURES_USER_DAILY):
        made(files, table, FIRST, NIGHT)
    made(files, tables.SILVER_ITEMS, FIRST, NIGHT)
    shown = [example(f"user {n % 200}", n) for n in range(2_000)]
    write(files, EXAMPLES, SHOWN, *shown)
    write(files, EXAMPLES, later, *[row | {"shown_date": later} for row in shown[:800]])
    clicks = [outcome("click", n, user_id=f"user {n % 200}") for n in range(0, 2_000, 2)]
    write(files, tables.SILVER_OUTCOMES, SHOWN, *clicks)

    every = ExampleDays(files, SHORT_VIDEOS, NIGHT, 7)
    some = ExampleDays(files, SHORT_VIDEOS, NIGHT, 7, max_a_day=500)

    assert (every.share(SHOWN), some.share(SHOWN), some.share(later)) == (1.0, 0.25, 0.625)
    drawn, more = (set(some(day).given.item_N.tolist()) for day in (SHOWN, later))
    # Whole users, and whoever is drawn for less is drawn for more.
    assert len({n % 200 for n in drawn}) * 10 == len(drawn) == pytest.approx(500, abs=150)
    assert {n % 200 for n in drawn} < {n % 200 for n in more}
    label = dict(zip(every(SHOWN).given.item_N, every(SHOWN).label["click"], strict=True))
    assert some(SHOWN).label["click"].tolist() == [label[n] for n in some(SHOWN).given.item_N]
    assert 0 < some(SHOWN).label["click"].sum() < len(drawn)


def test_popularity_is_read_of_the_evenings_before_a_day(tmp_path: Path) -> None:
    files = LakeFiles(tmp_path, FIRST)
    table = tables.RETRIEVAL_POPULARITY
    of_videos = {"surface": "short_videos", "scope": "all", "num_users": 5}
    write(files, table, FIRST, of_videos, of_videos | {"scope": "category"})
    for day in range(2, 5):
        write(files, table, date(2026, 1, day), of_videos | {"surface": "product_feed"})

    found = ExampleDays(files, SHORT_VIDEOS, NIGHT, 7).popularity(one_day(SHOWN))

    assert [(row["arrival_date"], row["scope"]) for row in found.to_pylist()] == [(FIRST, "all")]


def test_orders_of_unripe_days_count_for_those_not_heard_of_yet(tmp_path: Path) -> None:
    night, table = FIRST + timedelta(days=20), tables.EXAMPLES["product_feed"]
    files = LakeFiles(tmp_path, FIRST)
    for one in (table, tables.SILVER_OUTCOMES, tables.FEATURES_USER_DAILY, tables.SILVER_ITEMS):
        made(files, one, FIRST, night)
    early, late = FIRST + timedelta(days=2), night - timedelta(days=1)
    of_feed = {"impression_surface": "product_feed"}
    soon = [outcome("order", 1_000 + n, **of_feed, shown_date=early) for n in range(300)]
    write(files, tables.SILVER_OUTCOMES, early, *soon)
    later = [outcome("order", 2_000 + n, **of_feed, shown_date=early) for n in range(300)]
    write(files, tables.SILVER_OUTCOMES, early + timedelta(days=3), *later)
    write(files, tables.SILVER_OUTCOMES, late, outcome("order", 4, **of_feed, shown_date=late))
    for day in (early, late):
        shown = {"shown_date": day, "feature_date": day - timedelta(days=1)}
        rows = [example("ann", n + 3 * (day == late)) | shown for n in range(3)]
        write(files, table, day, *rows)

    days = ExampleDays(files, PRODUCT_FEED, night, 28)

    assert days(late).label["order"].tolist() == [False, True, False]
    told = days.for_learning(late).label
    assert told["order"].tolist() == pytest.approx([0, 1 / 0.5, 0], rel=0.02)
    assert told["click"].tolist() == days(late).label["click"].tolist()
    assert days.for_learning(early).label["order"].tolist() == [0, 0, 0]


def test_what_chance_placed_counts_for_more_to_who_learns_and_to_nobody_else(
    tmp_path: Path,
) -> None:
    files, table = LakeFiles(tmp_path, FIRST), tables.EXAMPLES["product_feed"]
    for one in (table, tables.SILVER_OUTCOMES, tables.FEATURES_USER_DAILY, tables.SILVER_ITEMS):
        made(files, one, FIRST, NIGHT)
    shown = {"shown_date": SHOWN, "feature_date": SHOWN - timedelta(days=1)}
    placed = [example("ann", n) | shown for n in range(3)]
    propensities = (0.8, 0.003, None)
    write(
        files,
        table,
        SHOWN,
        *[row | {"propensity": p} for row, p in zip(placed, propensities, strict=True)],
    )

    days = ExampleDays(files, PRODUCT_FEED, NIGHT, 7)

    assert days(SHOWN).weight_N.tolist() == [1, 1, 1]
    assert days.for_learning(SHOWN).weight_N.tolist() == [1, 4, 1]


def test_orders_that_will_be_cancelled_are_not_counted_for(tmp_path: Path) -> None:
    night, shown = FIRST + timedelta(days=20), FIRST + timedelta(days=2)
    files = LakeFiles(tmp_path, FIRST)
    made(files, tables.SILVER_OUTCOMES, FIRST, night)
    said = {"surface": "product_feed", "shown_date": shown}
    ordered = [outcome("order", n, **said) for n in range(200)]
    write(files, tables.SILVER_OUTCOMES, shown, *ordered)
    cancelled = [outcome("cancel", n, **said) for n in range(50)]
    write(files, tables.SILVER_OUTCOMES, shown + timedelta(days=1), *cancelled)

    found = ExampleDays(files, PRODUCT_FEED, night, 28).delays

    assert [found.at(age) for age in range(2)] == pytest.approx([200 / 150, 1.0])
