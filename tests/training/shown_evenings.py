"""A fortnight of a small surface with impressions, drawn by a seed, and what pandas makes of it.

Features name the evening they are of, so that a row tells which evening it was joined with.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from etl.days import Days
from etl.surfaces import SHORT_VIDEOS
from etl.tables import (
    CANDIDATES,
    FEATURES_ITEM_DAILY,
    FEATURES_USER_DAILY,
    FEATURES_USER_PAIRS,
    SILVER_EVENTS,
    SILVER_IMPRESSIONS,
    SILVER_ITEMS,
    SILVER_OUTCOMES,
    SLATES,
)
from etl.tables.schema import Table
from tests.training.known_evening import Row, candidate, frame_of, own_item, table_of
from training import array_file, examples, item_side
from training.example_rows import Evenings, ExamplesConfig
from training.examples import Log

SURFACE: Final = SHORT_VIDEOS
EVENINGS: Final = tuple(date(2026, 1, day) for day in range(1, 13))
USERS: Final = ("a", "b", "off")
NUM_ITEMS: Final = 6
PUBLISHED: Final = tuple(e for e in EVENINGS if e.day % 2 == 0)
"""Evenings whose slates readers were given: item p at place p with 0.5, item 0 with 0.25."""


def impression(user: str, item: int, day: int, *, arrived: int, **said: Any) -> Row:  # noqa: ANN401
    """A row of silver/impressions: at noon, at the item's own place, in a request of its own."""
    shown = date(2026, 1, day)
    usual = {
        "arrival_date": date(2026, 1, arrived),
        "source": "shop",
        "event_id": f"{user}{day}-{item}-{arrived}",
        "position": item,
        "user_id": user,
        "item_type": SURFACE.item_type,
        "item_id": f"v{item}",
        "surface": SURFACE.name,
        "shown_at": datetime(2026, 1, day, 12, tzinfo=UTC),
        "shown_date": shown,
        "propensity": 0.5,
    }
    return usual | said


def outcome(of: Row, kind: str, *, attributed: int, watch_ms: int | None = None) -> Row:
    """A row of silver/outcomes that followed an impression."""
    same = {name: of[name] for name in ("user_id", "item_type", "item_id", "shown_date")}
    return {
        **same,
        "arrival_date": date(2026, 1, attributed),
        "source": "shop",
        "event_id": f"{kind}{of['event_id']}{attributed}",
        "event_type": kind,
        "is_organic": False,
        "watch_ms": watch_ms,
        "impression_source": of["source"],
        "impression_event_id": of["event_id"],
        "impression_position": of["position"],
        "impression_surface": of["surface"],
    }


@dataclass(frozen=True)
class Fortnight:
    """Impressions and outcomes on a lake of three users and six videos."""

    spark: SparkSession
    sides: dict[date, str]
    impressions: list[Row] = field(default_factory=list)
    outcomes: list[Row] = field(default_factory=list)

    def examples(self, first: date, last: date, config: ExamplesConfig | None = None) -> list[Row]:
        """Examples of the days first … last, from what a run of just these days would read."""
        log, known = self.read(first, last)
        days = {first + timedelta(days=n) for n in range((last - first).days + 1)}
        made = examples.build(
            log,
            known,
            surface=SURFACE,
            days=Days(first, last),
            by_impressions=days,
            config=config or ExamplesConfig(num_buckets=1),
        )
        key = ("arrival_date", "user_id", "shown_date", "example_id")
        return [row.asDict() for row in made.orderBy(*key).collect()]

    def read(self, first: date, last: date) -> tuple[Log, Evenings]:
        """Cut the tables out as a run of these days reads them."""
        start = max(first - timedelta(days=8), EVENINGS[0])
        evenings = [e for e in EVENINGS if start <= e < last]
        own = [{"arrival_date": e, "user_id": u} for e in evenings for u in USERS]
        named = [
            {
                "item_no": n,
                "item_id": f"v{n}",
                "item_type": SURFACE.item_type,
                "propensity": 0.5 if n else 0.25,
            }
            for n in range(NUM_ITEMS)
        ]
        published = [
            {**row, "audience": "user", "audience_key": row["user_id"], "items": named}
            for row in own
            if row["arrival_date"] in PUBLISHED
        ]
        frame = self._frame
        log = Log(
            events=frame(SILVER_EVENTS, []),
            impressions=frame(SILVER_IMPRESSIONS, _between(self.impressions, first, last)),
            outcomes=frame(SILVER_OUTCOMES, _between(self.outcomes, first, last)),
            items=frame(SILVER_ITEMS, named),
            published=frame(SLATES[SURFACE.name], published),
        )
        known = Evenings(
            users=frame(FEATURES_USER_DAILY, [_user(row) for row in own]),
            candidates=frame(CANDIDATES[SURFACE.name], [row | _candidates(row) for row in own]),
            pairs=frame(FEATURES_USER_PAIRS, [_pairs(row) for row in own]),
            item_sides=self.sides,
        )
        return log, known

    def _frame(self, table: Table, rows: list[Row]) -> DataFrame:
        return frame_of(self.spark, table, rows)


