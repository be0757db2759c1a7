from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.training.rankers.conformance import unseen
from training import labels
from training.inputs import NUMERIC
from training.labels import as_known, labels_of, maturity

Row = dict[str, Any]
KINDS = ("view", "click", "cart", "order", "cancel", "watch", "like", "hide")
OUTCOMES = pa.schema(
    [
        ("event_type", pa.string()),
        ("watch_ms", pa.int64()),
        ("impression_source", pa.string()),
        ("impression_event_id", pa.string()),
        ("impression_position", pa.int32()),
    ]
)


def outcome(kind: str, event: str = "e", position: int = 0, watch_ms: int | None = None) -> Row:
    return dict(zip(OUTCOMES.names, (kind, watch_ms, "shop", event, position), strict=True))


def table(*outcomes: Row) -> pa.Table:
    return pa.Table.from_pylist(list(outcomes), OUTCOMES)


def followed(ids: list[str], *outcomes: Row) -> dict[str, pa.Array]:
    rows = table(*outcomes)
    names = (rows.column(name).combine_chunks() for name in OUTCOMES.names[2:])
    return labels_of(pa.array(ids), labels.example_ids(*names), rows)


def label(*outcomes: Row) -> Row:
    """What came of the impression shop:e:0."""
    found = followed(["shop:e:0"], *outcomes)
    return {name: column[0].as_py() for name, column in found.items()}


def test_an_impression_without_outcomes_was_seen_and_left() -> None:
    nothing = {"is_click": False, "is_cart": False, "is_order": False, "is_hide": False}
    assert label(outcome("click", position=1), outcome("order", event="f")) == {
        **nothing,
        "watch_ms": None,
    }


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["view"], (True, False, False)),
        (["click", "click"], (True, False, False)),
        (["cart"], (True, True, False)),
        (["click", "order"], (True, True, True)),
        (["order", "cancel"], (True, True, False)),
        (["order", "order", "cancel"], (True, True, True)),
        (["cancel"], (False, False, False)),
        (["like", "watch"], (False, False, False)),
    ],
)
def test_an_order_is_a_cart_is_a_click_and_a_cancelled_order_is_none(
    kinds: list[str], expected: tuple[bool, ...]
) -> None:
    found = label(*map(outcome, kinds))
    assert (found["is_click"], found["is_cart"], found["is_order"]) == expected


def test_all_watches_of_an_impression_count_together() -> None:
    watches = (outcome("watch", watch_ms=300), outcome("watch", watch_ms=200))
    assert label(*watches, outcome("hide"))["watch_ms"] == 500
    assert label(outcome("watch", watch_ms=0))["watch_ms"] == 0
    assert label(outcome("hide"))["is_hide"]


def test_many_outcomes_are_joined_as_pandas_joins_them() -> None:
    rng = np.random.default_rng(4)
    ids = [f"shop:e{n // 3}:{n % 3}" for n in rng.permutation(60)]
    drawn = [
        outcome(
            str(rng.choice(KINDS)),
            event=f"e{rng.integers(25)}",
            position=int(rng.integers(3)),
            watch_ms=int(rng.integers(900)) if rng.random() < 0.7 else None,
        )
        for _ in range(200)
    ]

    columns = followed(ids, *drawn)
    found = pd.DataFrame({name: column.to_pylist() for name, column in columns.items()})

    frame = pd.DataFrame(drawn)
    key = frame.impression_source + ":" + frame.impression_event_id + ":"
    counts = pd.crosstab(key + frame.impression_position.astype(str), frame.event_type)
    counts = counts.reindex(ids, columns=KINDS, fill_value=0).reset_index(drop=True)
    assert (found.is_click == (counts[["view", "click", "cart", "order"]].sum(axis=1) > 0)).all()
    assert (found.is_cart == (counts[["cart", "order"]].sum(axis=1) > 0)).all()
    assert (found.is_order == (counts.order > counts.cancel)).all()
    assert (found.is_hide == (counts.hide > 0)).all()
    watched = frame.watch_ms.where(frame.event_type == "watch")
    summed = watched.groupby(key + frame.impression_position.astype(str)).sum(min_count=1)
    expected = summed.reindex(ids).reset_index(drop=True)
    pd.testing.assert_series_equal(found.watch_ms, expected, check_names=False, check_dtype=False)


def examples(*ids: str) -> pa.Table:
    """Examples of items 0, 1, …, stored as clicked and watched for 700 ms."""
    size = len(ids)
    flags = {f"is_{name}": [name == "click"] * size for name in ("click", "cart", "order", "hide")}
    columns = {"example_id": list(ids), "item_no": range(size), **flags, "watch_ms": [700] * size}
    types = {"item_no": pa.int32(), "watch_ms": pa.int64(), "example_id": pa.string()}
    return pa.table({n: pa.array(v, types.get(n, pa.bool_())) for n, v in columns.items()})


def durations(*ms: int | None) -> pa.Table:
    numbers = pa.array(range(len(ms)), pa.int32())
    return pa.table({"item_no": numbers, "duration_ms": pa.array(ms, pa.int64())})


def test_what_was_stored_gives_way_to_what_was_attributed_since() -> None:
    rows = examples("shop:e:0", "shop:e:1", labels.CANDIDATE)
    known = as_known(rows, table(outcome("order", position=1)), durations())
    assert known.column("is_click").to_pylist() == [False, True, True]
    assert known.column("is_order").to_pylist() == [False, True, False]
    assert known.column("watch_ms").to_pylist() == [None, None, 700]
    assert known.column_names == [*rows.column_names, "watch_share"]


def test_a_video_is_watched_to_its_end_at_most_and_unknown_without_a_duration() -> None:
    rows = examples(*(f"shop:e:{n}" for n in range(5)))
    watched = [outcome("watch", position=n, watch_ms=600) for n in (0, 1, 3, 4)]
    known = as_known(rows, table(*watched), durations(1000, 500, 1000, None))
    assert known.column("watch_share").to_pylist() == pytest.approx(
        [np.float32(0.6), 1.0, 0.0, None, None]
    )


@pytest.mark.parametrize(("day", "share"), [(20, 0.0), (19, 1 / 7), (13, 1.0), (1, 1.0)])
def test_labels_ripen_over_the_days_in_which_outcomes_follow(day: int, share: float) -> None:
    batch = unseen().batch
    assert maturity(batch, date(2026, 1, day), date(2026, 1, 20)) == pytest.approx(share)


def test_what_came_of_candidates_is_known_at_once() -> None:
    numeric_NF = unseen().batch.given.numeric_NF.copy()
    numeric_NF[:, NUMERIC.index("position")] = np.nan
    batch = unseen().batch
    given = replace(batch.given, numeric_NF=numeric_NF)
    of_candidates = replace(batch, given=given)
    assert maturity(of_candidates, date(2026, 1, 20), date(2026, 1, 20)) == 1.0
