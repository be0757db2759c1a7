import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from benchmarks import gbdt, gbdt_world
from benchmarks.gbdt_rows import QUICK, Learning, Scoring
from training.inputs import OURS
from training.rankers.item_effects import NOTHING


def test_every_step_has_its_figures(tmp_path: Path) -> None:
    said = tmp_path / "figures.json"

    ran = CliRunner().invoke(gbdt.app, ["--quick", "--rounds", "1", "--json", str(said)])

    assert ran.exit_code == 0, ran.output
    rows = json.loads(said.read_text())["rows"]
    assert [(row["step"].split(": ")[1], row["unit"]) for row in rows] == [
        ("encoding and scoring", "rows a cpu-second"),
        ("assembling, encoding, scoring, valuing", "rows a cpu-second"),
        ("assembling", "cpu-µs a row"),
        ("encoding", "cpu-µs a row"),
        ("growing", "cpu-seconds"),
        ("growing clicks, nothing stopped on", "cpu-seconds"),
        ("making matrices", "cpu-seconds"),
        ("machine", "cpu-seconds"),
        ("all else", "cpu-seconds"),
        ("whole fit but for the machine", "cpu-seconds"),
    ]
    for row in rows:
        assert row["reference"] > 0
        assert row["ours"] > 0
        assert row["ratio"] == row["ours"] / row["reference"]


def test_a_step_that_is_not_there_is_said() -> None:
    ran = CliRunner().invoke(gbdt.app, ["--steps", "walking"])

    assert ran.exit_code == 2
    assert "walking" in ran.output


def test_ours_says_what_xgboost_says_times_the_items_effects() -> None:
    asked = Scoring.of(QUICK)

    plain, scored = asked.plain(), asked.scored()

    without = replace(asked.model, effects=NOTHING).score(asked.given)
    assert plain.keys() == scored.keys() == {"click", "order"}
    assert len(np.unique(plain["click"])) > 1
    for task, plain_N in plain.items():
        effected_N = asked.model.effects.applied(without[task], asked.given.item_N)
        # Where clicks' trees begin is added behind the kernel, which is exact to the last bit.
        np.testing.assert_allclose(without[task], plain_N, rtol=1e-5, strict=True)
        np.testing.assert_array_equal(scored[task], effected_N, strict=True)
    np.testing.assert_array_equal(without["order"], plain["order"], strict=True)


def test_the_whole_path_scores_what_was_assembled() -> None:
    asked = Scoring.of(QUICK)

    ranked = asked.ranked()

    assert asked.given.layout == OURS
    assert asked.model.num_trees == QUICK.trees
    for task, scored_N in asked.scored().items():
        np.testing.assert_array_equal(ranked.p_by_task[task], scored_N, strict=True)


def test_a_watched_fit_is_the_fit_and_its_growths_are_grown_again() -> None:
    learning = Learning.of(QUICK)

    fitted = learning.fitted()

    again = fitted.growths[0].again()
    assert again.save_raw("ubj") == fitted.growths[0].trees.save_raw("ubj")
    assert fitted.model.save() == learning.fitted().model.save()
    assert fitted.growths[0].plain().num_boosted_rounds() == QUICK.trees


def test_an_evening_is_drawn_by_its_seed() -> None:
    items = gbdt_world.shop(300, 1)

    drawn = [gbdt_world.evening(items, users=3, each=20, seed=seed) for seed in (5, 5, 6)]

    assert drawn[0].asked == drawn[1].asked
    assert drawn[0].state == drawn[1].state
    assert drawn[0].state != drawn[2].state
