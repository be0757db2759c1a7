"""The oracle reads each line by Python's JSON reader and compares it with the day."""

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from etl import surfaces
from simulator.app_log.lines import lines
from simulator.app_log.log_config import DirtConfig, LogConfig
from simulator.app_log.plan import planned
from simulator.app_log.spelled import spelled
from simulator.day import EVENT_TYPES, Day
from simulator.world.names import Names
from tests.simulator.made_days import made_day, names_of
from tests.simulator.plain_reader import event_of, strict

CLEAN = DirtConfig(
    duplicate=0,
    late=0,
    out_of_order=0,
    truncated=0,
    not_json=0,
    wrong_type=0,
    absurd_time=0,
    renamed_field=0,
    not_utf8=0,
)
OUTSPOKEN = LogConfig(
    dirt=CLEAN, no_session_share=0, no_app_share=0, silent_app_share=0, no_place_share=0
)
HASHED = ("id", "session", "request")
SEGMENT = ("country", "platform", "language")
NUMBERS = ("position", "price_cents", "quantity", "watch_ms")
OF_NEW_ITEMS = ("title", "text", "category", "brand", "seller", "duration_ms")
TEXTS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=4)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), texts=TEXTS)
def test_a_line_says_what_happened_whatever_the_texts_are(seed: int, texts: list[str]) -> None:
    day, names = made_day(seed, 120, texts=texts), names_of(texts)

    read, versions = written(day, names, OUTSPOKEN)

    for place, (event, version) in enumerate(zip(read, versions, strict=True)):
        said = {name: value for name, value in event.items() if name not in HASHED}
        assert said == expected(day, names, place, version=version)


def test_requests_and_sessions_are_named_alike_wherever_they_stand() -> None:
    day, names = made_day(6, 2_000), names_of(["words"])

    read, _ = written(day, names, OUTSPOKEN)

    for name, number_E in (("request", day.request_E), ("session", day.session_E)):
        pairs = {(int(n), e.get(name)) for n, e in zip(number_E, read, strict=True)}
        of_none = {pair for pair in pairs if pair[0] < 0}
        told = pairs - of_none
        assert of_none <= {(-1, None)}
        assert len({word for _, word in told}) == len({n for n, _ in told}) == len(told) > 100


def test_every_type_is_written_by_every_version_that_can() -> None:
    day, names = made_day(1, 4_000), names_of(["words"])

    read, versions = written(day, names, OUTSPOKEN)

    told = {(version, event["type"]) for version, event in zip(versions, read, strict=True)}
    assert told == {(version, name) for version in (1, 2, 3) for name in EVENT_TYPES} - {
        (1, "item")
    }


def test_the_oldest_apps_have_no_live_streams() -> None:
    day, names = made_day(2, 4_000), names_of(["words"])

    read, versions = written(day, names, OUTSPOKEN)

    surfaces_of_1 = {e.get("surface") for e, v in zip(read, versions, strict=True) if v == 1}
    assert surfaces_of_1 == {"product_feed", "short_videos", None}


def test_ids_of_events_are_told_apart_over_days_and_seeds() -> None:
    names, day = names_of(["words"]), made_day(3, 500)

    ids = [
        event["id"]
        for seed in (1, 2)
        for one in (day, made_day(3, 500, day=day.date.replace(day=2)))
        for event in written(one, names, LogConfig(dirt=CLEAN, seed=seed))[0]
    ]

    assert len(set(ids)) == len(ids) == 2_000
    assert {len(one) for one in ids} == {16}


def test_what_is_optional_is_left_out_now_and_then_and_never_said_wrongly() -> None:
    day, names = made_day(4, 4_000), names_of(["words"])

    outspoken, _ = written(day, names, OUTSPOKEN)
    reticent, _ = written(day, names, LogConfig(dirt=CLEAN))

    left_out = dict.fromkeys(("session", "country", "request", "position"), 0)
    for full, found in zip(outspoken, reticent, strict=True):
        assert found.items() <= full.items()
        for name in full.keys() - found.keys():
            left_out[name if name in left_out else "country"] += 1
    assert all(number > 50 for number in left_out.values())


