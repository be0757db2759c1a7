import json
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import typer
from pyarrow import csv, parquet
from typer.testing import CliRunner

from benchmarks import ranking, ranking_features, ranking_files, ranking_run
from benchmarks.ranking_files import Mapped, Rows, UnusableTableError
from benchmarks.ranking_rungs import LADDER, compared
from benchmarks.ranking_table import FlatTable
from training.metrics import auc
from training.rankers.ranker import Batch

MAPPED = Mapped(
    user="who",
    item="what",
    time="when",
    labels={"click": "clicked", "order": "ordered"},
    categorical=("kind",),
    numeric=("price",),
    lists=("lately",),
)
TOML = """
user = "who"
item = "what"
time = "when"
labels = {click = "clicked", order = "ordered"}
categorical = ["kind"]
numeric = ["price"]
lists = ["lately"]
"""
NUM_ROWS = 6_000


def planted() -> pa.Table:
    """Clicks follow the item and whether its kind is one of the user's two."""
    rng = np.random.default_rng(5)
    user, item = rng.integers(0, 50, NUM_ROWS), rng.integers(0, 40, NUM_ROWS)
    liked, kind = rng.integers(0, 6, 50), rng.integers(0, 6, 40)
    merit, price = rng.normal(0, 1, 40), rng.lognormal(2, 1, 40)
    margin = -2 + merit[item] + 2 * (liked[user] == kind[item])
    click = rng.random(NUM_ROWS) < 1 / (1 + np.exp(-margin))
    return pa.table(
        {
            "who": [f"u{n}" for n in user],
            "what": [f"i{n}" for n in item],
            "when": np.sort(rng.integers(0, 10**6, NUM_ROWS)),
            "clicked": click.astype(np.int8),
            "ordered": (click & (rng.random(NUM_ROWS) < 0.4)).astype(np.int8),
            "kind": [f"k{n}" for n in kind[item]],
            "price": price[item],
            "lately": [[f"i{n}" for n in rng.integers(0, 40, 3)] for _ in range(NUM_ROWS)],
        }
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    parquet.write_table(planted(), tmp_path / "shown.parquet")
    (tmp_path / "shown.toml").write_text(TOML)
    return tmp_path / "shown.parquet"


def read_table(table: pa.Table, folder: Path) -> Rows:
    parquet.write_table(table, folder / "some.parquet")
    return ranking_files.read(folder / "some.parquet", MAPPED)


def asked(file: Path, *more: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(ranking.main)
    arguments = [str(file), "--mapping", str(file.with_name("shown.toml")), *more]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_the_ladder_is_printed_and_written_with_popularity_beside_it(file: Path) -> None:
    out = file.with_name("out.json")

    code, said = asked(file, "--rankers", "logistic,gbdt", "--json", str(out))

    assert code == 0
    assert "95 % intervals by user" in said
    found = json.loads(out.read_text())
    assert list(found["results"]) == ["popularity", "logistic", "gbdt"]
    for name in ("logistic", "gbdt"):
        by_task = found["results"][name]
        assert list(by_task) == ["click", "order"]
        assert by_task["click"]["auc"] > found["results"]["popularity"]["click"]["auc"]
        assert 0 < by_task["order"]["logloss"] < by_task["click"]["logloss"] < 0.7
        assert by_task["click"]["ece"] < 0.1
        low, high = found["intervals"][name]["click"]["auc"]
        assert low < by_task["click"]["auc"] < high
    assert found["results"]["popularity"]["click"]["logloss"] is None
    assert found["rows"]["judged"] == pytest.approx(NUM_ROWS / 5, abs=5)


def test_no_judged_row_tells_of_a_label_that_is_judged(tmp_path: Path) -> None:
    table = planted()
    flipped = 1 - np.array(table["clicked"])[NUM_ROWS * 4 // 5 :]
    clicked = [*table["clicked"].to_pylist()[: -len(flipped)], *flipped]
    other = table.set_column(3, "clicked", pa.array(clicked))

    one, two = (read_table(found, tmp_path) for found in (table, other))

    block = np.minimum(np.arange(NUM_ROWS) * 20 // NUM_ROWS, 16)
    np.testing.assert_array_equal(
        ranking_features.inputs(one, block).numeric_NF,
        ranking_features.inputs(two, block).numeric_NF,
    )


def test_a_rows_own_label_is_not_among_its_features(tmp_path: Path) -> None:
    rows = read_table(planted(), tmp_path)
    block = np.arange(NUM_ROWS) * 20 // NUM_ROWS

    given = ranking_features.inputs(rows, block)

    first = block == 0
    assert not given.number("item: rows before")[first].any()
    assert len(np.unique(given.number("item: rate before")[first])) == 1
    later = block == 19
    rate = given.number("item: rate before")[later]
    assert auc(rows.labels["click"][later], rate, np.ones(later.sum())) > 0.6


def test_a_csv_file_is_read_as_the_parquet_file(file: Path) -> None:
    table = planted()
    words = [" ".join(one) for one in table["lately"].to_pylist()]
    flat = table.set_column(7, "lately", pa.array(words))
    csv.write_csv(flat, file.with_suffix(".csv"))

    one = ranking_files.read(file, MAPPED)
    two = ranking_files.read(file.with_suffix(".csv"), MAPPED)

    np.testing.assert_array_equal(one.item_N, two.item_N)
    np.testing.assert_array_equal(one.labels["order"], two.labels["order"])
    assert one.lists["lately"].word_E.equals(two.lists["lately"].word_E)
    np.testing.assert_array_equal(one.lists["lately"].row_E, two.lists["lately"].row_E)


@pytest.mark.parametrize("gone", ["who", "clicked", "kind", "price", "lately"])
def test_a_missing_column_is_refused_by_name(file: Path, gone: str) -> None:
    parquet.write_table(planted().drop_columns([gone]), file)

    code, said = asked(file)

    assert code == 1
    assert f"lacks {gone}" in said


def test_a_label_that_never_varies_is_refused(file: Path) -> None:
    table = planted()
    parquet.write_table(table.set_column(3, "clicked", pa.array([0] * NUM_ROWS)), file)

    code, said = asked(file)

    assert code == 1
    assert "click should be there and not there" in said


@pytest.mark.parametrize("odd", [2.0, -1.0])
def test_a_label_beyond_0_and_1_is_refused_by_name(file: Path, odd: float) -> None:
    table = planted()
    parquet.write_table(table.set_column(3, "clicked", pa.array([odd] * NUM_ROWS)), file)

    code, said = asked(file)

    assert code == 1
    assert "clicked should be 0 or 1" in said


def test_rows_of_one_time_cannot_be_split(file: Path) -> None:
    parquet.write_table(planted().set_column(2, "when", pa.array([7] * NUM_ROWS)), file)

    code, said = asked(file)

    assert code == 1
    assert "20 times at least" in said


def test_numbers_that_are_none_or_infinite_and_new_words_are_no_hindrance(file: Path) -> None:
    table = planted()
    price = table["price"].to_numpy().copy()
    price[::7], price[1::7] = np.inf, np.nan
    kind = table["kind"].to_pylist()
    kind[-50:] = [None, "never seen"] * 25
    odd = table.set_column(6, "price", pa.array(price)).set_column(5, "kind", pa.array(kind))
    parquet.write_table(odd, file)

    rows = ranking_files.read(file, MAPPED)
    found = ranking_run.run(FlatTable.of(rows), ["logistic"], seed=1, say=lambda _: None)

    assert found.measured["logistic"]["click"].auc.mean > 0.6


class Ripened(FlatTable):
    """A table whose labels are learned from as if some were still to come, as a lake's orders."""

    def batch(self, day: date) -> Batch:
        known = self.known(day)
        label = {task: found / np.float32(0.8) for task, found in known.label.items()}
        return replace(known, label=label)

    def known(self, day: date) -> Batch:
        return super().batch(day)


def test_labels_of_what_is_still_to_come_are_learned_from_and_not_calibrated_on(
    tmp_path: Path,
) -> None:
    rows = read_table(planted(), tmp_path)

    found = ranking_run.run(Ripened.of(rows), ["logistic"], seed=1, say=lambda _: None)

    clicks = found.measured["logistic"]["click"]
    assert clicks.auc.mean > 0.6
    assert clicks.predicted_to_observed == pytest.approx(1, abs=0.15)


def test_a_list_tells_whether_the_item_is_in_it(tmp_path: Path) -> None:
    rows = read_table(planted(), tmp_path)

    given = ranking_features.inputs(rows, np.zeros(NUM_ROWS, np.int64))

    items = planted()["what"].to_pylist()
    lately = planted()["lately"].to_pylist()
    times = [own.count(item) for item, own in zip(items, lately, strict=True)]
    back = [
        next((n for n, one in enumerate(reversed(own), start=1) if one == item), None)
        for item, own in zip(items, lately, strict=True)
    ]
    assert given.number("lately with item: times").tolist() == times
    found = given.number("lately with item: steps back").tolist()
    assert [None if np.isnan(one) else one for one in found] == back


def test_a_list_of_items_tells_how_often_their_kind_is_the_rows(tmp_path: Path) -> None:
    table = planted()
    rows = read_table(table, tmp_path)

    given = ranking_features.inputs(rows, np.zeros(NUM_ROWS, np.int64))

    kind_of = dict(zip(table["what"].to_pylist(), table["kind"].to_pylist(), strict=True))
    times = [
        sum(kind_of[one] == kind for one in own)
        for kind, own in zip(table["kind"].to_pylist(), table["lately"].to_pylist(), strict=True)
    ]
    assert given.number("lately's kind: times").tolist() == times


@pytest.mark.parametrize("written", ["user =", 'user = "who"\nfancy = 1\n'])
def test_a_mapping_that_is_none_is_refused(file: Path, written: str) -> None:
    file.with_name("shown.toml").write_text(written)

    code, said = asked(file)

    assert code == 1
    assert "shown.toml should" in said


def test_an_unknown_ranker_is_refused_and_the_known_are_named(file: Path) -> None:
    code, said = asked(file, "--rankers", "forest")

    assert code == 2
    assert "gbdt" in said


def test_a_table_without_rows_is_refused(file: Path) -> None:
    parquet.write_table(planted().slice(0, 0), file)

    with pytest.raises(UnusableTableError, match="has no rows"):
        ranking_files.read(file, MAPPED)


def next_kinds() -> pa.Table:
    """Clicks follow whether the item's kind comes behind that of the list's item."""
    rng = np.random.default_rng(6)
    item, lately = rng.integers(0, 24, NUM_ROWS), rng.integers(0, 24, (NUM_ROWS, 4))[:, -1:]
    is_next = item % 4 == (lately[:, -1] + 1) % 4
    click = rng.random(NUM_ROWS) < np.where(is_next, 0.6, 0.15)
    return (
        planted()
        .set_column(1, "what", pa.array([f"i{n}" for n in item]))
        .set_column(3, "clicked", pa.array(click.astype(np.int8)))
        .set_column(4, "ordered", pa.array((click & (rng.random(NUM_ROWS) < 0.4)).astype(np.int8)))
        .set_column(5, "kind", pa.array([f"k{n % 4}" for n in item]))
        .set_column(7, "lately", pa.array([[f"i{n}" for n in row] for row in lately]))
    )


def test_what_follows_on_what_was_done_last_is_learned_with_histories_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = pytest.importorskip("training.rankers.deep_training", reason="torch is missing")
    longer = training.TrainingConfig(
        num_epochs=12, batch_rows=128, learning_rate=3e-3, table_learning_rate=0.05, stop_after=12
    )
    for name in ("deep_without_history", "deep"):
        settings = {**LADDER[name].settings, "training": longer}
        monkeypatch.setitem(LADDER, name, replace(LADDER[name], settings=settings))
    rows = read_table(next_kinds(), tmp_path)
    names = ["gbdt", "wide_deep", "deep_without_history", "deep"]

    found = ranking_run.run(FlatTable.of(rows), names, seed=1, say=lambda _: None)

    auc = {name: found.measured[name]["click"].auc.mean for name in names}
    assert auc["deep"] > 0.63
    assert max(auc[name] for name in names[:-1]) < 0.60
    assert found.steps["deep"]["click"].log_loss.high < 0


def test_rungs_that_need_what_is_not_installed_are_left_out_and_that_is_said(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    out = file.with_name("out.json")

    code, said = asked(file, "--rankers", "logistic,wide_deep,deep", "--json", str(out))

    assert code == 0
    assert "deep: left out, torch is not installed" in said
    assert list(json.loads(out.read_text())["results"]) == ["popularity", "logistic"]


def test_a_rung_beside_another_stands_below_none() -> None:
    names = ["popularity", "gbdt", "lambdamart", "wide_deep", "deep"]
    assert list(compared(names)) == [
        ("popularity", "gbdt"),
        ("gbdt", "lambdamart"),
        ("gbdt", "wide_deep"),
        ("wide_deep", "deep"),
    ]
