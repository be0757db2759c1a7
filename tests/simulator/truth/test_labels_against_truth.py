"""Labels as known on every night are what the shop knows had happened and arrived by then.

The shop says of each outcome which impression it followed, and from which day on that could be
known; what labels are made of that is written here by the rule (DESIGN §2, decision 7), in pandas.
"""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from etl.arrow import days_of_epoch
from etl.silver.attribution import WINDOW_DAYS
from etl.surfaces import ALL, NAMES, Surface
from simulator.day import NONE
from tests.simulator import arrived
from tests.simulator.dirty_shop import DAYS, SHOP, Silver
from tests.simulator.shops import simulated
from tests.training.rankers.conformance import unseen
from training.labels import OUTCOME_COLUMNS, as_known, example_ids, maturity

FLAGS = ("is_click", "is_cart", "is_order", "is_hide")


def examples_of(silver: Silver, surface: Surface) -> pa.Table:
    """Every impression that arrived, labelled as if nothing had come of it."""
    rows = silver.impressions.filter(pc.equal(silver.impressions["surface"], surface.name))
    numbered = silver.items.group_by(["item_type", "item_id"]).aggregate([("item_no", "max")])
    rows = rows.join(numbered, ["item_type", "item_id"]).combine_chunks()
    names = (rows[name].combine_chunks() for name in ("source", "event_id", "position"))
    nothing = {name: pa.array([False] * len(rows)) for name in FLAGS}
    return pa.table(
        {
            "example_id": example_ids(*names),
            "arrival_date": rows["arrival_date"],
            "item_no": rows["item_no_max"],
            "item_id": rows["item_id"],
            **nothing,
            "watch_ms": pa.nulls(len(rows), pa.int64()),
        }
    )


def known_on(silver: Silver, surface: Surface, examples: pa.Table, night: date) -> pd.DataFrame:
    """What the product knows on a night of every example that arrived by it."""
    is_here = pc.field("arrival_date") <= night
    is_own = ~pc.field("is_organic") & (pc.field("impression_surface") == surface.name)
    outcomes = silver.outcomes.filter(is_here & is_own).select(OUTCOME_COLUMNS)
    newest = silver.items.filter(is_here).sort_by([("arrival_date", "descending")])
    first = pd.Series(newest["item_no"].to_numpy()).drop_duplicates().index
    durations = newest.take(pa.array(first)).select(["item_no", "duration_ms"])
    found = as_known(examples.filter(is_here), outcomes, durations).to_pandas()
    return found.set_index("example_id").sort_index()


def told(shop: Path) -> pd.DataFrame:
    """What the shop knows of outcomes: each with the example it is of, and from which day on."""
    rows = pq.read_table(shop / "truth" / "outcomes.parquet").to_pandas()
    rows = rows[rows.is_organic.eq(False) & ~rows.is_waiting]
    position = rows.impression_position.astype(int).astype(str)
    ids = "shop:" + rows.impression_event_id + ":" + position
    watch_ms = arrived.events(SHOP).set_index("event_id").watch_ms
    return rows.assign(example_id=ids, watch_ms=rows.event_id.map(watch_ms))


def expected_of(outcomes: pd.DataFrame, ids: pd.Index) -> pd.DataFrame:
    """Label examples by outcomes: a cart or order is a click, an order is one that stands."""
    kinds = ("click", "cart", "order", "cancel", "hide")
    num = pd.crosstab(outcomes.example_id, outcomes.event_type)
    num = num.reindex(index=ids, columns=kinds, fill_value=0)
    watches = outcomes[outcomes.event_type == "watch"].groupby("example_id").watch_ms.sum()
    return pd.DataFrame(
        {
            "is_click": (num.click + num.cart + num.order) > 0,
            "is_cart": (num.cart + num.order) > 0,
            "is_order": num.order > num.cancel,
            "is_hide": num.hide > 0,
            "watch_ms": watches.reindex(ids),
        }
    )


