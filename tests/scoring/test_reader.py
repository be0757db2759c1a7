import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lmdb
import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.opened import BrokenPublicationError, UnknownSurfaceError
from scoring.publish import Blocked
from scoring.published import NoPublicationError, Slate, key
from scoring.reader import NoNeighboursError, similar, top
from scoring.reasons import sentence
from tests.scoring.published_rows import (
    SEGMENT,
    catalogue,
    offer,
    place,
    publish_feed,
    row,
)

FEED = "product_feed"
HOSTILE = [
    'it\'s "quoted"',
    "../../etc/passwd",
    "two\nlines\ttab\0nul",
    "日本 🦊👩‍👩‍👧",
    "x" * 4000,
    "x" * 3999 + "y",
    "",
    "*",
    SEGMENT,
    "'; DROP TABLE slates; --",
]
OF_SEGMENT = row(SEGMENT, [place(8)], audience="segment")


def ids(answer: dict) -> list[str]:
    return [item["item"] for item in answer["items"]]


def test_a_user_is_shown_his_own_slate(tmp_path: Path) -> None:
    slate = [
        place(1, sources=["popularity", "covisitation"]),
        place(2, sources=["new_items"], is_exploration=True),
    ]
    publish_feed(tmp_path, row("u1", slate, short_reason="only 2 candidates"))

    answer = top(tmp_path, "u1", FEED)

    assert answer == {
        "user": "u1",
        "surface": FEED,
        "day": "2026-01-05",
        "served_from": "own",
        "short_reason": "only 2 candidates",
        "items": [
            {
                "rank": 1,
                "item": "p1",
                "title": "Tea",
                "score": 9.0,
                "sources": ["popularity", "covisitation"],
                "reason": "often visited after what you looked at",
            },
            {
                "rank": 2,
                "item": "p2",
                "title": None,
                "score": 8.0,
                "sources": ["new_items"],
                "reason": "to find out whether you like it",
            },
        ],
    }


def test_an_unknown_user_is_shown_the_default(tmp_path: Path) -> None:
    publish_feed(tmp_path, row("u1", [place(1)]), OF_SEGMENT)

    answer = top(tmp_path, "never heard of", FEED)

    assert (answer["served_from"], ids(answer)) == ("default", ["p9"])


def test_who_opted_out_is_shown_his_segments_slate(tmp_path: Path) -> None:
    opted_out = row("u1", [], short_reason="personalisation_off")
    publish_feed(tmp_path, opted_out, OF_SEGMENT)

    answer = top(tmp_path, "u1", FEED)

    assert (answer["served_from"], ids(answer)) == ("segment", ["p8"])
    assert answer["short_reason"] == "personalisation_off"


@pytest.mark.parametrize("of_segment", [[], [row(SEGMENT, [], audience="segment")]])
def test_who_opted_out_of_a_segment_without_slate_is_shown_the_default(
    tmp_path: Path, of_segment: list[dict]
) -> None:
    publish_feed(tmp_path, row("u1", [], short_reason="personalisation_off"), *of_segment)

    answer = top(tmp_path, "u1", FEED)

    assert (answer["served_from"], ids(answer)) == ("default", ["p9"])


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        (set(), ["p1", "p2", "p3"]),
        ({"p2"}, ["p1", "p3", "p4"]),
        ({"p1", "p3"}, ["p2", "p4", "p5"]),
        ({"p1", "p4"}, ["p2", "p3", "p5"]),
        ({"p1", "p2", "p3"}, ["p4", "p5"]),
        ({"p1", "p2", "p3", "p4", "p5"}, []),
        ({"no such item"}, ["p1", "p2", "p3"]),
    ],
)
def test_the_reserve_steps_in_for_excluded_items(
    tmp_path: Path, exclude: set[str], left: list[str]
) -> None:
    slate = [place(1), place(2), place(3)]
    publish_feed(tmp_path, row("u1", slate, reserve=[place(4), place(5)]))

    answer = top(tmp_path, "u1", FEED, exclude=exclude)

    assert ids(answer) == left
    assert [item["rank"] for item in answer["items"]] == list(range(1, len(left) + 1))


def test_any_id_is_a_user_like_others(tmp_path: Path) -> None:
    rows = [row(user, [place(1 + number % 7)]) for number, user in enumerate(HOSTILE)]
    publish_feed(tmp_path, *rows)

    answers = [top(tmp_path, user, FEED) for user in HOSTILE]

    assert [answer["served_from"] for answer in answers] == ["own"] * len(HOSTILE)
    assert [ids(answer) for answer in answers] == [
        [f"p{1 + number % 7}"] for number in range(len(HOSTILE))
    ]


def test_any_id_is_an_item_like_others(tmp_path: Path) -> None:
    numbers = pa.array(range(1, len(HOSTILE) + 1), pa.int32())
    items = pa.table({"item_no": numbers, "item_id": HOSTILE, "title": HOSTILE})
    slate = [place(number, item_id=HOSTILE[number - 1]) for number in numbers.to_pylist()]
    near = tuple(
        {"item_no": number, "neighbours": [{"item_no": 1, "score": 0.5, "source": 4}]}
        for number in numbers.to_pylist()
    )
    publish_feed(tmp_path, items=items, surfaces={FEED: offer(row("u1", slate), neighbours=near)})

    shown = top(tmp_path, "u1", FEED, exclude={HOSTILE[0]})

    assert ids(shown) == HOSTILE[1:]
    assert [item["title"] for item in shown["items"]] == HOSTILE[1:]
    assert [ids(similar(tmp_path, item, FEED)) for item in HOSTILE] == [[HOSTILE[0]]] * len(HOSTILE)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(users=st.lists(st.text(st.characters(codec="utf-8")), unique=True, max_size=5))
