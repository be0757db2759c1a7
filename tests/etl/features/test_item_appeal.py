from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from etl.arrow import arrow_schema
from etl.features import item_appeal
from etl.features.item_appeal import AppealConfig, Catalogue, Looks, found
from etl.features.positions import PARTS
from etl.tables import FEATURES_ITEM_APPEAL, FEATURES_PANEL

FIRST = date(2026, 1, 1)
CONFIG = AppealConfig()
Seen = Mapping[str, Mapping[int, tuple[float, int]]]
"""By user and item_no his looks and clicks."""


def catalogue(*categories: str | None, types: tuple[str, ...] = ()) -> pa.Table:
    return pa.table(
        {
            "item_no": pa.array(range(len(categories)), pa.int32()),
            "item_type": pa.array(types or ("product",) * len(categories)),
            "category": pa.array(categories, pa.string()),
        }
    )


def looks(user: list[int], item: list[int], seen: list[float], clicks: list[int]) -> Looks:
    whole = (np.array(part, np.int64) for part in (user, item))
    return Looks(*whole, *(np.array(part, np.float64) for part in (seen, clicks)))


def panel(seen: Seen) -> pa.Table:
    rows = [
        {
            "user_id": user,
            "items": [
                {"item_no": no, "examined": round(looked * PARTS), "num_clicks": clicks}
                for no, (looked, clicks) in sorted(items.items())
            ],
        }
        for user, items in seen.items()
    ]
    schema = arrow_schema(FEATURES_PANEL.schema)
    kept = [field for field in schema if field.name != "arrival_date"]
    return pa.Table.from_pylist(rows, pa.schema(kept))


def test_one_round_is_what_a_hand_reckons() -> None:
    items = Catalogue.of(catalogue("hats", "hats"))
    config = AppealConfig(num_rounds=1)

    made = found(looks([0, 0, 1], [0, 1, 1], [10, 10, 20], [4, 0, 1]), items, config)

    rate = (5 + 1) / (40 + 20)
    taste = [(4 + 1.5) / (20 * rate + 1.5), (1 + 1.5) / (20 * rate + 1.5)]
    expected = [10 * rate * taste[0], 10 * rate * taste[0] + 20 * rate * taste[1]]
    kind = (5 + 5) / (sum(expected) + 5)
    assert made.expected_I.tolist() == pytest.approx(expected)
    appeal = [(4 + 3 * kind) / (expected[0] + 3), (1 + 3 * kind) / (expected[1] + 3)]
    assert made.appeal_I.tolist() == pytest.approx(appeal)
    assert made.click_rate_I.tolist() == pytest.approx([rate * one for one in appeal])


def test_an_item_shown_to_its_lovers_is_not_taken_for_a_good_one() -> None:
    """Where the policy shows items to whom it thinks they please, rates per look mislead."""
    rng = np.random.default_rng(1)
    num_users, num_items, num_kinds = 400, 60, 6
    kind_I = np.arange(num_items) % num_kinds
    quality_I = np.exp(rng.normal(0, 0.5, num_items))
    loved_U = rng.integers(0, num_kinds, num_users)
    taste_UI = np.where(loved_U[:, None] == kind_I, 4.0, 0.5)
    # Of poor items mostly their lovers are shown any, of good ones everybody.
    is_lover_UI = loved_U[:, None] == kind_I
    shown_UI = np.where(is_lover_UI, 12.0, np.where(quality_I > 1, 4.0, 0.2))
    clicks_UI = rng.poisson(shown_UI * 0.05 * taste_UI * quality_I)
    user, item = (part.ravel() for part in np.indices(shown_UI.shape))
    given = Looks(user, item, shown_UI.ravel(), clicks_UI.ravel().astype(np.float64))
    items = Catalogue.of(catalogue(*(f"k{kind}" for kind in kind_I)))

    made = found(given, items, CONFIG)

    naive_I = clicks_UI.sum(0) / shown_UI.sum(0)
    same_kind = [np.flatnonzero(kind_I == kind) for kind in range(num_kinds)]

    def agreement(of_I: np.ndarray) -> float:
        """Mean correlation with true quality within a kind, which slates of one kind follow."""
        logs = np.log(np.maximum(of_I, 1e-3))
        of_kinds = [np.corrcoef(logs[k], np.log(quality_I[k]))[0, 1] for k in same_kind]
        return float(np.mean(of_kinds))

    assert agreement(made.appeal_I) > agreement(naive_I) + 0.3
    assert agreement(made.appeal_I) > 0.8


def test_what_nobody_looked_at_is_as_good_as_its_kind() -> None:
    items = Catalogue.of(catalogue("hats", "hats", "bags", None))

    made = found(looks([0, 1], [0, 0], [30, 30], [9, 9]), items, CONFIG)

    assert made.expected_I[1:].tolist() == [0, 0, 0]
    assert 1 < made.appeal_I[1] < made.appeal_I[0]
    assert made.appeal_I[2:].tolist() == [1, 1]


def test_a_surface_that_nobody_looked_at_has_no_rows() -> None:
    listed = catalogue("hats", "hats", types=("product", "short_video"))

    [made] = item_appeal.build(
        [(FIRST, panel({"u": {0: (5, 1)}}))], items=[(FIRST, listed)], config=CONFIG
    )

    assert made["item_no"].to_pylist() == [0]
    assert made.column_names == FEATURES_ITEM_APPEAL.column_names


def test_looks_are_forgotten_after_the_window_and_unknown_items_passed_over() -> None:
    config = AppealConfig(num_days=2)
    days = [FIRST + timedelta(days=number) for number in range(3)]
    seen = [
        (days[0], panel({"u": {0: (9, 9)}})),
        (days[1], panel({"v": {1: (9, 0), 77: (3, 3)}})),
        (days[2], panel({"u": {1: (1, 0)}})),
    ]

    made = list(
        item_appeal.build(
            seen, items=[(day, catalogue("hats", "hats")) for day in days], config=config
        )
    )

    expected = [rows["appeal_expected"].to_pylist() for rows in made]
    assert expected[1][0] > 0
    assert expected[2][0] == 0
    alone = list(
        item_appeal.build(seen[1:], items=[(days[2], catalogue("hats", "hats"))], config=config)
    )
    assert alone[0].equals(made[2])


def test_the_order_in_which_users_come_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    users = {
        f"u{number}": {
            int(no): (float(rng.random() * 9), int(rng.integers(4)))
            for no in rng.choice(8, 5, replace=False)
        }
        for number in range(30)
    }
    listed = catalogue(*"aabbccdd")
    mixed = dict(sorted(users.items(), key=lambda one: hash(one[0]) % 97))

    one, other = (
        next(item_appeal.build([(FIRST, panel(seen))], items=[(FIRST, listed)], config=CONFIG))
        for seen in (users, mixed)
    )

    assert one.equals(other)


def test_a_log_without_looks_has_no_appeals() -> None:
    [made] = item_appeal.build(
        [(FIRST, panel({}))], items=[(FIRST, catalogue("hats"))], config=CONFIG
    )

    assert made.num_rows == 0
