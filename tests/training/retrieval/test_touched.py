from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from etl.surfaces import PRODUCT_FEED
from etl.tables import FEATURES_USER_HISTORY
from tests.training.known_evening import EVENING, Row, batch_of, side_of, table_of, visit
from training.retrieval.interactions import UNSEEN
from training.retrieval.touched import Catalogue, Touched, visits

ITEMS = np.array([2, 5, 7, 9], np.int64)


def row_of(user: str, *items: int, day: date = EVENING, what: str = "view") -> Row:
    return {
        "user_id": user,
        "arrival_date": day,
        "short": [visit(item, what=what) for item in items],
    }


def touched(*rows: Row, max_users: int = 100, opted_out: tuple[str, ...] = ()) -> Touched:
    columns = ["user_id", "arrival_date", "short"]
    batches = [table_of(FEATURES_USER_HISTORY, [row]).select(columns) for row in rows]
    return Touched.of(
        [batch for table in batches for batch in table.to_batches()],
        opted_out=opted_out,
        max_users=max_users,
    )


def items_of(found: Touched) -> list[list[int]]:
    return [
        found.item_no_N[a:b].tolist()
        for a, b in zip(found.indptr[:-1], found.indptr[1:], strict=True)
    ]


def test_a_users_newest_row_counts_in_whatever_order_rows_come() -> None:
    before = EVENING - timedelta(days=2)
    rows = [row_of("a", 5, day=before), row_of("a", 5, 7), row_of("b", 2)]
    one, other = touched(*rows), touched(*rows[::-1])
    assert sorted(items_of(one)) == [[2], [5, 7]]
    assert items_of(one) == items_of(other)
    assert not one.is_sample


def test_who_opted_out_is_not_learned_from() -> None:
    assert items_of(touched(row_of("a", 5), row_of("b", 2), opted_out=("b",))) == [[5]]


@pytest.mark.parametrize("seed", range(3))
def test_a_sample_of_users_does_not_depend_on_the_order_of_rows(seed: int) -> None:
    rows = [row_of(f"u{n}", n) for n in range(40)]
    whole = items_of(touched(*rows))
    order = np.random.default_rng(seed).permutation(40)
    drawn = touched(*(rows[n] for n in order), max_users=7)
    assert drawn.is_sample
    assert items_of(drawn) == whole[:7]


def test_a_fit_and_a_question_lay_the_same_history_out_alike() -> None:
    short = [visit(5), visit(5, what="click"), visit(99), visit(7), visit(9, what="hide"), visit(2)]
    catalogue = Catalogue(ITEMS, Catalogue.of(side_of(), PRODUCT_FEED).attribute_IA)
    row = {"user_id": "a", "arrival_date": EVENING, "short": short}
    fitted = touched(row).visits(catalogue)
    asked = visits(batch_of({"short": short}).short, ITEMS, num_users=1)
    # A run of events on one item is one visit; unknown items and hides are none.
    assert fitted.item_N.tolist() == asked.item_N.tolist() == [1, 2, 0]
    assert asked.user_U.tolist() == [UNSEEN]


def test_users_without_a_visit_are_left_out_of_a_fit() -> None:
    catalogue = Catalogue(ITEMS, Catalogue.of(side_of(), PRODUCT_FEED).attribute_IA)
    found = touched(row_of("a", 99), row_of("b", 2, 7), row_of("c")).visits(catalogue)
    assert found.length_U.tolist() == [2]
    assert found.user_U.tolist() == [0]


def test_a_catalogue_has_the_surfaces_items_with_their_words() -> None:
    items = side_of(
        {"item_no": 3, "title": "red shoe", "category": "c", "brand": "b"},
        {"item_no": 1, "title": "red hat"},
        {"item_no": 2, "item_type": "short_video", "title": "red"},
    )
    found = Catalogue.of(items, PRODUCT_FEED)
    assert found.item_no_I.tolist() == [1, 3]
    assert found.attribute_IA.sum(axis=1).tolist() == [2, 4]
    both = found.attribute_IA @ found.attribute_IA.T
    assert both.toarray()[0, 1] == 1


def test_an_empty_lake_has_nobody() -> None:
    found = touched()
    assert found.item_no_N.tolist() == []
    assert found.indptr.tolist() == [0]
    assert pa.array(found.event_code_N).type == pa.int8()
