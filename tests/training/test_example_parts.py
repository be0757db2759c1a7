from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from etl.tables.retrieval import SOURCE_CODES
from tests.training.rankers.conformance import batch_of
from training import example_parts
from training.inputs import NUMERIC, WORDS, Inputs

NAN = float("nan")


def given(**columns: list[float]) -> Inputs:
    num_rows = len(next(iter(columns.values())))
    numeric_NF = np.full((num_rows, len(NUMERIC)), NAN, np.float32)
    for name, values in columns.items():
        numeric_NF[:, NUMERIC.index(name)] = values
    nothing = pa.array([None] * num_rows, pa.string()).dictionary_encode()
    return Inputs(numeric_NF, dict.fromkeys(WORDS, nothing), np.arange(num_rows))


@pytest.mark.parametrize(
    ("kind", "column", "values", "names"),
    [
        ("item_age", "item_age_days", [0, 6.9, 7, 28, NAN], ["new", "new", "young", "old", None]),
        (
            "price",
            "item_price_to_category_ratio",
            [0.5, 0.8, 1.25, NAN],
            ["cheap", "usual", "dear", None],
        ),
        ("user_group", "user_num_clicks_28d", [NAN, 0, 1, 10], ["new", "new", "light", "heavy"]),
    ],
)
def test_each_row_belongs_to_the_part_of_its_value(
    kind: str, column: str, values: list[float], names: list[str | None]
) -> None:
    found = example_parts.of_inputs(given(**{column: values}))[kind]

    assert [found.names[code] if code >= 0 else None for code in found.code_N] == names


def test_the_source_is_who_put_it_highest_and_nobody_where_it_was_no_candidate() -> None:
    first, second, *_ = SOURCE_CODES
    ranks = {f"source_{first}_rank": [3, 2, NAN, NAN], f"source_{second}_rank": [1, 2, 5, NAN]}

    found = example_parts.of_inputs(given(**ranks))["source"]

    named = [found.names[code] if code >= 0 else None for code in found.code_N]
    assert named == [second, first, second, None]


def test_only_the_parts_that_are_asked_for_are_made() -> None:
    rows = given(item_age_days=[1.0])
    assert list(example_parts.of_inputs(rows, {"price"})) == ["price"]
    assert set(example_parts.of_inputs(rows)) == set(example_parts.KINDS)


def test_reports_tell_our_order_from_chance_and_from_other_policies() -> None:
    rows = given(item_age_days=[1, 1, 1, 1])
    click = np.zeros(4, bool)
    batch = batch_of(rows, {"click": click}, np.ones(4), np.arange(4))
    batch = replace(
        batch,
        is_own_N=np.array([True, True, False, False]),
        propensity_N=np.array([0.95, 0.001, NAN, 0.01]),
    )

    found = example_parts.masks(example_parts.reported(batch))

    assert found["shown_by=ranked"].tolist() == [True, False, False, False]
    assert found["shown_by=exploration"].tolist() == [False, True, False, True]
    assert found["shown_by=others"].tolist() == [False, False, True, False]
    assert found["item_age=new"].all()
