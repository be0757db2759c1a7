"""Full disks and damaged files: each is said with what to do, and mended it all goes on.

Here are the parts, one by one, on small tables, models and publications; whole nights on such disks
are in ``test_bad_nights``. Other proofs: a publication on a disk that refuses
(``tests/scoring/test_publish.py``), a damaged model that lets who served before serve
(``tests/orchestration/test_judging.py``), model files that are cut off or changed
(``tests/training/test_registry.py``), packed logs that are cut off (``tests/etl/bronze``), kills
(``tests/scoring/test_publication_kills.py``).
"""

import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random

import lmdb
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.days import one_day
from etl.lake import Lake
from etl.lake_files import BrokenTableError, LakeFiles
from etl.tables import SILVER_EVENTS, SILVER_LINE_COUNTS, Table
from orchestration.border import DISK_FULL, is_disk_full, sentence
from scoring.opened import BrokenPublicationError
from scoring.publish import PublicationError, rollback
from scoring.published import CURRENT, NoPublicationError
from scoring.reader import top
from tests.drills.small_disk import Disk
from tests.orchestration.written_lake import write
from tests.scoring.published_rows import NOW, place, publish_feed, row
from training import registry
from training.registry import ModelName

FIRST = date(2026, 1, 1)
DAY, NEXT = date(2026, 1, 5), date(2026, 1, 6)
TABLE = SILVER_LINE_COUNTS
FEED = "product_feed"
NUM_DAMAGES_SMALL, NUM_DAMAGES_WHOLE = 40, 400


def events(lake: Lake, day: date, number: int) -> DataFrame:
    """Events that no packing makes small."""
    rows = lake.spark.range(number)
    said = {
        "arrival_date": F.lit(day),
        "source": F.lit("app"),
        "event_id": F.sha2(F.col("id").cast("string"), 512),
        "event_type": F.lit("search"),
        "event_at": F.lit(day).cast("timestamp"),
        "event_date": F.lit(day),
        "user_id": F.sha2(F.col("id").cast("string"), 384),
        "file_name": F.lit("23-a.jsonl"),
        "line_number": F.col("id") + 1,
    }
    return rows.select(
        *(
            said.get(f.name, F.lit(None)).cast(f.dataType).alias(f.name)
            for f in SILVER_EVENTS.schema
        )
    )


def test_a_full_disk_stops_the_lake_and_harms_nothing(disk: Disk, lake: Lake) -> None:
    lake = Lake(lake.spark, disk.root / "lake", FIRST)
    lake.write(SILVER_EVENTS, events(lake, DAY, 100), one_day(DAY))
    disk.fill_up(but=200_000)

    with pytest.raises(Exception, match="No space left on device") as refused:
        lake.write(SILVER_EVENTS, events(lake, NEXT, 20_000), one_day(NEXT))

    assert is_disk_full(refused.value)
    assert sentence(refused.value) == DISK_FULL
    assert lake.made_days(SILVER_EVENTS) == {DAY}
    assert lake.read(SILVER_EVENTS, one_day(DAY)).count() == 100
    disk.resize(64 << 20)
    lake.write(SILVER_EVENTS, events(lake, NEXT, 20_000), one_day(NEXT))
    assert lake.read(SILVER_EVENTS, one_day(NEXT)).count() == 20_000


def test_a_full_disk_keeps_a_model_from_being_saved_and_the_old_one_is_read(disk: Disk) -> None:
    name = ModelName("gbdt", FEED, DAY)
    old, new = {"trees.ubj": b"old" * 1_000}, {"trees.ubj": b"new!" * 100_000}
    sha256 = registry.save(disk.root, name, old, {})
    disk.fill_up(but=100_000)

    with pytest.raises(OSError, match="No space left on device") as refused:
        registry.save(disk.root, name, new, {})

    assert sentence(refused.value) == DISK_FULL
    assert registry.read(disk.root, name, sha256) == old
    disk.resize(64 << 20)
    assert registry.read(disk.root, name, registry.save(disk.root, name, new, {})) == new
    assert [path.name for path in name.folder(disk.root).parent.iterdir()] == [str(DAY)]


def test_a_full_disk_keeps_a_publication_from_being_built_and_readers_see_the_last(
    disk: Disk,
) -> None:
    publish_feed(disk.root, row("u1", [place(1)]))
    many = [row(f"u{number}", [place(2)]) for number in range(5_000)]
    disk.fill_up(but=400_000)

    with pytest.raises(PublicationError, match=r"Readers see what they saw.*df -h"):
        publish_feed(disk.root, *many)

    assert [item["item"] for item in top(disk.root, "u1", FEED)["items"]] == ["p1"]
    assert not list(disk.root.glob(".part*"))
    disk.resize(64 << 20)
    publish_feed(disk.root, *many)
    assert [item["item"] for item in top(disk.root, "u1", FEED)["items"]] == ["p2"]


def garbled(content: bytes) -> bytes:
    return b"\x00\xff" + content[2:]


def cut_off(content: bytes) -> bytes:
    return content[: len(content) // 2]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "garbled": garbled,
    "cut off": cut_off,
    "empty": lambda _: b"",
    "zeros": lambda content: bytes(len(content)),
}