def _between(rows: list[Row], first: date, last: date) -> list[Row]:
    return [row for row in rows if first <= row["arrival_date"] <= last]


def _user(row: Row) -> Row:
    is_off = row["user_id"] == "off"
    said = {"active_hours": [0] * 24, "followed_hosts": [], "query_words": []}
    own = {"num_clicks_7d": row["arrival_date"].day, "is_personalisation_off": is_off}
    return {**row, **said, **own}


def _candidates(row: Row) -> Row:
    """Videos 3, 1 and 0; the second of them was proposed twice."""
    day = row["arrival_date"].day
    found = [
        candidate(3, 0.5, (1, day, 1.0)),
        candidate(1, 0.25, (1, 2, 0.5), (4, 7, 9.0)),
        candidate(0, 0.125, (6, 1, 2.0)),
    ]
    return {"items": found}


def _pairs(row: Row) -> Row:
    day = row["arrival_date"].day
    items = [own_item(2, num_clicks=day)]
    return {**row, "items": items, "categories": [], "brands": [], "sellers": [], "hosts": []}


def sent_sides(spark: SparkSession, folder: Path) -> Iterator[tuple[date, str]]:
    """Write and send each evening's items: their price is a hundred cents a day of the month."""
    for evening in EVENINGS:
        rows = [
            {
                "item_no": n,
                "item_id": f"v{n}",
                "item_type": SURFACE.item_type,
                "is_eligible": True,
                "price_cents": 100.0 * evening.day,
            }
            for n in range(NUM_ITEMS)
        ]
        daily = table_of(FEATURES_ITEM_DAILY, rows).select(item_side.COLUMNS)
        path = array_file.write(item_side.arrays_of(daily), folder)
        spark.sparkContext.addFile(str(path))
        yield evening, path.name


def drawn(seed: int, num: int = 250) -> tuple[list[Row], list[Row]]:
    """Impressions of 4 … 12 January up to nine days late, and what followed up to six days on."""
    rng = np.random.default_rng(seed)
    shown, done = [], []
    for n in range(num):
        day, late = int(rng.integers(3, 13)), int(rng.choice([0, 0, 0, 1, 3, 7, 8, 9, -1]))
        if not 4 <= day + late <= 12:
            continue
        user = str(rng.choice([*USERS, "new"]))
        one = impression(
            user, int(rng.integers(NUM_ITEMS)), day, arrived=day + late, event_id=f"e{n}"
        )
        one["position"] = int(rng.integers(4))
        shown.append(one)
        for kind in rng.choice(["click", "cart", "order", "cancel", "watch", "hide"], 2):
            when = day + late + int(rng.choice([0, 0, 1, 4]))
            if when <= 12:
                done.append(outcome(one, str(kind), attributed=when, watch_ms=int(n) or None))
    return shown, done


def by_pandas(shown: list[Row], done: list[Row]) -> pd.DataFrame:
    """What examples of impressions should be, joined row by row."""
    rows = []
    for one in shown:
        late = (one["arrival_date"] - one["shown_date"]).days
        evening = one["shown_date"] - timedelta(days=1)
        if not 0 <= late <= 7 or one["user_id"] not in {"a", "b"} or evening not in EVENINGS:
            continue
        followed = [
            o
            for o in done
            if o["impression_event_id"] == one["event_id"]
            and o["arrival_date"] == one["arrival_date"]
        ]
        kinds = [o["event_type"] for o in followed]
        watches = [o["watch_ms"] or 0 for o in followed if o["event_type"] == "watch"]
        item = int(one["item_id"][1:])
        is_cart = "cart" in kinds or "order" in kinds
        rows.append(
            {
                "arrival_date": one["arrival_date"],
                "user_id": one["user_id"],
                "item_no": item,
                "shown_date": one["shown_date"],
                "feature_date": evening,
                "example_id": f"shop:{one['event_id']}:{one['position']}",
                "position": one["position"],
                "propensity": 0.5,
                "is_own": evening in PUBLISHED and item > 0 and one["position"] <= item,
                "is_click": "click" in kinds or is_cart,
                "is_cart": is_cart,
                "is_order": kinds.count("order") > kinds.count("cancel"),
                "is_hide": "hide" in kinds,
                "watch_ms": sum(watches) if any(watches) else None,
                "sampling_weight": 1.0,
                "user_num_clicks_7d": evening.day,
                "item_price_cents": 100 * evening.day,
                "pair_num_clicks": evening.day if item == 2 else 0,
                "fused_score": {3: 0.5, 1: 0.25, 0: 0.125}.get(item),
                "num_sources": {3: 1, 1: 2, 0: 1}.get(item),
                "source_popularity_rank": {3: evening.day, 1: 2}.get(item),
                "source_covisitation_score": {1: 9.0}.get(item),
            }
        )
    frame = pd.DataFrame(rows)
    return frame.sort_values(["arrival_date", "user_id", "shown_date", "example_id"])
