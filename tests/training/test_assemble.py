import re
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from etl.features import dictionary
from etl.tables.retrieval import SOURCE_CODES
from tests.training.known_evening import (
    END,
    EVENING,
    Row,
    ago,
    candidate,
    candidates_of,
    drawn_candidates,
    drawn_item,
    drawn_state,
    drawn_user,
    own_item,
    side_of,
    state_of,
    user_daily,
)
from training.assemble import Rows, assemble
from training.inputs import NUMERIC, WORDS, Inputs

NUM_ITEMS = 12
GROUPS = (
    ("category", "categories"),
    ("brand", "brands"),
    ("seller_id", "sellers"),
    ("host_id", "hosts"),
)
LISTS = ("items", *(array for _, array in GROUPS))
Number = float | None


def age_days(instant: datetime | None) -> Number:
    return None if instant is None else (END - instant).total_seconds() / 86400


def decayed(element: Row | None) -> float:
    """ "weighted events, halved every 7 days"."""
    if element is None:
        return 0.0
    return float(element["affinity"] * 0.5 ** (age_days(element["affinity_at"]) / 7))


def of_the_pair(state: Row, item_no: int) -> dict[str, Number]:
    own = next((e for e in state["items"] if e["item_no"] == item_no), None)
    found: dict[str, Number] = {"pair_affinity": decayed(own)}
    for what in ("clicks", "carts", "orders"):
        found[f"pair_num_{what}"] = own[f"num_{what}"] if own else 0
    for what in ("click", "cart"):
        found[f"pair_days_since_{what}"] = age_days(own.get(f"last_{what}_at")) if own else None
    return found


def of_the_group(state: Row, item: Row | None, name: str, array: str) -> dict[str, Number]:
    word = item[name] if item else None
    own = next((e for e in state[array] if e[name] == word), None)
    prefix = name.removesuffix("_id") + "_pair"
    total = sum(decayed(element) for element in state[array])
    found: dict[str, Number] = {
        f"{prefix}_affinity": decayed(own),
        f"{prefix}_share": decayed(own) / total if own else 0.0,
        f"{prefix}_num_orders": own["num_orders"] if own else 0,
        f"{prefix}_days_since_event": age_days(own["last_event_at"]) if own else None,
    }
    return {name: value for name, value in found.items() if name in NUMERIC}


def of_looks(state: Row, item: Row | None, alive: dict[int, Row]) -> dict[str, Number]:
    """Looks at the item's category, and clicks there beside those of a usual user's looks."""
    rates: dict[str, list[float]] = {}
    for other in alive.values():
        if other["category"] is not None and other["category_click_rate_28d"] is not None:
            rates.setdefault(other["category"], []).append(other["category_click_rate_28d"])
    own = {
        e["category"]: (e["num_clicks"], e["expected"] / 1e6, e["examined"] / 1e6)
        for e in state["categories"]
    }
    of_category = ("category_pair_examined", "category_pair_expected", "category_pair_click_lift")
    names = (*of_category, "pair_appeal")
    if item is None or item["category"] not in rates:
        return dict.fromkeys(names)
    clicks, expected, looks = own.get(item["category"], (0, 0.0, 0.0))
    lift = (clicks + 1.5) / (expected + 1.5)
    appeal = None if item["appeal"] is None else lift * item["appeal"]
    return dict(zip(names, (looks, expected, lift, appeal), strict=True))


def of_the_sources(proposed: Row) -> dict[str, Number]:
    found: dict[str, Number] = {
        "num_sources": len(proposed["proposals"]) or None,
        "fused_score": proposed["fused_score"],
    }
    for name, code in SOURCE_CODES.items():
        own = next((p for p in proposed["proposals"] if p["source"] == code), None)
        for what in ("rank", "score"):
            found[f"source_{name}_{what}"] = own[what] if own else None
    return found


def title_words(item: Row) -> set[str]:
    return set(re.findall(r"\w+", (item["title"] or "").lower()))


