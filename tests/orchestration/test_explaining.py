"""``why`` on a lake written without Spark: one user, his history, his slate and the raw lines."""

import json
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

import deltalake
import pyarrow as pa
import pytest

from etl import tables
from etl.arrow import arrow_schema
from etl.home import Home
from etl.lake_files import LakeFiles
from etl.tables import Table
from orchestration import cli

DAY = date(2026, 1, 3)
AT = datetime(2026, 1, 3, 12, tzinfo=UTC)
LIST_TYPES = (pa.types.is_list, pa.types.is_large_list)
Row = dict[str, Any]


def filled(table: Table, row: Row) -> Row:
    """A row with nothing in what it does not say: no elements, no count, no words."""
    usual: Row = {}
    for field in arrow_schema(table.schema):
        is_list = any(check(field.type) for check in LIST_TYPES)
        usual[field.name] = [] if is_list else None if field.nullable else nothing(field.type)
    return usual | {"arrival_date": DAY} | row


def nothing(kind: pa.DataType) -> object:
    if pa.types.is_timestamp(kind):
        return AT
    if pa.types.is_date(kind):
        return DAY
    if pa.types.is_boolean(kind):
        return False
    return "" if pa.types.is_string(kind) else {} if pa.types.is_struct(kind) else 0


def write(home: Home, table: Table, *rows: Row) -> None:
    files = LakeFiles(home.lake, DAY)
    if rows:
        found = pa.Table.from_pylist([filled(table, r) for r in rows], arrow_schema(table.schema))
        path = str(home.lake / table.path)
        deltalake.write_deltalake(path, found, partition_by=["arrival_date"])
    files.mark(table, DAY, "")


def place(item_no: int, value: float, sources: list[str]) -> Row:
    return {
        "item_no": item_no,
        "item_id": f"p{item_no}",
        "value": value,
        "sources": sources,
        "rules": [],
        "propensity": 1.0,
        "is_exploration": False,
    }


def event(number: int, user: str, item: str, *, minutes: int = 0) -> Row:
    return {
        "source": "app",
        "event_id": f"e{number}",
        "event_type": "view",
        "event_at": AT + timedelta(minutes=minutes),
        "event_date": DAY,
        "user_id": user,
        "item_type": "product",
        "item_id": item,
        "file_name": "12.jsonl",
        "line_number": number,
    }


def entry(number: int, item_no: int, *, minutes: int = 0) -> Row:
    return {
        "event_at": AT + timedelta(minutes=minutes),
        "event_code": 1,
        "item_no": item_no,
        "entry_arrival_date": DAY,
        "event_id": f"e{number}",
    }


def own(item_no: int) -> Row:
    counts = {"num_clicks": 1, **dict.fromkeys(("num_carts", "num_orders", "num_hides"), 0)}
    counts["watch_ms"] = 0
    seen = {"last_click_at": AT, "affinity": 1.0, "affinity_at": AT}
    return {"item_no": item_no, **counts, **seen}


