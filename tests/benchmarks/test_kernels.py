import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import kernels
from benchmarks.drawn import drawn, last_left_out
from benchmarks.figures import Row, medians
from benchmarks.kernel_rows import plain_ease
from training.retrieval.interactions import Interactions


def test_every_step_has_its_figures(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    pytest.importorskip("torch")
    said = tmp_path / "figures.json"

    ran = CliRunner().invoke(kernels.app, ["--quick", "--rounds", "1", "--json", str(said)])

    assert ran.exit_code == 0, ran.output
    rows = json.loads(said.read_text())["rows"]
    assert len({row["step"] for row in rows}) == 6
    assert {row["against"] for row in rows} >= {"faiss flat, no masks", "similaripy", "implicit"}
    for row in rows:
        assert row["ours"] > 0
        assert row["reference"] > 0
        assert row["ratio"] == row["ours"] / row["reference"]


def test_ease_is_measured_on_a_given_file(tmp_path: Path) -> None:
    lines = [f"{user} {user % 5} {(user + 1) % 5} {(user + 2) % 5}" for user in range(20)]
    (tmp_path / "walks.txt").write_text("\n".join(lines))

    said = tmp_path / "figures.json"

    asked = ["--quick", "--rounds", "1", "--steps", "ease", "--json", str(said), "--sequences"]
    found = CliRunner().invoke(kernels.app, [*asked, str(tmp_path / "walks.txt")])
    missing = CliRunner().invoke(kernels.app, [*asked, str(tmp_path / "none.txt")])

    assert found.exit_code == 0, found.output
    assert json.loads(said.read_text())["rows"][0]["step"] == "EASE of 5 items, exact"
    assert missing.exit_code == 1
    assert "there is no file" in missing.output


def test_a_goal_is_met_from_one_side() -> None:
    def row(ours: float, *, is_more_better: bool) -> Row:
        figures = {"reference": 2.0, "ours": ours, "limit": 1.5, "is_more_better": is_more_better}
        return Row(step="", against="", unit="", **figures)

    assert row(3.0, is_more_better=False).is_met
    assert not row(3.1, is_more_better=False).is_met
    assert row(3.0, is_more_better=True).is_met
    assert not row(2.9, is_more_better=True).is_met


def test_works_take_turns_and_the_first_turn_does_not_count() -> None:
    turns: list[str] = []

    spent = medians({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, 2)

    assert turns == ["a", "b"] * 3
    assert spent.keys() == {"a", "b"}


def test_drawn_histories_repeat_nothing_and_the_last_is_cut_off() -> None:
    histories = drawn(50, 120, num_each=12, seed=2)

    learned, truth = last_left_out(histories)

    assert len(histories.item_N) == len(histories.distinct().item_N)
    assert (truth.length_U == 1).all()
    np.testing.assert_array_equal(learned.length_U + 1, histories.length_U)
    np.testing.assert_array_equal(
        drawn(50, 120, num_each=12, seed=2).item_N, histories.item_N, strict=True
    )


def test_plain_ease_is_the_best_row_by_row() -> None:
    histories = Interactions.of([[0, 1], [0, 1, 2], [2, 3], [1, 3]], num_items=4)
    touched = histories.matrix().toarray().astype(np.float64)

    weight = plain_ease(histories, l2=0.5)

    for item in range(4):
        others = np.delete(np.arange(4), item)
        x = touched[:, others]
        wanted = np.linalg.solve(x.T @ x + 0.5 * np.eye(3), x.T @ touched[:, item])
        np.testing.assert_allclose(weight[others, item], wanted, rtol=1e-4)