def test_fields_that_no_reader_knows_are_json_too() -> None:
    day, names = made_day(5, 3_000), names_of(["words"])
    config = LogConfig(dirt=CLEAN, extra_share=1)

    plan = planned(day, names=names, config=config)
    found, _ = lines(day, plan, words=spelled(names, config.seed), config=config)
    read = [strict(line) for line in found.to_pylist()]

    new = [said for said in read if said["v"] == 3]
    assert all(("network" in said) != ("experiments" in said) for said in new)


def written(day: Day, names: Names, config: LogConfig) -> tuple[list[dict[str, Any]], np.ndarray]:
    plan = planned(day, names=names, config=config)
    every, place_E = lines(day, plan, words=spelled(names, config.seed), config=config)
    found = every.take(pa.array(place_E)).to_pylist()
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in found)
    return [event_of(line) for line in found], plan.version_E


def expected(day: Day, names: Names, place: int, *, version: int) -> dict[str, Any]:
    """What the day says of one event, but for hashed ids."""
    kind = EVENT_TYPES[day.type_E[place]]
    at_ms, user = int(day.at_us_E[place]) // 1_000, int(day.user_E[place])
    said: dict[str, Any] = {
        "type": kind,
        "at_ms": at_ms // 1_000 * 1_000 if version == 1 else at_ms,
        "surface": surfaces.NAMES[day.surface_E[place]] if day.surface_E[place] >= 0 else None,
        "host": names.host_id[int(day.host_E[place])].as_py() if day.host_E[place] >= 0 else None,
        kind if kind == "comment" else "query": day.text_E[place].as_py(),
        "catalogue": catalogue_of(day, names, place) if kind == "item" else None,
        **{name: number(getattr(day, f"{name}_E")[place]) for name in NUMBERS},
        **item_of(names, int(day.item_E[place])),
    }
    if user >= 0:
        said |= {"user": names.user_id[user].as_py()}
        said |= {name: getattr(names, name)[user].as_py() for name in SEGMENT}
    if kind == "impression":
        said |= shown_by(day, names, int(day.request_E[place]))
    if kind == "item":
        del said["price_cents"]
    return {name: value for name, value in said.items() if value is not None}


def number(value: np.integer) -> int | None:
    return int(value) if value >= 0 else None


def item_of(names: Names, item: int) -> dict[str, Any]:
    if item < 0:
        return {}
    item_type = surfaces.ITEM_TYPES[names.item_type_N[item]]
    return {"item_id": names.item_id[item].as_py(), "item_type": item_type}


def shown_by(day: Day, names: Names, request: int) -> dict[str, Any]:
    asked = day.requests
    items = range(asked.start_R[request], asked.start_R[request + 1])
    return {
        "first_position": int(asked.first_position_R[request]),
        "shown": [
            (names.item_id[int(asked.item_I[i])].as_py(), float(asked.propensity_I[i]))
            for i in items
        ],
    }


def catalogue_of(day: Day, names: Names, place: int) -> dict[str, Any]:
    item = int(day.item_E[place])
    item_type = surfaces.ITEM_TYPES[names.item_type_N[item]]
    said: dict[str, Any] = {
        "type": item_type,
        "price_cents": number(day.price_cents_E[place]),
        "stock": number(day.stock_E[place]),
    }
    item_id = names.item_id[item].as_py()
    host = names.host_id[int(names.host_N[item])].as_py() if names.host_N[item] >= 0 else None
    if item_type == "live_slot":
        said |= {"host": host, "weekday": item_id[-6:-3], "hour": int(item_id[-2:])}
    else:
        said |= {"id": item_id}
    if day.is_new_item_E[place]:
        attached = names.products[item].as_py() or []
        said |= {name: getattr(names, name)[item].as_py() for name in OF_NEW_ITEMS}
        said |= {"host": host, "products": [names.item_id[n].as_py() for n in attached] or None}
    return {name: value for name, value in said.items() if value is not None}
