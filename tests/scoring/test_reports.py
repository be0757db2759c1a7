import math
import random
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from etl.days import Days
from etl.surfaces import LIVE_STREAMS, PRODUCT_FEED
from etl.tables import REPORTS_SLATES
from scoring.evidence import Evidence
from scoring.judged_rows import FACT_CODES
from scoring.reports import ReportsConfig, build, by_user, watched_by
from scoring.shown_lists import Watched
from training.slate_metrics import METRICS

FIRST = date(2026, 1, 1)
DAYS = Days(date(2026, 1, 2), date(2026, 1, 10))
USERS = [f"user{n}" for n in range(8)]
ITEMS = range(1, 41)
TRUTH_TYPES = {"view", "click", "cart", "order", "watch", "like"}
Slow = dict[tuple[str, str, str], tuple[list[float], set[int], int]]
Shop = dict[str, list[tuple[Any, ...]]]

SCHEMAS = {
    "slates": "arrival_date date, audience string, audience_key string, segment string, "
    "items array<struct<item_no: int>>, reserve array<struct<item_no: int>>",
    "candidates": "arrival_date date, user_id string, items array<struct<item_no: int, "
    "proposals: array<struct<source: tinyint, rank: smallint>>>>",
    "popularity": "arrival_date date, surface string, scope string, rank int, item_no int",
    "item_daily": "arrival_date date, item_no int, item_type string, is_eligible boolean",
    "pairs": "arrival_date date, user_id string, "
    "items array<struct<item_no: int, num_orders: int, num_hides: int>>",
    "events": "arrival_date date, event_date date, event_type string, user_id string, "
    "item_type string, item_id string",
    "items": "item_type string, item_id string, item_no int, first_arrival_date date",
}


def evidence(spark: SparkSession, shop: Shop) -> Evidence:
    return Evidence(**{n: spark.createDataFrame(shop[n], ddl) for n, ddl in SCHEMAS.items()})


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def random_shop(seed: int) -> Shop:
    """Ten days of a small shop; some users have no slate, an empty one, or no candidates."""
    rng = random.Random(seed)
    shop: Shop = {name: [] for name in SCHEMAS}
    kind = {n: "live_slot" if n > 36 else "product" for n in ITEMS}
    shop["items"] = [(kind[n], f"i{n}", n, day(max(0, n - 33))) for n in ITEMS]
    for evening in map(day, range(10)):
        popular = rng.sample(ITEMS, 35)
        shop["popularity"] += [
            (evening, surface, scope, rank, item)
            for surface, scope in (
                ("product_feed", "all"),
                ("product_feed", "segment"),
                ("x", "all"),
            )
            for rank, item in enumerate(popular if scope == "all" else popular[::-1], 1)
        ]
        shop["item_daily"] += [(evening, n, kind[n], n % 9 != 0) for n in ITEMS]
        for audience, key in (("segment", "DE||"), ("segment", "FR||"), ("default", "*")):
            places = [(n,) for n in rng.sample(ITEMS, 0 if key == "FR||" else 24)]
            shop["slates"].append((evening, audience, key, "", places[:21], places[21:]))
        for user in rng.sample(USERS, 7):
            shown = [(n,) for n in rng.sample(ITEMS, rng.choice([0, 10, 24, 30]))]
            shop["slates"].append(
                (evening, "user", user, rng.choice(["DE||", "FR||", "IT||"]), shown, [])
            )
            proposed = [
                (n, [(s, rank) for s in (1, 4) if rng.random() < 0.6])
                for rank, n in enumerate(rng.sample(ITEMS, rng.choice([5, 25, 40])), 1)
            ]
            rng.shuffle(proposed)
            shop["candidates"].append((evening, user, proposed))
        for user in rng.sample(USERS, 3):
            known = rng.sample(ITEMS, 12)
            pairs = [(n, int(at < 4), int(at > 8)) for at, n in enumerate(known)]
            shop["pairs"].append((evening, user, pairs))
        for _ in range(12):
            item, late = rng.choice(ITEMS), rng.choice([-1, 0, 0, 1, 4])
            type_ = rng.choice(["click", "click", "view", "order", "hide", "impression"])
            happened = evening - timedelta(days=late)
            event = (evening, happened, type_, rng.choice(USERS), kind[item], f"i{item}")
            shop["events"] += [event, event]
    return shop