def of_what_he_said(user: Row, item: Row | None) -> dict[str, Number]:
    """Follows, hours and searches."""
    names = ("is_host_followed", "slot_presence_share", "query_title_share")
    found: dict[str, Number] = dict.fromkeys(names)
    if item is None:
        return found
    if item["host_id"]:
        found[names[0]] = item["host_id"] in {h["host_id"] for h in user["followed_hosts"]}
    if item["item_type"] == "live_slot" and sum(user["active_hours"]):
        hour = int(item["item_id"][-2:])
        found[names[1]] = user["active_hours"][hour] / sum(user["active_hours"])
    words, searched = title_words(item), {w["word"] for w in user["query_words"]}
    if words and searched:
        found[names[2]] = len(words & searched) / len(words)
    return found


def of_watches(state: Row, item: Row | None, alive: dict[int, Row]) -> dict[str, Number]:
    own = {e["item_no"]: e for e in state["items"]}
    found: dict[str, Number] = {"pair_watch_share": None, "usual_watch_share": None}
    if item and item["duration_ms"]:
        watched = own[item["item_no"]]["watch_ms"] if item["item_no"] in own else 0
        found["pair_watch_share"] = watched / item["duration_ms"]
    begun = [
        (own[n]["watch_ms"], video["duration_ms"])
        for n, video in alive.items()
        if n in own and video["item_type"] == "short_video" and video["duration_ms"]
    ]
    begun = [(watched, length) for watched, length in begun if watched]
    if begun:
        seen = sum(min(watched, length) for watched, length in begun)
        found["usual_watch_share"] = seen / sum(length for _, length in begun)
    return found


def of_what_is_shown(state: Row, item: Row | None, alive: dict[int, Row]) -> dict[str, Number]:
    numbers = {i["item_id"]: n for n, i in alive.items() if i["item_type"] == "product"}
    shows = {
        n: {numbers[p] for p in i["product_ids"] or () if p in numbers} for n, i in alive.items()
    }
    own = {e["item_no"]: e for e in state["items"]}
    found: dict[str, Number] = {"shown_pair_affinity": None, "pair_days_since_showing": None}
    if item is None:
        return found
    if products := shows[item["item_no"]]:
        found["shown_pair_affinity"] = sum(decayed(own.get(n)) for n in products)
    seen = [
        age_days(at)
        for n, element in own.items()
        if item["item_no"] in shows.get(n, ())
        for at in (element.get("last_click_at"), element.get("last_watch_at"))
        if at is not None
    ]
    found["pair_days_since_showing"] = min(seen, default=None)
    return found


def plainly(
    user: Row, state: Row | None, item: Row | None, proposed: Row, alive: dict[int, Row]
) -> dict[str, Any]:
    """What the dictionary says of one user and one item, over dicts."""
    state = state or {name: [] for name in LISTS}
    price, usual = (item or {}).get("price_cents"), user["usual_price_cents"]
    found = {f"item_{f.name}": item[f.name] if item else None for f in dictionary.ITEM}
    found |= {f"user_{f.name}": user[f.name] for f in dictionary.USER}
    found |= of_the_pair(state, proposed["item_no"]) | of_the_sources(proposed)
    found |= of_what_he_said(user, item) | of_watches(state, item, alive)
    found |= of_what_is_shown(state, item, alive) | of_looks(state, item, alive)
    for name, array in GROUPS:
        found |= of_the_group(state, item, name, array)
    found["position"] = 2
    found["price_to_usual_ratio"] = price / usual if price is not None and usual else None
    found |= {f"item_{name}": item[name] if item else None for name, _ in GROUPS}
    return found | {f"user_{name}": user.get(name) for name in ("country", "platform", "language")}