def test_each_user_finds_his_own_row(
    tmp_path_factory: pytest.TempPathFactory, users: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("publications")
    rows = [row(user, [place(1 + number)]) for number, user in enumerate(users)]

    publish_feed(folder, *rows)

    found = [ids(top(folder, user, FEED)) for user in users]
    assert found == [[f"p{1 + number}"] for number in range(len(users))]


def test_an_entry_under_the_same_hash_is_not_another_users(tmp_path: Path) -> None:
    made = publish_feed(tmp_path, row("u1", [place(1)]))
    path = tmp_path / made.publication_id / "product_feed.lmdb"
    with lmdb.open(str(path), subdir=False, lock=False) as file, file.begin(write=True) as t:
        raw = t.get(key("user", "u1"))
        t.put(key("user", "u2"), raw)
        assert msgspec.msgpack.decode(raw, type=Slate).id == "u1"

    answer = top(tmp_path, "u2", FEED)

    assert (answer["served_from"], ids(answer)) == ("default", ["p9"])


def test_a_user_who_is_named_like_a_segment_or_the_default_is_himself(tmp_path: Path) -> None:
    publish_feed(tmp_path, row("*", [place(1)]), row(SEGMENT, [place(2)]), OF_SEGMENT)

    answers = [top(tmp_path, user, FEED) for user in ("*", SEGMENT, "u1")]

    assert [ids(answer) for answer in answers] == [["p1"], ["p2"], ["p9"]]


def test_an_items_neighbours_come_nearest_first(tmp_path: Path) -> None:
    near = {
        "item_no": 2,
        "neighbours": [
            {"item_no": 1, "score": 0.75, "source": 4},
            {"item_no": 3, "score": 0.5, "source": 1},
        ],
    }
    publish_feed(tmp_path, surfaces={FEED: offer(neighbours=(near,))})

    answer = similar(tmp_path, "p2", FEED)

    assert answer == {
        "item": "p2",
        "surface": FEED,
        "day": "2026-01-05",
        "items": [
            {"rank": 1, "item": "p1", "title": "Tea", "score": 0.75, "source": "covisitation"},
            {"rank": 2, "item": "p3", "title": None, "score": 0.5, "source": "popularity"},
        ],
    }


def test_an_item_without_neighbours_is_said_to_have_none(tmp_path: Path) -> None:
    publish_feed(tmp_path)

    with pytest.raises(NoNeighboursError, match="'p1' on product_feed"):
        similar(tmp_path, "p1", FEED)


def test_where_nothing_is_published_the_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoPublicationError, match="nightmarket night --day D"):
        top(tmp_path / "missing", "u1", FEED)


def test_a_surface_that_never_had_slates_says_what_blocks_it(tmp_path: Path) -> None:
    publish_feed(tmp_path, surfaces={FEED: offer(), "short_videos": Blocked(reason="no videos")})

    with pytest.raises(NoPublicationError, match=r"no videos.*nightmarket night --day D"):
        top(tmp_path, "u1", "short_videos")
    with pytest.raises(UnknownSurfaceError, match="there are product_feed, short_videos"):
        top(tmp_path, "u1", "home")


def test_a_publication_whose_file_is_gone_is_called_broken(tmp_path: Path) -> None:
    made = publish_feed(tmp_path)
    (tmp_path / made.publication_id / "product_feed.lmdb").unlink()

    with pytest.raises(BrokenPublicationError, match="rollback"):
        top(tmp_path, "u1", FEED)


def test_a_publication_of_another_format_is_refused(tmp_path: Path) -> None:
    made = publish_feed(tmp_path)
    path = tmp_path / made.publication_id / "manifest.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))

    with pytest.raises(NoPublicationError, match="is of format 2"):
        top(tmp_path, "u1", FEED)


def test_threads_read_side_by_side(tmp_path: Path) -> None:
    publish_feed(tmp_path, *(row(f"u{number}", [place(number)]) for number in range(1, 9)))

    with ThreadPoolExecutor(8) as threads:
        users = [f"u{1 + number % 8}" for number in range(200)]
        found = list(threads.map(lambda user: ids(top(tmp_path, user, FEED)), users))

    assert found == [[f"p{user[1:]}"] for user in users]


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (["popularity", "unfinished"], "you began with it and have not finished"),
        (["new_items", "popularity"], "new here"),
        (["tea_leaves"], "proposed by tea leaves"),
        ([], "proposed by a rule"),
    ],
)
def test_the_most_personal_source_explains_an_item(sources: list[str], said: str) -> None:
    assert sentence(sources, is_exploration=False) == said


def test_a_reader_loads_nothing_heavy() -> None:
    script = "import sys, scoring.reader; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"pyarrow", "numpy", "pyspark", "etl", "dagster", "typer"} & set(loaded)


def test_the_catalogue_may_hold_more_than_is_named(tmp_path: Path) -> None:
    made = publish_feed(tmp_path, row("u1", [place(1)]), items=catalogue(p1="Tea"))

    path = tmp_path / made.publication_id / "product_feed.lmdb"
    with lmdb.open(str(path), subdir=False, readonly=True, lock=False) as file, file.begin() as t:
        assert t.get(key("item", "1")) is not None
        assert t.get(key("item", "2")) is None