def measured(left: list[int], truth: dict[int, date], evening: date) -> list[float]:
    hits = [at for at, n in enumerate(left) if n in truth]
    ideal = sum(1 / math.log2(at + 2) for at in range(min(20, len(truth))))
    return [
        len(hits) / len(truth),
        sum(1 / math.log2(at + 2) for at in hits) / ideal,
        float(bool(hits)),
        sum(first <= evening for first in truth.values()) / len(truth),
    ]


def expected(shop: Shop, one: Watched) -> Slow:
    """Judge one evening the slow way: per audience, policy and user his values and his list."""
    evening, last, found = one.slate_date, one.last_date, {}
    number = {(t, i): (n, first) for t, i, n, first in shop["items"]}
    own = {key: row for day_, a, key, *row in shop["slates"] if (day_, a) == (evening, "user")}
    shared = {key: row for day_, a, key, *row in shop["slates"] if day_ == evening and a != "user"}
    fused = {user: items for day_, user, items in shop["candidates"] if day_ == evening}
    popular = [p[4] for p in shop["popularity"] if p[:3] == (evening, "product_feed", "all")]
    for user in USERS:
        states = [(d, items) for d, u, items in shop["pairs"] if u == user and d <= evening]
        state = max(states)[1] if states else []
        bought, hidden = {n for n, o, _ in state if o}, {n for n, _, h in state if h}
        acted = {
            number[t, i]
            for arrived, happened, type_, who, t, i in shop["events"]
            if who == user and type_ in TRUTH_TYPES and t == "product"
            if evening < happened <= last and arrived <= last
        }
        truth = {n: first for n, first in acted if n not in bought}
        if not truth:
            continue
        segment, items, _ = own.get(user, ["*", [], []])
        items = [n for (n,) in items]
        lists = {"popularity_7d": (popular, 20)}
        if items:
            proposals = fused.get(user, [])
            by_rank = sorted((r, n) for n, who in proposals for s, r in who if s == 4)
            lists["slates"] = items, 20
            lists["candidates"] = [n for n, _ in proposals], 20
            lists["covisitation"] = [n for _, n in by_rank], 20
        else:
            _, places, reserve = next(r for r in (shared.get(segment), shared["*"]) if r and r[1])
            lists["slates"] = [n for (n,) in places + reserve], min(20, len(places))
        for policy, (full, most) in lists.items():
            left = [n for n in full if n not in bought | hidden][:most]
            values = measured(left, truth, evening)
            found["user" if items else "default", policy, user] = values, set(left), len(truth)
    return found


def test_each_users_values_are_those_of_the_slow_way(spark: SparkSession) -> None:
    shop = random_shop(7)
    watched = watched_by(DAYS, first_day=FIRST)
    rows = by_user(
        evidence(spark, shop), surface=PRODUCT_FEED, watched=watched, config=ReportsConfig()
    ).collect()
    got = {
        (Watched(r.slate_date, r.horizon_days), r.audience, r.policy, r.user_id): (
            pytest.approx(r["values"]),
            r.num_truths,
        )
        for r in rows
    }
    slow = {
        (one, *key): (values, num_truths)
        for one in watched
        for key, (values, _, num_truths) in expected(shop, one).items()
    }
    assert len(rows) == len(got)
    assert {key[1] for key in got} == {"user", "default"}
    assert slow == got


