import numpy as np
import pyarrow as pa
import pytest

from etl.arrow import arrow_schema
from etl.surfaces import ITEM_TYPES
from etl.tables import CANDIDATES, SLATES
from etl.tables.retrieval import SOURCE_CODES
from simulator.day import NONE
from simulator.truth.product import Numbers, candidates_of, shown
from simulator.world.names import Names
from tests.simulator.shops import simulated

COVISITED, POPULAR = SOURCE_CODES["covisitation"], SOURCE_CODES["popularity"]
FEED = ITEM_TYPES.index("product")


@pytest.fixture(scope="module")
def names() -> Names:
    return simulated().world.names


@pytest.fixture
def numbers(names: Names) -> Numbers:
    """The lake knows the shop's first three products, numbered backwards from 2."""
    ids = [names.item_id[number].as_py() for number in (0, 1, 2)]
    items = pa.table(
        {
            "item_no": pa.array([2, 1, 0], pa.int32()),
            "item_type": ["product"] * 3,
            "item_id": ids,
        }
    )
    return Numbers.of(names, items)


def proposed(item_no: int, *proposals: tuple[int, int]) -> dict:
    said = [{"source": source, "rank": rank, "score": 1.0} for source, rank in proposals]
    return {"item_no": item_no, "fused_score": 1.0, "proposals": said}


def test_items_of_the_lake_are_found_in_the_shop(numbers: Numbers) -> None:
    assert numbers.item_of_no.tolist() == [2, 1, 0]


def test_candidates_keep_the_fused_order_and_that_of_co_visitation(
    names: Names, numbers: Numbers
) -> None:
    schema = arrow_schema(CANDIDATES["product_feed"].schema)
    his = [
        proposed(2, (POPULAR, 1)),
        proposed(0, (POPULAR, 2), (COVISITED, 2)),
        proposed(1, (COVISITED, 1)),
    ]
    user = names.user_id[5].as_py()
    rows = pa.table({"user_id": [user], "items": pa.array([his], schema.field("items").type)})

    found = candidates_of(rows, numbers, np.array([4, 5]))

    assert found.fused_UC.tolist() == [[NONE, NONE, NONE], [0, 2, 1]]
    assert found.covisited_UC.tolist() == [[NONE, NONE], [1, 2]]
    assert found.has_own_U.tolist() == [False, True]


def test_who_has_no_slate_is_shown_the_default_row(names: Names) -> None:
    schema = arrow_schema(SLATES["product_feed"].schema)
    owner = names.user_id[3].as_py()
    rows = pa.table(
        {
            "audience": ["user", "default"],
            "audience_key": [owner, "*"],
            "segment": ["||", "||"],
            "items": pa.array(
                [[_place(names, 1), _place(names, 0)], [_place(names, 2)]],
                schema.field("items").type,
            ),
        }
    )

    found_UK = shown(rows, names, FEED, np.array([3, 4]), k=3)

    assert found_UK.tolist() == [[1, 0, NONE], [2, NONE, NONE]]


def _place(names: Names, item: int) -> dict:
    return {
        "item_no": item,
        "item_id": names.item_id[item].as_py(),
        "value": 1.0,
        "sources": [],
        "rules": [],
        "propensity": 1.0,
        "is_exploration": False,
    }