class Shop:
    """An evening drawn by a seed, as dicts and as tables."""

    def __init__(self, seed: int, num_users: int = 6) -> None:
        rng = np.random.default_rng(seed)
        self.items = [drawn_item(rng, number) for number in range(0, NUM_ITEMS, 2)]
        self.users = [drawn_user(rng, f"u{number}") for number in range(num_users)]
        self.states = [drawn_state(rng, NUM_ITEMS) for _ in self.users]
        self.candidates = [drawn_candidates(rng, NUM_ITEMS) for _ in self.users]
        self.side = side_of(*self.items)

    def assembled(self, *numbers: int) -> Inputs:
        """What the assembler makes of some of the users together."""
        return assemble(
            Rows.of(candidates_of(*(self.candidates[n] for n in numbers)), position=2),
            users=user_daily(*(self.users[n] for n in numbers)),
            state=state_of(*(self.states[n] for n in numbers)),
            items=self.side,
            evening=EVENING,
        )

    def plainly(self) -> list[dict[str, Any]]:
        """What the oracle makes of all of them."""
        alive = {item["item_no"]: item for item in self.items}
        every = zip(self.users, self.states, self.candidates, strict=True)
        return [
            plainly(user, state, alive.get(proposed["item_no"]), proposed, alive)
            for user, state, own in every
            for proposed in own
        ]


@pytest.mark.parametrize("seed", range(6))
def test_every_feature_is_what_the_dictionary_says(seed: int) -> None:
    shop = Shop(seed)

    found = shop.assembled(*range(6))

    expected = shop.plainly()
    assert len(expected) == len(found) > 0
    for column, name in enumerate(NUMERIC):
        wanted = np.array([row[name] for row in expected], np.float64)
        np.testing.assert_allclose(found.numeric_NF[:, column], wanted, rtol=1e-5, err_msg=name)
    for name in WORDS:
        assert found.words[name].to_pylist() == [row[name] for row in expected], name


@pytest.mark.parametrize("seed", range(6))
def test_rows_assembled_alone_or_in_a_batch_are_the_same_bits(seed: int) -> None:
    shop = Shop(seed)

    together = shop.assembled(*range(6))
    alone = [shop.assembled(number) for number in range(6)]

    assert np.concatenate([one.numeric_NF for one in alone]).tobytes() == (
        together.numeric_NF.tobytes()
    )
    for name in WORDS:
        parts = [word for one in alone for word in one.words[name].to_pylist()]
        assert parts == together.words[name].to_pylist()


def test_chosen_rows_keep_their_features_and_their_proposals() -> None:
    shop = Shop(3)
    rows = Rows.of(candidates_of(*shop.candidates), position=np.nan)
    keep = np.random.default_rng(0).random(len(rows.item_R)) < 0.5
    given = {"users": user_daily(*shop.users), "state": state_of(*shop.states)}

    whole = assemble(rows, **given, items=shop.side, evening=EVENING)
    part = assemble(rows.chosen(keep), **given, items=shop.side, evening=EVENING)

    assert 0 < len(part) < len(whole)
    np.testing.assert_array_equal(part.numeric_NF, whole.numeric_NF[keep])


def test_an_event_stamped_after_the_evening_is_of_age_zero_and_not_decayed() -> None:
    own = own_item(0, affinity=2.0, affinity_at=ago(-0.5), last_click_at=ago(-0.5))
    found = assemble(
        Rows.of(candidates_of([candidate(0, 1.0)]), position=0),
        users=user_daily({"user_id": "u"}),
        state=state_of({"items": [own]}),
        items=side_of({"item_no": 0}),
        evening=EVENING,
    )
    assert found.numeric_NF[0, NUMERIC.index("pair_days_since_click")] == 0
    assert found.numeric_NF[0, NUMERIC.index("pair_affinity")] == 2.0


def test_nobody_with_candidates_gives_no_rows() -> None:
    found = assemble(
        Rows.of(candidates_of([], None), position=0),
        users=user_daily({"user_id": "a"}, {"user_id": "b"}),
        state=state_of(None, None),
        items=side_of({"item_no": 0}),
        evening=EVENING,
    )
    assert len(found) == 0
    assert all(isinstance(words, pa.DictionaryArray) for words in found.words.values())
