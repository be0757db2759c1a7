from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from etl.arrow import arrow_schema
from etl.days import Days, one_day
from etl.tables import RETRIEVAL_COVISITATION
from training.retrieval.covisitation_fold import CovisitationConfig, fold

FIRST = date(2026, 1, 1)
CONFIG = CovisitationConfig(half_life_days=2.0, num_neighbours=3)


def visits(*rows: tuple[date, int, int, int]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [[]] * 4
    return pa.table(
        {
            "arrival_date": pa.array(columns[0], pa.date32()),
            "surface": pa.array(["product_feed"] * len(columns[0]), pa.string()),
            "item_no": pa.array(columns[1], pa.int32()),
            "to_item_no": pa.array(columns[2], pa.int32()),
            "sixtieths": pa.array(columns[3], pa.int64()),
        }
    )


NOTHING = arrow_schema(RETRIEVAL_COVISITATION.schema).empty_table()


def folded(rows: pa.Table, state: pa.Table, days: Days) -> pa.Table:
    return fold(rows, state, days=days, first_day=FIRST, config=CONFIG).cast(NOTHING.schema)


def newest(rows: pa.Table) -> pa.Table:
    """The newest row of each item, as ``Lake.as_of`` reads it."""
    last = {r["item_no"]: r for r in sorted(rows.to_pylist(), key=lambda r: r["arrival_date"])}
    return pa.Table.from_pylist(list(last.values()), NOTHING.schema)


def test_a_weight_is_halved_by_the_half_life_before_the_days_visits_are_added() -> None:
    third = FIRST + timedelta(days=2)
    rows = visits((FIRST, 1, 2, 60), (third, 1, 2, 30))
    got = folded(rows, NOTHING, Days(FIRST, third)).to_pylist()[-1]
    assert got["neighbours"] == [{"item_no": 2, "weight": 1.0 / 2 + 0.5}]
    assert got["weights_date"] == third


def test_only_touched_items_have_rows_but_a_full_day_has_all_alive() -> None:
    second, full = FIRST + timedelta(days=1), FIRST + timedelta(days=7)
    rows = visits((second, 1, 2, 60), (second + timedelta(days=1), 3, 2, 60))
    got = folded(rows, NOTHING, Days(second, full))
    said = [(r["arrival_date"].day, r["item_no"], r["weights_date"].day) for r in got.to_pylist()]
    assert said == [(2, 1, 2), (3, 3, 3), (8, 1, 2), (8, 3, 3)]


def test_the_strongest_neighbours_are_kept_and_ties_go_to_the_smaller_number() -> None:
    rows = visits(*((FIRST, 1, to, 60 if to < 6 else 30) for to in (9, 5, 4, 3, 2)))
    [got] = folded(rows, NOTHING, one_day(FIRST)).to_pylist()
    assert [n["item_no"] for n in got["neighbours"]] == [2, 3, 4]


@pytest.mark.parametrize("seed", range(5))
def test_nights_leave_bit_for_bit_what_one_range_leaves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days = Days(FIRST, FIRST + timedelta(days=11))
    drawn = {
        (FIRST + timedelta(days=int(d)), int(a), int(b)): int(w)
        for d, a, b, w in zip(*rng.integers([0, 0, 0, 1], [12, 5, 9, 99], (80, 4)).T, strict=True)
    }
    rows = visits(*((*key, weight) for key, weight in drawn.items()))
    whole = folded(rows, NOTHING, days)
    nights, state = [], NOTHING
    for day in days:
        today = rows.filter(pa.compute.equal(rows.column("arrival_date"), pa.scalar(day)))
        nights.append(folded(today, state, one_day(day)))
        state = newest(pa.concat_tables([state, nights[-1]]))
    assert pa.concat_tables(nights).to_pylist() == whole.to_pylist()
