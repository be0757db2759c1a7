import json
import resource
import shutil
from datetime import timedelta
from pathlib import Path

import lmdb
import pytest

from etl.arrow import arrow_schema
from etl.tables import PUBLICATIONS_LOG
from etl.tables.retrieval import SOURCE_CODES
from scoring import publication_store
from scoring.publication_folder import AlreadyPublishingError, only_writer
from scoring.publish import (
    Blocked,
    NothingToRollBackError,
    Offer,
    OlderSlatesError,
    PublicationError,
    PublishConfig,
    StoreError,
    log_rows,
    rollback,
)
from scoring.reader import top
from tests.scoring.published_rows import (
    DAY,
    DEFAULT,
    NOW,
    catalogue,
    offer,
    place,
    publish_feed,
    row,
    slates,
)

NEXT_DAY = DAY + timedelta(days=1)


def shown(publications: Path, user: str = "u1", surface: str = "product_feed") -> list[str]:
    return [item["item"] for item in top(publications, user, surface)["items"]]


def folders(publications: Path) -> list[str]:
    return sorted(path.name for path in publications.iterdir() if path.is_dir())


def entries_of(path: Path) -> dict[bytes, bytes]:
    with lmdb.open(str(path), subdir=False, readonly=True, lock=False) as file, file.begin() as t:
        return dict(t.cursor())


def publish_numbered(publications: Path, number: int, **changes: object) -> str:
    """Publish a slate whose one item is p<number>, an hour after the one before."""
    now = NOW + timedelta(hours=number)
    manifest = publish_feed(publications, row("u1", [place(number)]), now=now, **changes)
    return manifest.publication_id


def test_the_manifest_says_what_is_served(tmp_path: Path) -> None:
    rows = [row("u1", [place(1), place(2)]), row("u2", [place(3)], short_reason="few")]

    made = publish_feed(tmp_path, *rows)

    written = json.loads((tmp_path / made.publication_id / "manifest.json").read_text())
    feed = written["surfaces"]["product_feed"]
    assert written["slate_date"] == "2026-01-05"
    assert written["previous_id"] == ""
    assert written["versions"] == {"nightmarket": "0.1.0"}
    assert written["segment_rule"].startswith("country|platform|language")
    assert (feed["rows"], feed["k"], feed["slate_date"]) == (3, 2, "2026-01-05")
    assert (feed["ranker"], feed["model_date"], feed["block"]) == ("gbdt", "2026-01-03", None)


def test_a_blocked_surface_keeps_its_file_and_says_why(tmp_path: Path) -> None:
    both = {"product_feed": offer(row("u1", [place(1)])), "short_videos": offer()}
    first = publish_feed(tmp_path, surfaces=both)

    second = publish_feed(
        tmp_path,
        surfaces={
            "product_feed": offer(row("u1", [place(2)]), day=NEXT_DAY),
            "short_videos": Blocked(reason="a sold out item"),
        },
    )

    kept = second.surfaces["short_videos"]
    assert shown(tmp_path) == ["p2"]
    assert shown(tmp_path, surface="short_videos") == ["p9"]
    assert (kept.block, kept.slate_date) == ("a sold out item", DAY)
    assert kept.published_in == first.publication_id
    assert second.slate_date == NEXT_DAY


def test_a_kept_file_outlives_the_publication_that_made_it(tmp_path: Path) -> None:
    config = PublishConfig(num_kept=1)
    both = {"product_feed": offer(row("u1", [place(1)])), "short_videos": offer()}
    first = publish_feed(tmp_path, surfaces=both).publication_id

    for _ in range(3):
        blocked = {"product_feed": both["product_feed"], "short_videos": Blocked(reason="none")}
        publish_feed(tmp_path, surfaces=blocked, config=config)

    assert first not in folders(tmp_path)
    assert shown(tmp_path, surface="short_videos") == ["p9"]


def test_a_surface_first_blocked_and_later_offered_is_served(tmp_path: Path) -> None:
    publish_feed(tmp_path, surfaces={"product_feed": offer(), "short_videos": Blocked(reason="x")})

    publish_feed(tmp_path, surfaces={"product_feed": offer(), "short_videos": offer()})

    assert shown(tmp_path, surface="short_videos") == ["p9"]


def test_nothing_is_published_when_every_surface_is_blocked_from_the_start(tmp_path: Path) -> None:
    blocked = {"product_feed": Blocked(reason="a duplicate"), "short_videos": Blocked(reason="x")}

    with pytest.raises(PublicationError, match="product_feed: a duplicate"):
        publish_feed(tmp_path, surfaces=blocked)

    assert folders(tmp_path) == []
    assert not (tmp_path / "current").exists()


def test_a_surface_that_is_served_cannot_be_forgotten(tmp_path: Path) -> None:
    publish_feed(tmp_path, surfaces={"product_feed": offer(), "short_videos": offer()})

    with pytest.raises(PublicationError, match="short_videos would no longer be served"):
        publish_feed(tmp_path, surfaces={"product_feed": offer()})