def test_a_report_holds_the_means_and_what_was_covered(spark: SparkSession) -> None:
    shop, watched = random_shop(8), watched_by(DAYS, first_day=FIRST)
    frame = evidence(spark, shop)
    config = ReportsConfig(num_buckets=3)
    rows = build(frame, surface=PRODUCT_FEED, watched=watched, config=config).collect()
    got = {
        (Watched(r.slate_date, r.horizon_days), r.audience, r.policy, r.metric): (
            pytest.approx(r.value, abs=2e-9),
            r.num_users,
            r.num_truths,
        )
        for r in rows
    }
    assert len(rows) == len(got) == len(watched) * 6 * 5
    assert all(r.arrival_date == r.slate_date + timedelta(days=r.horizon_days) for r in rows)
    assert dict(means(shop, watched)) == got


def means(shop: Shop, watched: list[Watched]) -> Iterable[tuple[Any, tuple[Any, ...]]]:
    eligible = sum(t == "product" and may for d, _, t, may in shop["item_daily"] if d == FIRST)
    policies = ("slates", "popularity_7d", "covisitation", "candidates")
    for one in watched:
        found = expected(shop, one)
        for audience, policy in [("user", p) for p in policies] + [
            ("default", p) for p in policies[:2]
        ]:
            his = [v for (a, p, _), v in found.items() if (a, p) == (audience, policy)]
            counts = len(his), sum(num for _, _, num in his)
            shown = set().union(*(left for _, left, _ in his))
            for at, metric in enumerate(METRICS):
                mean = sum(v[at] for v, _, _ in his) / len(his) if his else None
                yield (one, audience, policy, metric), (mean, *counts)
            coverage = len(shown) / eligible if his else None
            yield (one, audience, policy, "coverage@20"), (coverage, *counts)


def test_a_report_does_not_depend_on_how_users_are_grouped(spark: SparkSession) -> None:
    frame = evidence(spark, random_shop(9))
    watched = [Watched(day(1), 7), Watched(day(7), 1)]
    one, many = (
        build(
            frame,
            surface=PRODUCT_FEED,
            watched=watched,
            config=ReportsConfig(num_buckets=number),
        )
        for number in (1, 5)
    )
    assert one.schema.names == REPORTS_SLATES.column_names
    assert sorted(one.collect(), key=str) == sorted(many.collect(), key=str)


def test_a_day_on_which_nobody_acted_says_so(spark: SparkSession) -> None:
    shop = random_shop(10) | {"events": [], "slates": [], "popularity": [], "pairs": []}
    rows = build(
        evidence(spark, shop),
        surface=PRODUCT_FEED,
        watched=[Watched(FIRST, 1)],
        config=ReportsConfig(),
    ).collect()
    assert {(r.value, r.num_users, r.num_truths) for r in rows} == {(None, 0, 0)}
    assert len(rows) == 6 * 5


def test_a_live_slot_is_a_truth_though_something_was_bought_in_it(spark: SparkSession) -> None:
    kinds = {"product": "i1", "live_slot": "i40"}
    own = {
        "pairs": [(FIRST, "user1", [(40, 1, 0), (39, 0, 1)])],
        "events": [(day(1), day(1), "click", "user1", kind, item) for kind, item in kinds.items()],
    }
    frame = evidence(spark, random_shop(10) | own)
    watched = [Watched(FIRST, 1)]

    facts = {
        surface: frame.facts(surface, watched).where(f"code = {FACT_CODES['pairs']}").collect()
        for surface in (PRODUCT_FEED, LIVE_STREAMS)
    }

    assert [(row.first, row.second) for row in facts[PRODUCT_FEED]] == [([40], [39])]
    assert [(row.first, row.second) for row in facts[LIVE_STREAMS]] == [([], [39])]


def test_what_is_known_of_who_did_nothing_is_not_read(spark: SparkSession) -> None:
    frame = evidence(spark, random_shop(10) | {"events": []})
    assert frame.facts(PRODUCT_FEED, [Watched(FIRST, 1)]).collect() == []


def test_evenings_before_the_lake_are_not_judged() -> None:
    found = watched_by(Days(day(0), day(1)), first_day=FIRST)
    assert found == [Watched(day(0), 1)]
    assert len(watched_by(DAYS, first_day=FIRST)) == 9 + 3
