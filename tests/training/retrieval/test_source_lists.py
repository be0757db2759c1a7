from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from etl.tables import RETRIEVAL_COVISITATION, RETRIEVAL_NEW_ITEMS, RETRIEVAL_POPULARITY
from tests.training.known_evening import EVENING, table_of
from training import array_file
from training.retrieval.source_lists import Named, SourceLists, arrays_of

POPULAR = (
    {"scope": "category", "scope_value": "hats", "rank": 2, "item_no": 8, "num_users": 3},
    {"scope": "all", "scope_value": "*", "rank": 1, "item_no": 5, "num_users": 9},
    {"scope": "category", "scope_value": "hats", "rank": 1, "item_no": 5, "num_users": 9},
    {"scope": "category", "scope_value": "bags", "rank": 1, "item_no": 7, "num_users": 2},
)
NEW = (
    {"category": "*", "rank": 2, "item_no": 3, "age_days": 0},
    {"category": "*", "rank": 1, "item_no": 4, "age_days": 1},
)
VISITED = (
    {"item_no": 9, "weights_date": EVENING, "neighbours": [{"item_no": 1, "weight": 0.5}]},
    {
        "item_no": 2,
        "weights_date": EVENING - timedelta(days=20),
        "neighbours": [{"item_no": 9, "weight": 4.0}, {"item_no": 1, "weight": 2.0}],
    },
)


def laid_out(folder: Path, *, is_empty: bool = False) -> SourceLists:
    def rows(found: tuple[dict, ...]) -> tuple[dict, ...]:
        return () if is_empty else found

    arrays = arrays_of(
        table_of(RETRIEVAL_POPULARITY, rows(POPULAR)),
        new_items=table_of(RETRIEVAL_NEW_ITEMS, rows(NEW)),
        covisitation=table_of(RETRIEVAL_COVISITATION, rows(VISITED)),
        evening=EVENING,
        half_life_days=10.0,
    )
    return SourceLists.read(array_file.write(arrays, folder))


def read(named: Named) -> dict[str, list[tuple[int, float]]]:
    starts = zip(named.indptr[:-1], named.indptr[1:], strict=True)
    parts = [
        list(zip(named.item_E[a:b].tolist(), named.score_E[a:b].tolist(), strict=True))
        for a, b in starts
    ]
    return dict(zip(named.names.to_pylist(), parts, strict=True))


def test_lists_stand_by_name_in_the_order_of_their_ranks(tmp_path: Path) -> None:
    lists = laid_out(tmp_path)
    assert read(lists.named("popularity_all")) == {"*": [(5, 9.0)]}
    assert read(lists.named("popularity_category")) == {
        "bags": [(7, 2.0)],
        "hats": [(5, 9.0), (8, 3.0)],
    }
    assert read(lists.named("popularity_segment")) == {}
    assert read(lists.named("new_items")) == {"*": [(4, 1.0), (3, 0.5)]}


def test_a_name_without_a_list_has_no_place(tmp_path: Path) -> None:
    named = laid_out(tmp_path).named("popularity_category")
    assert named.places(pa.array(["hats", "none", "bags"])).tolist() == [1, -1, 0]


def test_neighbours_are_decayed_to_the_evening(tmp_path: Path) -> None:
    source, indptr, item, weight = laid_out(tmp_path).neighbours
    assert (source.tolist(), indptr.tolist()) == ([2, 9], [0, 2, 3])
    assert item.tolist() == [9, 1, 1]
    assert weight.tolist() == pytest.approx([1.0, 0.5, 0.5])


def test_the_first_evening_has_lists_too(tmp_path: Path) -> None:
    lists = laid_out(tmp_path, is_empty=True)
    assert read(lists.named("popularity_all")) == {}
    assert [len(part) for part in lists.neighbours] == [0, 1, 0, 0]