def candidate(item_no: int, fused: float, *proposals: Row) -> Row:
    return {"item_no": item_no, "fused_score": fused, "proposals": list(proposals)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Ann viewed p1, then p2; p2 led to p3 by co-visitation, p4 is popular with others."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.begin(DAY)
    products = [{"item_no": n, "item_type": "product", "item_id": f"p{n}"} for n in range(1, 6)]
    video = {"item_no": 6, "item_type": "short_video", "item_id": "v1"}
    user = {"user_id": "ann", "country": "DE", "active_hours": [0] * 24}
    views = [entry(1, 1), entry(2, 2, minutes=5)]
    of_feed = {"surface": "product_feed"}
    by_ways = {"source": 4, "rank": 1, "score": 2.0}
    by_all = {"source": 1, "rank": 1, "score": 1.0}
    served = {"ranker": "none", "model_date": None, "feature_date": DAY}
    first = {"ranker": "none", "model_date": DAY, "since_date": DAY, "reason": "nobody judged"}
    write(home, tables.SILVER_ITEMS, *products, video)
    every = ({"is_eligible": True, **item} for item in (*products, video))
    write(home, tables.FEATURES_ITEM_DAILY, *every)
    write(home, tables.FEATURES_USER_DAILY, user)
    write(home, tables.FEATURES_USER_PAIRS, {"user_id": "ann", "items": [own(1), own(2)]})
    write(home, tables.FEATURES_USER_HISTORY, {"user_id": "ann", "short": views, "long": views})
    write(
        home,
        tables.CANDIDATES["product_feed"],
        {
            "user_id": "ann",
            "items": [candidate(3, 0.05, by_ways), candidate(4, 0.01, by_all)],
        },
    )
    write(
        home,
        tables.RETRIEVAL_POPULARITY,
        of_feed | {"scope": "all", "scope_value": "*", "rank": 1, "item_no": 4, "num_users": 1},
    )
    write(home, tables.RETRIEVAL_NEW_ITEMS)
    write(home, tables.RETRIEVAL_LATENT_INTERESTS)
    write(home, tables.RETRIEVAL_WEIGHTS)
    write(
        home,
        tables.RETRIEVAL_COVISITATION,
        of_feed
        | {"item_no": 2, "weights_date": DAY, "neighbours": [{"item_no": 3, "weight": 4.0}]},
    )
    write(
        home,
        tables.SLATES["product_feed"],
        served
        | {
            "audience": "user",
            "audience_key": "ann",
            "segment": "DE||",
            "items": [place(3, 0.05, ["covisitation"]), place(4, 0.01, ["popularity"])],
        },
        served | {"audience": "default", "audience_key": "*", "items": [place(4, 1.0, [])]},
    )
    write(home, tables.RANKERS_CHAMPIONS, of_feed | first)
    bob = event(3, "bob", "p4", minutes=9)
    write(home, tables.SILVER_EVENTS, event(1, "ann", "p1"), event(2, "ann", "p2", minutes=5), bob)
    lines = [
        {"source": "app", "file_name": "12.jsonl", "line_number": n, "line": f"raw {n}".encode()}
        for n in (1, 2, 3)
    ]
    write(home, tables.BRONZE_LINES, *lines)
    return home


def why(
    home: Home, monkeypatch: pytest.MonkeyPatch, *words: str, day: str = str(DAY)
) -> int | str | None:
    """Run the command as a user does; its exit code."""
    monkeypatch.setenv("NIGHTMARKET_HOME", str(home.root))
    monkeypatch.setattr(sys, "argv", ["nightmarket", "why", *words, "--day", day])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_an_item_is_led_back_to_the_raw_line_of_the_view_that_led_to_it(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = why(home, monkeypatch, "ann", "p3", "--json")

    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert said["verdict"] == {"code": "in_slate", "sentence": "place 1 of 2"}
    [way] = said["proposals"]
    [seed] = way["seeds"]
    assert (way["source"], seed["item_id"], seed["weight"]) == ("covisitation", "p2", 4.0)
    assert [(one["event_id"], one["line_number"]) for one in said["events"]] == [("e2", 2)]
    assert [line["text"] for line in said["lines"]] == ["raw 2"]


def test_where_nothing_of_his_leads_there_others_events_of_the_week_do(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    why(home, monkeypatch, "ann", "p4", "--json")

    said = json.loads(capsys.readouterr().out)
    assert said["is_own_evidence"] is False
    assert [one["user_id"] for one in said["events"]] == ["bob"]
    assert [line["text"] for line in said["lines"]] == ["raw 3"]


def test_the_text_names_verdict_sources_and_lines(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "160")

    assert why(home, monkeypatch, "ann", "p3") == 0

    text = capsys.readouterr().out
    for said in (
        "place 1 of 2",
        "the fused candidate order",
        "p2, last on",
        "2026-01-03/app",
        "raw 2",
    ):
        assert said in text


def test_an_item_that_no_source_proposed_and_one_of_another_surface_are_told_apart(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    why(home, monkeypatch, "ann", "p5", "--json")
    unproposed = json.loads(capsys.readouterr().out)["verdict"]["code"]
    why(home, monkeypatch, "ann", "v1", "--json")
    video = json.loads(capsys.readouterr().out)["verdict"]["code"]

    assert (unproposed, video) == ("not_a_candidate", "wrong_type")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (("ann", "p99", "2026-01-03"), "no item 'p99' was heard of up to 2026-01-03"),
        (("eve", "p3", "2026-01-03"), "user 'eve' has no event in the 90 days up to 2026-01-03"),
        (("ann", "p3", "2026-01-04"), "slates/product_feed of 2026-01-04 was never made"),
    ],
)
def test_what_is_not_known_is_said_in_a_sentence_with_exit_code_1(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    asked: tuple[str, str, str],
    sentence: str,
) -> None:
    assert why(home, monkeypatch, *asked[:2], day=asked[2]) == 1
    assert sentence in capsys.readouterr().err
