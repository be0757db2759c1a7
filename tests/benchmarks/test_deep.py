import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (NETWORKS=0)")

import torch
from typer.testing import CliRunner

from benchmarks import deep, deep_files, deep_world
from benchmarks.deep_world import REFERENCE, SHOP, Drawn
from training.rankers.deep_rows import Examples


def test_every_step_has_its_figures(tmp_path: Path) -> None:
    said = tmp_path / "figures.json"

    ran = CliRunner().invoke(deep.app, ["--quick", "--rounds", "1", "--json", str(said)])

    assert ran.exit_code == 0, ran.output
    rows = json.loads(said.read_text())["rows"]
    assert {row["unit"] for row in rows} == {
        "AUC",
        "chance",
        "rows a cpu-second",
        "samples a cpu-second",
    }
    for row in rows:
        assert row["reference"] > 0
        assert row["ratio"] == row["ours"] / row["reference"]
    farthest = [row for row in rows if "farthest" in row["step"]]
    assert len(farthest) == 2
    assert all(row["is_met"] for row in farthest)


def test_a_step_that_is_not_there_is_said() -> None:
    ran = CliRunner().invoke(deep.app, ["--steps", "walking"])

    assert ran.exit_code == 2
    assert "walking" in ran.output


@pytest.mark.parametrize("config", [REFERENCE, SHOP])
def test_blocks_are_read_as_they_were_written(config: object, tmp_path: Path) -> None:
    arrays = deep_world.block(config, Drawn(num_users=3, each=2, seed=1))

    deep_files.write(arrays, tmp_path, 7)
    found = deep_files.read(tmp_path, 7)

    wanted = Examples.of(arrays)
    found.rows.check(config)
    assert torch.equal(found.rows.long.code_ULG, wanted.rows.long.code_ULG)
    assert torch.equal(found.rows.dense_NE, wanted.rows.dense_NE)
    assert torch.equal(found.label_NT, wanted.label_NT)
    assert found.rows.code_NF.dtype == torch.int32
    assert found.rows.content_NC.shape == (6, 0)


def test_clicks_follow_tastes_that_histories_show() -> None:
    arrays = deep_world.block(REFERENCE, Drawn(num_users=2000, each=10, seed=1))

    category_NL = arrays["history_code_ULG"][arrays["user_N"], :, 1]
    has_been_N = (category_NL == arrays["code_NF"][:, 1:2]).any(axis=1)
    is_click_N = arrays["label_NT"][:, 0] > 0
    assert is_click_N[has_been_N].mean() > 1.5 * is_click_N[~has_been_N].mean()
    assert (arrays["label_NT"][:, 1] <= arrays["label_NT"][:, 0]).all()
    assert 0.05 < np.mean(is_click_N) < 0.3
