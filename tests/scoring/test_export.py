import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.export import COLUMNS, ExportError, export
from tests.scoring.published_rows import DAY, DEFAULT, place, row, slates

HOSTILE = 'a "b", \n|c/../🦊'


def three_slates() -> pa.Table:
    second = place(2, item_id=HOSTILE, sources=["covisitation", "unfinished"], p_click=None)
    return slates(
        row(HOSTILE, [place(1), second], reserve=[place(3)]),
        row("opted out", [], short_reason="personalisation_off"),
        DEFAULT,
    )


@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_a_place_of_a_slate_is_one_row(tmp_path: Path, format_: str) -> None:
    target = tmp_path / f"slates.{format_}"

    num_slates = export([three_slates()], target, surface="product_feed", format_=format_)

    if format_ == "parquet":
        found = [list(one.values()) for one in pq.read_table(target).to_pylist()]
        nothing, day, drawn = None, DAY, False
    else:
        with target.open(newline="") as file:
            header, *found = list(csv.reader(file))
        assert header == COLUMNS.names
        nothing, day, drawn = "", "2026-01-05", "false"
    feed, both = "product_feed", "covisitation|unfinished"
    chances = [0.5, nothing, 0.25, nothing]
    expected = [
        [feed, day, "user", HOSTILE, 1, "p1", 1, 9, *chances, 0.95, drawn, "popularity"],
        [feed, day, "user", HOSTILE, 2, HOSTILE, 2, 8, nothing, *chances[1:], 0.95, drawn, both],
        [feed, day, "default", "*", 1, "p9", 9, 1, *chances, 0.95, drawn, "popularity"],
    ]
    assert num_slates == 3
    assert found == (expected if format_ == "parquet" else [list(map(str, e)) for e in expected])


def test_a_slate_is_one_line_of_json(tmp_path: Path) -> None:
    target = tmp_path / "slates.jsonl"

    export([three_slates()], target, surface="product_feed", format_="jsonl")

    first, second, third = map(json.loads, target.read_bytes().splitlines())
    assert (first["audience_key"], first["day"], first["ranker"]) == (HOSTILE, "2026-01-05", "gbdt")
    assert first["items"][1] == {
        "rank": 2,
        "item_id": HOSTILE,
        "item_no": 2,
        "value": 8.0,
        "p_click": None,
        "p_cart": None,
        "p_order": 0.25,
        "watch_share": None,
        "propensity": 0.95,
        "is_exploration": False,
        "sources": ["covisitation", "unfinished"],
    }
    assert (second["items"], second["short_reason"]) == ([], "personalisation_off")
    assert [item["item_id"] for item in third["items"]] == ["p9"]


@pytest.mark.parametrize("format_", ["parquet", "csv", "jsonl"])
def test_batches_of_any_size_leave_the_same_slates(tmp_path: Path, format_: str) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    rows = slates(*(row(f"u{n}", [place(1), place(2)]) for n in range(50)))

    export([rows], whole, surface="product_feed", format_=format_)
    export(rows.to_batches(max_chunksize=7), parted, surface="product_feed", format_=format_)

    if format_ == "parquet":
        assert pq.read_table(whole).equals(pq.read_table(parted))
    else:
        assert whole.read_bytes() == parted.read_bytes()


def test_an_export_that_fails_leaves_the_file_before(tmp_path: Path) -> None:
    target = tmp_path / "slates.csv"
    target.write_text("before")

    def broken() -> Iterator[pa.Table]:
        yield three_slates()
        raise OSError("the lake is gone")

    with pytest.raises(OSError, match="the lake is gone"):
        export(broken(), target, surface="product_feed", format_="csv")

    assert target.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["slates.csv"]


def test_a_day_without_slates_is_a_file_without_rows(tmp_path: Path) -> None:
    num_slates = export([], tmp_path / "x.parquet", surface="product_feed", format_="parquet")

    assert num_slates == 0
    assert pq.read_table(tmp_path / "x.parquet").schema == COLUMNS


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="there are parquet, csv, jsonl"):
        export([], tmp_path / "x", surface="product_feed", format_="xlsx")
