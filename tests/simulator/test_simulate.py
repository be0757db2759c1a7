"""A small shop in a folder: made once, gone on with, served from a publication, told exactly."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import deltalake
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl import tables
from etl.arrow import arrow_schema, days_of_epoch
from etl.days import Days
from etl.home import Home
from etl.lake_files import LakeFiles
from etl.silver import outcomes
from scoring.published import NoPublicationError, SurfaceFile, Swap
from simulator.app_log.catalogue import LIVE_SLOT
from simulator.config import ShopConfig
from simulator.landing import Landed
from simulator.simulate import SimulateError, add_day, made_in, make, shop_at
from simulator.world.world import make_world
from tests.simulator.plain_reader import contents, events_of, landed

START = date(2026, 1, 1)
LAST = date(2026, 1, 3)
SHOP = ShopConfig(users=150, items=120, days=3, seed=5)
SLATE = ("p0000003", "p0000001", "p0000007")


def quiet(_: Landed) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shop")
    make(place, SHOP, quiet)
    return place


def test_a_shop_begins_the_home_and_says_what_it_is(root: Path) -> None:
    made = made_in(root)

    assert made is not None
    assert made.config == SHOP
    assert made.last == LAST
    assert made.num_lines == sum(1 for _ in landed(root / "landing"))
    assert Home(root).first_day() == START


def test_the_same_call_again_changes_nothing(root: Path) -> None:
    before, told = contents(root), list[Landed]()

    make(root, SHOP, told.append)

    assert contents(root) == before
    assert told == []


def test_another_shop_does_not_go_where_one_is(root: Path) -> None:
    with pytest.raises(SimulateError, match=r"another shop, of 150 users.* --out DIR"):
        make(root, ShopConfig(users=151, items=120, days=3, seed=5), quiet)


def test_a_shop_of_another_version_does_not_go_on(root: Path) -> None:
    made = made_in(root)
    assert made is not None

    with pytest.raises(SimulateError, match=r"version 1; a shop goes on as it began.* --out DIR"):
        shop_at(root, msgspec.structs.replace(made, version=1))


def test_a_shop_does_not_go_where_a_real_log_lies(tmp_path: Path) -> None:
    (tmp_path / "landing" / "2026-01-01" / "app").mkdir(parents=True)

    with pytest.raises(SimulateError, match="holds other data: landing"):
        make(tmp_path, SHOP, quiet)


def test_a_call_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    def stop(_: Landed) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, SHOP, stop)

    assert list(tmp_path.iterdir()) == []


def test_one_more_day_of_nobody_served_is_the_day_of_a_longer_shop(
    root: Path, tmp_path: Path
) -> None:
    make(tmp_path, ShopConfig(users=150, items=120, days=2, seed=5), quiet)
    publish(tmp_path)

    add_day(tmp_path, share=0.0, told=quiet)

    assert contents(tmp_path / "landing") == contents(root / "landing")
    for name in ("dirt.json", "events.parquet", "outcomes.parquet"):
        assert (tmp_path / "truth" / name).read_bytes() == (root / "truth" / name).read_bytes()


def test_one_more_day_shows_what_is_published_to_those_who_are_served(tmp_path: Path) -> None:
    make(tmp_path, SHOP, quiet)
    publish(tmp_path)

    made = add_day(tmp_path, share=1.0, told=quiet)

    assert made.last == date(2026, 1, 4)
    assert made.served["2026-01-04"].share == 1.0
    shown = [
        event["shown"]
        for event in events_of(tmp_path / "landing" / "2026-01-04")
        if event.get("surface") == "product_feed" and event["type"] == "impression"
        if event["at_ms"] >= datetime(2026, 1, 4, tzinfo=UTC).timestamp() * 1_000
    ]
    pages = {tuple(name for name, _ in page) for page in shown}
    assert pages == {SLATE}
    assert {p for page in shown for _, p in page} == {0.9, 0.25, 1.0}


def test_a_day_is_not_served_from_nothing(root: Path) -> None:
    before = contents(root)

    with pytest.raises(NoPublicationError, match="nothing is published"):
        add_day(root, share=0.5, told=quiet)

    assert contents(root) == before


def test_without_a_shop_there_is_no_further_day(tmp_path: Path) -> None:
    with pytest.raises(SimulateError, match="holds no simulated shop"):
        add_day(tmp_path, share=0.5, told=quiet)


def test_rooms_stand_for_slots_of_the_catalogue(root: Path) -> None:
    events = [event for day in (root / "landing").iterdir() for event in events_of(day)]
    names = make_world(SHOP).names  # a catalogue line may be lost to dirt
    slots = set(names.item_id.filter(names.item_type_N == LIVE_SLOT).to_pylist())
    seen = {e["item_id"] for e in events if e.get("item_type") == "live_slot"} | {
        item
        for e in events
        if e["type"] == "impression" and e["surface"] == "live_streams"
        for item, _ in e["shown"]
    }

    assert seen
    assert seen <= slots


def test_silver_attributes_a_shop_as_its_truth_says(tmp_path: Path) -> None:
    last = make(tmp_path, ShopConfig(users=400, items=300, days=14, seed=5), quiet).last
    truth = pq.read_table(tmp_path / "truth" / "outcomes.parquet").to_pylist()
    told = {
        row["event_id"]: (
            row["attributed_date"],
            row["impression_event_id"],
            row["impression_position"],
            row["is_organic"],
        )
        for row in truth
        if not row["is_waiting"]
    }

    done, shown = (of_silver(tmp_path, name, last) for name in ("done", "shown"))
    found = outcomes.attributed(done, shown, days=Days(START, last)).to_pylist()

    assert len(told) > 1_000
    assert {row["is_organic"] for row in truth} == {True, False, None}
    assert told == {
        row["event_id"]: (
            row["arrival_date"],
            row["impression_event_id"],
            row["impression_position"],
            row["is_organic"],
        )
        for row in found
    }


def of_silver(root: Path, name: str, last: date) -> pa.Table:
    """The truth's own rows of one kind, as silver's kernel takes them."""
    rows = pa.concat_tables(pq.read_table(path) for path in (root / "truth" / name).iterdir())
    rows = rows.filter(pa.array(rows["arrival_day"].to_numpy() <= days_of_epoch(last)))
    at = rows["at_us"].cast(pa.timestamp("us", tz="UTC"))
    arrived = rows["arrival_day"].cast(pa.date32())
    ids = pa.array([f"{number:016x}" for number in rows["event_id"].to_pylist()])
    known = {
        "source": pa.array(["shop"] * len(rows)),
        "event_id": ids,
        "user_id": rows["user"].cast(pa.string()),
        "item_type": pa.array(["product"] * len(rows)),
        "item_id": rows["item"].cast(pa.string()),
        "arrival_date": arrived,
        **(
            {"event_type": rows["event_type"], "event_at": at, "event_date": at.cast(pa.date32())}
            | {"event_arrival_date": arrived}
            if name == "done"
            else {"position": rows["position"], "shown_at": at, "shown_date": at.cast(pa.date32())}
            | {"surface": pa.array(["product_feed"] * len(rows))}
        ),
    }
    table = tables.SILVER_OUTCOMES if name == "done" else tables.SILVER_IMPRESSIONS
    columns = {
        field.name: known.get(field.name, pa.nulls(len(rows), field.type))
        for field in arrow_schema(table.schema)
    }
    return pa.table(columns)


def publish(root: Path) -> None:
    """Put a default slate of three products into the lake, and point to it."""
    day = START
    item = {"item_no": 0, "value": 0.0, "sources": [], "rules": [], "is_exploration": False}
    row: dict[str, Any] = {
        "arrival_date": day,
        "audience": "default",
        "audience_key": "*",
        "segment": "",
        "items": [
            item | {"item_id": name, "propensity": p}
            for name, p in zip(SLATE, (0.9, 0.25, 1.0), strict=True)
        ],
        "reserve": [],
        "ranker": "none",
        "feature_date": day,
    }
    home, table = Home(root), tables.SLATES["product_feed"]
    rows = pa.Table.from_pylist([row], arrow_schema(table.schema))
    deltalake.write_deltalake(str(home.lake / table.path), rows, partition_by=["arrival_date"])
    LakeFiles(home.lake, START).mark(table, day, "by hand")
    home.publications.mkdir()
    swap = Swap(
        publication_id="2026-01-01-one",
        action="publish",
        slate_date=day,
        published_at=datetime(2026, 1, 2, tzinfo=UTC),
        previous_id="",
        surfaces={"product_feed": SurfaceFile(file="product_feed.lmdb", slate_date=day)},
    )
    (home.publications / "current").write_bytes(msgspec.json.encode(swap))