def test_an_older_day_is_refused_unless_allowed(tmp_path: Path) -> None:
    older = {"product_feed": offer(row("u1", [place(2)]), day=DAY - timedelta(days=1))}
    publish_feed(tmp_path, row("u1", [place(1)]))

    with pytest.raises(OlderSlatesError, match="--allow-older"):
        publish_feed(tmp_path, surfaces=older)
    before = shown(tmp_path)
    publish_feed(tmp_path, surfaces=older, config=PublishConfig(is_older_allowed=True))

    assert (before, shown(tmp_path)) == (["p1"], ["p2"])


def test_the_last_seven_stay(tmp_path: Path) -> None:
    made = [publish_numbered(tmp_path, number) for number in range(1, 10)]

    assert folders(tmp_path) == made[2:]


def test_the_publication_served_is_never_removed_nor_the_one_before_it(tmp_path: Path) -> None:
    made = [publish_numbered(tmp_path, number) for number in range(1, 5)]
    rollback(tmp_path, to=made[1], now=NOW)

    last = publish_numbered(tmp_path, 5, config=PublishConfig(num_kept=1))

    assert folders(tmp_path) == [made[1], last]
    assert shown(tmp_path) == ["p5"]


def test_rollback_goes_one_further_back_each_time(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        publish_numbered(tmp_path, number)

    rollback(tmp_path, to=None, now=NOW)
    once = shown(tmp_path)
    rollback(tmp_path, to=None, now=NOW)

    assert (once, shown(tmp_path)) == (["p2"], ["p1"])
    with pytest.raises(NothingToRollBackError, match="000002"):
        rollback(tmp_path, to=None, now=NOW)


def test_rollback_goes_to_a_named_publication_and_back(tmp_path: Path) -> None:
    made = [publish_numbered(tmp_path, number) for number in (1, 2, 3)]

    rollback(tmp_path, to=made[0], now=NOW)
    first = shown(tmp_path)
    rollback(tmp_path, to=made[2], now=NOW)

    assert (first, shown(tmp_path)) == (["p1"], ["p3"])


@pytest.mark.parametrize("to", ["../elsewhere", "", "000009-20260106T031500Z"])
def test_rollback_to_what_is_no_publication_is_refused(tmp_path: Path, to: str) -> None:
    publish_numbered(tmp_path, 1)

    with pytest.raises(NothingToRollBackError, match="cannot be gone back to"):
        rollback(tmp_path, to=to, now=NOW)


def test_rollback_to_a_changed_file_is_refused(tmp_path: Path) -> None:
    first = publish_numbered(tmp_path, 1)
    publish_numbered(tmp_path, 2)
    path = tmp_path / first / "product_feed.lmdb"
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(PublicationError, match="missing or not what its manifest names"):
        rollback(tmp_path, to=None, now=NOW)

    assert shown(tmp_path) == ["p2"]


def test_every_move_of_the_pointer_is_logged_once(tmp_path: Path) -> None:
    first, second = publish_numbered(tmp_path, 1), publish_numbered(tmp_path, 2)
    rollback(tmp_path, to=None, now=NOW + timedelta(hours=3))

    rows = log_rows(tmp_path, already_logged=[])

    seen = [(r["publication_id"], r["action"], r["previous_id"]) for r in rows.to_pylist()]
    assert rows.schema == arrow_schema(PUBLICATIONS_LOG.schema)
    assert seen == [
        (first, "publish", ""),
        (second, "publish", first),
        (first, "rollback", second),
    ]
    assert json.loads(rows.to_pylist()[0]["surfaces"])["product_feed"]["rows"] == 2


def test_what_was_logged_is_not_logged_again(tmp_path: Path) -> None:
    first, second = publish_numbered(tmp_path, 1), publish_numbered(tmp_path, 2)
    naive = (NOW + timedelta(hours=1)).replace(tzinfo=None)

    rows = log_rows(tmp_path, already_logged=[(first, naive)])

    assert rows.column("publication_id").to_pylist() == [second]


@pytest.mark.parametrize("damage", ["torn", "last line gone", "all gone"])
def test_a_history_that_a_kill_cut_is_mended(tmp_path: Path, damage: str) -> None:
    made = [publish_numbered(tmp_path, number) for number in (1, 2, 3)]
    path = tmp_path / "swaps.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    if damage == "torn":
        path.write_bytes(b"".join(lines)[:-20])
    elif damage == "last line gone":
        path.write_bytes(b"".join(lines[:-1]))
    else:
        path.unlink()

    made.append(publish_numbered(tmp_path, 4))

    logged = log_rows(tmp_path, already_logged=[]).column("publication_id").to_pylist()
    assert logged == made
    assert folders(tmp_path) == made


def test_leftovers_of_a_killed_run_are_removed_at_the_next(tmp_path: Path) -> None:
    first = publish_numbered(tmp_path, 1)
    never_served = tmp_path / "000002-20260106T040000Z"
    never_served.mkdir()
    (never_served / "manifest.json").write_bytes((tmp_path / first / "manifest.json").read_bytes())
    (tmp_path / ".part").mkdir()
    (tmp_path / ".part" / "product_feed.lmdb").write_bytes(b"half")
    (tmp_path / ".part-current").write_bytes(b"half")

    second = publish_numbered(tmp_path, 2)

    assert folders(tmp_path) == [first, second]
    assert not list(tmp_path.glob(".part*"))


def test_a_publication_that_somebody_removed_can_be_replaced(tmp_path: Path) -> None:
    made = [publish_numbered(tmp_path, number) for number in (1, 2)]
    shutil.rmtree(tmp_path / made[1])

    rollback(tmp_path, to=None, now=NOW)
    back = shown(tmp_path)
    third = publish_numbered(tmp_path, 3)

    assert (back, shown(tmp_path)) == (["p1"], ["p3"])
    assert third.startswith("000003")


def test_a_disk_that_refuses_leaves_what_is_served(tmp_path: Path) -> None:
    publish_numbered(tmp_path, 1)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    users = [row(f"u{number}", [place(2)]) for number in range(500)]

    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, hard))
    try:
        with pytest.raises(PublicationError, match=r"Readers see what they saw.*df -h"):
            publish_feed(tmp_path, *users)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    assert shown(tmp_path) == ["p1"]
    assert not list(tmp_path.glob(".part*"))


