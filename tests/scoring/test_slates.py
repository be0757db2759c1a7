from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xgboost as xgb

from etl.arrow import arrow_schema
from etl.surfaces import PRODUCT_FEED
from etl.tables import SLATES
from etl.tables.serving import PREDICTIONS
from scoring.explore import ExplorationConfig
from scoring.rank import Serving
from scoring.slate_rows import user_rows
from scoring.slates import NightModel, SlateConfig, compose
from tests.training.known_evening import (
    EVENING,
    Row,
    candidate,
    candidates_of,
    drawn_state,
    drawn_user,
    side_of,
    state_of,
    user_daily,
)
from tests.training.rankers import conformance
from training import promote, registry
from training.calibrate import Calibration
from training.calibrators.lines import Line
from training.calibrators.segments import Effects
from training.promote import Champion
from training.rankers import gbdt
from training.rankers.gbdt import GbdtConfig
from training.rankers.ranker import Ranker

NUM_ITEMS = 40
SIDE = side_of(
    *(
        {"item_no": n, "seller_id": f"s{n % 4}" if n % 5 else None, "category": f"c{n % 3}"}
        for n in range(NUM_ITEMS)
    )
)
FUSED = NightModel("unused", Serving(promote.first("product_feed", EVENING), "", {}))
CONFIG = SlateConfig(
    k=5,
    reserve_share=0.4,
    caps={"seller_cap": 2, "category_cap": 4},
    exploration=ExplorationConfig(rate=0.0),
)
BOLD = replace(CONFIG, exploration=ExplorationConfig(rate=0.5))


def user(user_id: str, items: list[int] | None, *, is_off: bool = False) -> Row:
    """A user with candidates in this order; the second of them has a second source."""
    found = None
    if items is not None:
        found = [candidate(n, 1 / (1 + place), (1, 1, 1.0)) for place, n in enumerate(items)]
        for one in found[1:2]:
            one["proposals"].append({"source": 4, "rank": 1, "score": 2.0})
    return {"user_id": user_id, "candidates": found, "is_personalisation_off": is_off}


def slates(
    *users: Row,
    config: SlateConfig = CONFIG,
    made_with: NightModel = FUSED,
    states: list[Row | None] | None = None,
) -> list[Row]:
    """Rows of slates/product_feed for users that say their candidates."""
    segments = pa.array([f"{row.get('country') or ''}||" for row in users])
    daily = user_daily(*({k: v for k, v in row.items() if k != "candidates"} for row in users))
    asked = daily.append_column("segment", segments).append_column(
        "candidates", candidates_of(*(row["candidates"] for row in users))
    )
    chosen = compose(
        EVENING,
        asked,
        state_of(*(states or [None] * len(users))),
        items=SIDE,
        made_with=made_with,
        surface=PRODUCT_FEED,
        config=config,
    )
    rows = user_rows(chosen, asked, evening=EVENING, champion=made_with.serving.champion)
    schema = arrow_schema(SLATES["product_feed"].schema)
    assert rows.column_names == schema.names
    return rows.cast(schema).to_pylist()


def numbers(places: list[Row]) -> list[int]:
    return [place["item_no"] for place in places]


def test_a_slate_is_the_best_the_caps_let_in_and_the_reserve_stands_behind() -> None:
    # Sellers: s1 has 1, 9, 13, 17; null has 0 and 20; categories: n % 3.
    [row] = slates(user("a", [1, 9, 13, 0, 2, 20, 3, 6, 7]))
    assert numbers(row["items"]) == [1, 9, 0, 2, 20]
    assert numbers(row["reserve"]) == [3, 6]
    assert row["short_reason"] is None
    assert [place["item_id"] for place in row["items"]] == ["p1", "p9", "p0", "p2", "p20"]
    # From the third place on a better one of a full seller had been passed over.
    assert [place["rules"] for place in row["items"]] == [[], [], ["caps"], ["caps"], ["caps"]]


def test_places_say_who_proposed_them_and_what_they_are_worth() -> None:
    [row] = slates(user("a", [1, 2, 3]))
    assert [place["value"] for place in row["items"]] == [1, 1 / 2, 1 / 3]
    sources = [["popularity"], ["popularity", "covisitation"], ["popularity"]]
    assert [place["sources"] for place in row["items"]] == sources
    assert {place["propensity"] for place in row["items"]} == {1.0}


def test_a_shorter_slate_says_why() -> None:
    few, capped, none, no_row = slates(
        user("few", [1, 2, 3]),
        user("capped", [1, 9, 13, 17, 21]),
        user("none", []),
        user("no row", None),
    )
    assert few["short_reason"] == "only 3 candidates"
    assert capped["short_reason"] == "caps let 2 of 5 candidates in"
    assert none["short_reason"] == no_row["short_reason"] == "only 0 candidates"
    assert no_row["items"] == no_row["reserve"] == []