def written(root: Path, table: Table) -> LakeFiles:
    files = LakeFiles(root, FIRST)
    for day in (DAY, NEXT):
        write(files, table, day, {"source": "app", "file_name": f"{day}"})
    return files


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("commit", [0, -1])
def test_a_damaged_log_of_a_table_is_named_and_put_back_it_reads_as_before(
    tmp_path: Path, damage: str, commit: int
) -> None:
    files = written(tmp_path, TABLE)
    before = files.arrow(TABLE, one_day(NEXT))
    path = sorted((tmp_path / TABLE.path / "_delta_log").glob("*.json"))[commit]
    content = path.read_bytes()
    path.write_bytes(DAMAGES[damage](content))

    with pytest.raises(BrokenTableError) as refused:
        files.arrow(TABLE, one_day(NEXT))

    said = sentence(refused.value)
    assert said.startswith("silver/line_counts cannot be read: ")
    assert f"{path.parent} is damaged" in said
    assert "Put that folder back from a copy" in said
    assert f"nightmarket backfill --from {DAY} --to {NEXT}" in said
    path.write_bytes(content)
    assert files.arrow(TABLE, one_day(NEXT)).equals(before)


def test_a_table_whose_log_is_damaged_can_be_made_again(lake: Lake) -> None:
    write(lake.files, TABLE, DAY, {"source": "app", "file_name": "a"})
    rows = lake.read(TABLE, one_day(DAY)).collect()
    [path] = (lake.root / TABLE.path / "_delta_log").glob("*.json")
    path.write_bytes(b"{")

    with pytest.raises(BrokenTableError, match="or remove"):
        lake.write(TABLE, lake.frame(TABLE, [r.asDict() for r in rows]), one_day(DAY))

    shutil.rmtree(lake.root / TABLE.path)
    shutil.rmtree(lake.root / "_days" / TABLE.path)
    lake.write(TABLE, lake.frame(TABLE, [r.asDict() for r in rows]), one_day(DAY))
    assert lake.read(TABLE, one_day(DAY)).collect() == rows


def damaged(content: bytes, rng: Random) -> bytes:
    """Cut off, a page of noise, a page of zeros, or some flipped bits."""
    found, step = bytearray(content), rng.randrange(4)
    at = rng.randrange(len(found))
    if step == 0:
        return content[:at]
    if step == 3:
        for _ in range(50):
            found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
        return bytes(found)
    page = at - at % 4096
    found[page : page + 4096] = rng.randbytes(4096) if step == 1 else bytes(4096)
    return bytes(found)


def read_in_a_fork(publications: Path, num_users: int) -> int:
    """Read some slates where a crash ends a child alone: its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 3
    try:
        for number in range(0, num_users, 50):
            top(publications, f"u{number}", FEED)
        status = 0
    except BrokenPublicationError as error:
        is_said = "publish again: nightmarket publish" in str(error)
        status = 1 if is_said else 2
    finally:
        os._exit(status)


def test_a_damaged_file_of_a_publication_is_called_broken_and_never_ends_its_reader(
    tmp_path: Path, *, is_whole: bool
) -> None:
    users = [row(f"u{number}", [place(1), place(2)]) for number in range(2_000)]
    publish_feed(tmp_path, *users)
    [path] = tmp_path.glob(f"0*/{FEED}.lmdb")
    content, rng = path.read_bytes(), Random(3)
    seen = []

    for _ in range(NUM_DAMAGES_WHOLE if is_whole else NUM_DAMAGES_SMALL):
        path.write_bytes(damaged(content, rng))
        seen.append(read_in_a_fork(tmp_path, len(users)))

    assert set(seen) == {0, 1}
    path.write_bytes(content)
    assert top(tmp_path, "u7", FEED)["served_from"] == "own"


def test_who_publishes_again_or_goes_back_is_read_though_a_file_is_damaged(tmp_path: Path) -> None:
    publish_feed(tmp_path, row("u1", [place(1)]))
    publish_feed(tmp_path, row("u1", [place(2)]))
    newest = sorted(tmp_path.glob(f"0*/{FEED}.lmdb"))[-1]
    newest.write_bytes(newest.read_bytes()[:5_000])

    with pytest.raises(BrokenPublicationError, match=r"is cut off.*nightmarket rollback"):
        top(tmp_path, "u1", FEED)

    rollback(tmp_path, to=None, now=NOW)
    assert [item["item"] for item in top(tmp_path, "u1", FEED)["items"]] == ["p1"]
    publish_feed(tmp_path, row("u1", [place(3)]))
    assert [item["item"] for item in top(tmp_path, "u1", FEED)["items"]] == ["p3"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest_is_called_broken(tmp_path: Path, damage: str) -> None:
    publish_feed(tmp_path, row("u1", [place(1)]))
    [path] = tmp_path.glob("0*/manifest.json")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))

    with pytest.raises(BrokenPublicationError, match=r"is damaged.*nightmarket publish"):
        top(tmp_path, "u1", FEED)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_pointer_says_where_its_last_word_stands(tmp_path: Path, damage: str) -> None:
    publish_feed(tmp_path, row("u1", [place(1)]))
    before = top(tmp_path, "u1", FEED)
    path = tmp_path / CURRENT
    path.write_bytes(DAMAGES[damage](path.read_bytes()))

    with pytest.raises(
        NoPublicationError, match=r"put the last line of .*swaps\.jsonl in its place"
    ):
        top(tmp_path, "u1", FEED)

    path.write_bytes((tmp_path / "swaps.jsonl").read_bytes().splitlines()[-1])
    assert top(tmp_path, "u1", FEED) == before


def test_damage_is_what_lmdb_itself_would_raise_or_die_of(tmp_path: Path) -> None:
    publish_feed(tmp_path, row("u1", [place(1)]))
    [path] = tmp_path.glob(f"0*/{FEED}.lmdb")
    path.write_bytes(b"noise" * 10_000)

    with pytest.raises(BrokenPublicationError) as refused:
        top(tmp_path, "u1", FEED)

    assert isinstance(refused.value.__cause__, lmdb.Error)