def test_two_cannot_publish_at_once(tmp_path: Path) -> None:
    with only_writer(tmp_path), pytest.raises(AlreadyPublishingError, match="wait until it ends"):
        publish_numbered(tmp_path, 1)


def test_ids_grow_though_the_clock_goes_back(tmp_path: Path) -> None:
    first = publish_feed(tmp_path, now=NOW).publication_id
    second = publish_feed(tmp_path, now=NOW - timedelta(days=400)).publication_id

    assert first < second


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"items": catalogue().slice(0, 3)}, "not in the catalogue given, the first item_no 9"),
        ({"surfaces": {"product_feed": offer(row("u", []), row("u", []))}}, "'u' has two rows"),
        (
            {"surfaces": {"product_feed": offer(row("u", [place(1, sources=["magic"])]))}},
            "'magic' proposed items and has no code",
        ),
        (
            {"surfaces": {"product_feed": offer(row("u", []), row("v", [], ranker="other"))}},
            "gbdt of 2026-01-03 and other of 2026-01-03",
        ),
    ],
)
def test_rows_that_break_the_contract_are_refused(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    publish_feed(tmp_path, row("u1", [place(1)]))

    with pytest.raises(StoreError, match=said):
        publish_feed(tmp_path, **changes)

    assert shown(tmp_path) == ["p1"]
    assert not list(tmp_path.glob(".part*"))


def test_rows_of_another_day_are_refused(tmp_path: Path) -> None:
    mixed = Offer(day=NEXT_DAY, slates=[slates(row("u1", [place(1)]), DEFAULT)], similar=[])

    with pytest.raises(StoreError, match=r"2026-01-06 were to be published.*rows of 2026-01-05"):
        publish_feed(tmp_path, surfaces={"product_feed": mixed})


def test_slates_without_a_default_row_are_refused(tmp_path: Path) -> None:
    nobody_else = Offer(day=DAY, slates=[slates(row("u1", [place(1)]))], similar=[])

    with pytest.raises(StoreError, match="hold no default row"):
        publish_feed(tmp_path, surfaces={"product_feed": nobody_else})


def test_a_file_larger_than_the_first_map_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication_store, "_FIRST_MAP_BYTES", 1 << 15)
    users = [f"user {number} " + "x" * 900 for number in range(500)]

    publish_feed(tmp_path, *(row(user, [place(1)]) for user in users))

    assert all(shown(tmp_path, user) == ["p1"] for user in users)


def test_the_order_of_rows_and_batches_leaves_no_trace(tmp_path: Path) -> None:
    rows = slates(*(row(f"u{number}", [place(1), place(2)]) for number in range(5)), DEFAULT)
    orders = [[rows], [rows.slice(3), rows.slice(0, 3)], rows.to_batches(max_chunksize=2)]

    entries = []
    for number, order in enumerate(orders):
        folder = tmp_path / str(number)
        feed = Offer(day=DAY, slates=order, similar=[])
        made = publish_feed(folder, surfaces={"product_feed": feed})
        entries.append(entries_of(folder / made.publication_id / "product_feed.lmdb"))

    assert len(entries[0]) == 9
    assert entries[0] == entries[1] == entries[2]


def test_every_source_has_a_bit() -> None:
    assert all(0 < code < 32 for code in SOURCE_CODES.values())