def test_a_user_who_opted_out_has_an_empty_row_that_names_his_segment() -> None:
    off = user("off", [1, 2, 3], is_off=True) | {"country": "de"}
    row, other = slates(off, user("on", [1, 2, 3]))
    assert (row["items"], row["reserve"]) == ([], [])
    assert (row["short_reason"], row["segment"]) == ("personalisation_off", "de||")
    assert numbers(other["items"]) == [1, 2, 3]


def test_a_night_of_users_who_all_opted_out_has_their_rows() -> None:
    rows = slates(user("a", [1], is_off=True), user("b", None, is_off=True), config=BOLD)
    assert [row["items"] for row in rows] == [[], []]


def test_without_a_ranker_a_row_says_so() -> None:
    [row] = slates(user("a", [1]))
    assert (row["ranker"], row["model_date"], row["feature_date"]) == ("none", None, EVENING)
    assert {row["items"][0][field] for field in PREDICTIONS.values()} == {None}
    assert (row["audience"], row["audience_key"]) == ("user", "a")


def test_exploration_shows_what_stands_outside_slate_and_reserve() -> None:
    users = [user(f"u{n}", list(range(NUM_ITEMS))) for n in range(60)]
    plain = slates(*users)
    drawn = 0
    for kept, row in zip(plain, slates(*users, config=BOLD), strict=True):
        assert row["reserve"] == kept["reserve"]
        for before, place in zip(kept["items"], row["items"], strict=True):
            if place["is_exploration"]:
                drawn += 1
                assert place["item_no"] not in numbers(kept["items"] + kept["reserve"])
                assert place["rules"] == []
            else:
                assert place == before | {"propensity": 0.5}
    assert 100 < drawn < 200


@pytest.fixture(scope="module")
def champion() -> tuple[Ranker, NightModel]:
    with xgb.config_context(nthread=1):
        config = GbdtConfig(num_rounds=8, max_depth=3)
        fitted = gbdt.fit(conformance.days, conformance.SPLIT, config, 7)
    files = fitted.save()
    said = Champion("product_feed", "gbdt", date(2026, 1, 8), EVENING, "rule", "better")
    effects = Effects(1.0, 0.0, {"item_age": {"new": 0.4}, "user_group": {"heavy": -0.2}})
    line = Line("platt", 0.9, 0.9, -0.3)
    written = {"click": Calibration(line, effects, {}).save().decode()}
    serving = Serving(said, registry.sha256_of(files), files, written)
    return fitted, NightModel("unused", serving)


def drawn_users(rng: np.random.Generator, num_users: int) -> list[Row]:
    """Users with random features and candidates; one in four opted out."""
    return [
        drawn_user(rng, f"u{n}")
        | user(
            f"u{n}",
            rng.permutation(NUM_ITEMS)[: rng.integers(0, 30)].tolist(),
            is_off=bool(rng.random() < 0.25),
        )
        for n in range(num_users)
    ]


def test_a_champion_orders_by_the_value_of_its_probabilities(
    champion: tuple[Ranker, NightModel],
) -> None:
    users = drawn_users(np.random.default_rng(2), 6)

    rows = slates(*users, config=replace(CONFIG, caps={}), made_with=champion[1])

    for row in rows:
        places = row["items"] + row["reserve"]
        order = [(-place["value"], place["item_no"]) for place in places]
        assert order == sorted(order)
        for place in places:
            expected = place["p_click"] + 5 * place["p_order"] + place["watch_share"]
            assert place["value"] == pytest.approx(expected)
            assert place["p_cart"] is None
        assert (row["ranker"], row["model_date"]) == ("gbdt", date(2026, 1, 8))


@pytest.mark.parametrize("seed", range(3))
def test_a_users_row_is_the_same_alone_and_in_a_batch(
    champion: tuple[Ranker, NightModel], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    users = drawn_users(rng, 6)
    states = [drawn_state(rng, NUM_ITEMS) for _ in users]
    given: dict[str, Any] = {"config": BOLD, "made_with": champion[1]}

    together = slates(*users, states=states, **given)
    alone = [
        slates(one, states=[state], **given)[0] for one, state in zip(users, states, strict=True)
    ]

    assert together == alone


def test_a_reserve_is_a_share_of_k_rounded_up() -> None:
    assert [SlateConfig(k=k).num_reserve for k in (50, 11, 1)] == [10, 3, 1]