def durations_by(night: date) -> dict[str, int]:
    """Milliseconds of each item of which a whole catalogue line had arrived."""
    world, events = simulated(SHOP, SHOP.days).world, arrived.events(SHOP)
    said = events[events.is_new_item & (events.arrival_day <= days_of_epoch(night))].item
    ms = world.items.duration_ms_N[said]
    ids = np.array(world.names.item_id.to_pylist(), object)[said]
    return {name: one for name, one in zip(ids, ms.tolist(), strict=True) if one != NONE}


Nights = list[tuple[date, pd.DataFrame]]


def nights_of(shop: Path, silver: Silver, surface: Surface) -> Nights:
    """What is known on each night, and beside it what the shop tells."""
    examples, outcomes = examples_of(silver, surface), told(shop)
    found = []
    for night in DAYS:
        rows = known_on(silver, surface, examples, night)
        by_then = outcomes[outcomes.attributed_date <= night]
        found.append((night, rows.join(expected_of(by_then, rows.index), rsuffix="_told")))
    return found


@pytest.fixture(scope="module")
def nights(shop: Path, silver: Silver) -> dict[str, Nights]:
    return {surface.name: nights_of(shop, silver, surface) for surface in ALL}


@pytest.mark.parametrize("surface", NAMES)
def test_every_label_on_every_night_is_what_had_happened_and_arrived(
    nights: dict[str, Nights], surface: str
) -> None:
    for night, rows in nights[surface]:
        for name in FLAGS:
            assert rows[name].tolist() == rows[f"{name}_told"].tolist(), (night, name)
        watched = rows.watch_ms.astype(float)  # pandas knows no other null among numbers
        pd.testing.assert_series_equal(watched, rows.watch_ms_told, check_names=False)


@pytest.mark.parametrize("surface", NAMES)
def test_every_watched_share_is_of_the_length_that_was_known(
    nights: dict[str, Nights], surface: str
) -> None:
    for night, rows in nights[surface]:
        length = rows.item_id.map(durations_by(night)).astype(float)
        share = (rows.watch_ms_told.fillna(0) / length).clip(upper=1).astype(np.float32)
        found = rows.watch_share.astype(np.float32)
        pd.testing.assert_series_equal(found, share, check_names=False)


def test_labels_wait_for_delayed_orders_late_lines_and_cancels(
    shop: Path, nights: dict[str, Nights]
) -> None:
    labels: dict[str, list[bool]] = {}
    for known in nights.values():
        for _, rows in known:
            for example, is_order in rows.is_order[rows.is_cart].items():
                labels.setdefault(str(example), []).append(is_order)
    outcomes = told(shop)
    is_late = outcomes.event_arrival_date > outcomes.event_at.dt.date

    ever = [of_nights for of_nights in labels.values() if any(of_nights)]
    assert sum(not of_nights[0] for of_nights in ever) > 5  # ordered a night or more after the cart
    assert sum(not of_nights[-1] for of_nights in ever) > 2  # taken back on a later one
    assert {"click", "cart", "watch"} <= set(outcomes[is_late].event_type)
    # Some impressions and clicks arrived after what followed them.
    assert (outcomes.attributed_date > outcomes.event_arrival_date).any()


def test_of_mature_days_only_what_arrived_late_is_still_to_come(shop: Path, silver: Silver) -> None:
    examples = pd.concat([examples_of(silver, surface).to_pandas() for surface in ALL])
    arrival, outcomes = examples.set_index("example_id").arrival_date, told(shop)
    is_late = outcomes.event_arrival_date > outcomes.event_at.dt.date
    late = set(outcomes[is_late].example_id)
    num_to_come = dict.fromkeys(range(WINDOW_DAYS + 1), 0)
    for night in DAYS:
        to_come = outcomes[outcomes.attributed_date > night]
        for example in to_come.example_id[to_come.example_id.map(arrival) <= night]:
            ripe = maturity(unseen().batch, arrival[example], night)
            assert ripe < 1 or example in late
            num_to_come[round(ripe * WINDOW_DAYS)] += 1

    assert num_to_come[0] > 10
    assert num_to_come[0] > num_to_come[1] > num_to_come[WINDOW_DAYS]
