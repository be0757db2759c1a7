from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from benchmarks import ranking_files, ranking_histories
from benchmarks.ranking_files import Mapped, Rows
from training.histories import Histories

_MAPPED = Mapped(
    user="who", item="what", time="when", labels={"click": "clicked"}, categorical=("kind",)
)
_ITEMS, _KINDS = ["5", "6", "7", "8"], ["1", "2", "1", "2"]
_KIND_OF = dict(zip(_ITEMS, _KINDS, strict=True))


def rows(folder: Path, *, lists: dict[str, list[list[str]]], what: list[str]) -> Rows:
    """Rows of two users in turn, a day apart, each second one clicked."""
    num = len(what)
    day = pa.array([n * 86_400_000_000 for n in range(num)], pa.timestamp("us"))
    columns = {
        "who": ["a", "b"] * (num // 2),
        "what": what,
        "when": day,
        "clicked": [0, 0, 1, 1] * (num // 4),
        "kind": [_KIND_OF[item] for item in what],
    }
    parquet.write_table(pa.table(columns | lists), folder / "some.parquet")
    mapped = Mapped(
        **{name: getattr(_MAPPED, name) for name in _MAPPED.__slots__ if name != "lists"},
        lists=tuple(lists),
    )
    return ranking_files.read(folder / "some.parquet", mapped)


def events(table: Rows, found: Histories, row: int) -> list[tuple[str | None, str | None]]:
    """Items and kinds of a row's events as they are called."""
    own = slice(*found.offset_H1[[found.of_N[row], found.of_N[row] + 1]])
    names = [table.item_names[item].as_py() if item >= 0 else None for item in found.item_E[own]]
    kinds = found.words["kind"].dictionary_decode().to_pylist()[own]
    return list(zip(names, kinds, strict=True))


def test_a_list_of_items_is_a_history_newest_first_with_their_words(tmp_path: Path) -> None:
    lately = [["5", "6"], [], ["8", "7", "5"], ["9"]]
    table = rows(tmp_path, lists={"lately": lately}, what=_ITEMS)

    found = ranking_histories.of_table(table, np.zeros(4, np.int64)).of(np.array([2, 0, 3, 1]))

    assert events(table, found, 0) == [("5", "1"), ("7", "1"), ("8", "2")]
    assert events(table, found, 1) == [("6", "2"), ("5", "1")]
    assert events(table, found, 2) == [(None, None)]
    assert events(table, found, 3) == []


def test_lists_that_are_as_long_as_one_another_tell_of_the_same_events(tmp_path: Path) -> None:
    lately = [["5", "6"], ["9"], ["8"], ["7", "5", "6"]]
    of_kind = [["1", "2"], ["2"], ["2"], ["1", "1", "2"]]
    table = rows(tmp_path, lists={"lately": lately, "kinds": of_kind}, what=_ITEMS)

    found = ranking_histories.of_table(table, np.zeros(4, np.int64)).of(np.arange(4))

    assert events(table, found, 0) == [("6", "2"), ("5", "1")]
    assert events(table, found, 1) == [(None, "2")]


def test_lists_of_other_lengths_are_events_of_another_kind(tmp_path: Path) -> None:
    lists = {"lately": [["5", "6"]] * 4, "carted": [["8"], [], [], ["7", "5"]]}
    table = rows(tmp_path, lists=lists, what=_ITEMS)

    found = ranking_histories.of_table(table, np.zeros(4, np.int64)).of(np.arange(4))

    assert events(table, found, 0) == [("6", "2"), ("5", "1"), ("8", "2")]
    assert found.kind_E[:3].tolist() == [1, 1, 2]
    assert np.isnan(found.age_days_E).all()


def test_without_lists_what_was_done_in_blocks_before_is_the_history(tmp_path: Path) -> None:
    table = rows(tmp_path, lists={}, what=_ITEMS * 2)
    block_N = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    past = ranking_histories.of_table(table, block_N)

    first, second = past.of(np.arange(4)[[0, 2, 1, 3]]), past.of(np.array([4, 6, 5, 7]))

    assert len(first.item_E) == 0
    assert second.of_N.tolist() == [0, 0, 1, 1]
    assert events(table, second, 0) == [("7", "1")]
    assert events(table, second, 2) == [("8", "2")]
    np.testing.assert_array_equal(second.age_days_E, np.float32([2, 1]))


def test_no_judged_label_is_in_a_history(tmp_path: Path) -> None:
    table = rows(tmp_path, lists={}, what=_ITEMS * 2)
    block_N = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    table.labels["click"][4:] = ~table.labels["click"][4:]

    other = ranking_histories.of_table(table, block_N).of(np.array([4, 6, 5, 7]))

    assert events(table, other, 0) == [("7", "1")]
