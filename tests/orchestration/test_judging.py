"""Who is judged on which day, on a lake written without Spark."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost as xgb

from etl import tables
from etl.days import Days
from etl.home import Home
from etl.lake import Lake
from etl.surfaces import PRODUCT_FEED
from orchestration import decisions
from orchestration.decisions import Decision
from orchestration.fitting import fit_nights
from orchestration.judgements import Judgement
from orchestration.judging import judge_nights
from orchestration.table_asset import Night
from orchestration.workspace import Workspace
from tests.orchestration.written_lake import Row, made, write
from training import registry
from training.split import UnfittedError

FIRST, FITTED, NIGHT = (date(2026, 1, day) for day in (1, 8, 15))
EXAMPLES = tables.EXAMPLES["product_feed"]
NUM_USERS, NUM_ITEMS = 40, 10
READ = (
    EXAMPLES,
    tables.SILVER_OUTCOMES,
    tables.SILVER_ITEMS,
    tables.FEATURES_USER_DAILY,
    tables.RETRIEVAL_POPULARITY,
    *tables.RANKERS.values(),
)


def shown(day: date, user: int, item: int, *, is_impression: bool) -> Row:
    """An example whose item's click rate tells how likely the click is."""
    rng = np.random.default_rng([day.day, user, item])
    rate = float(rng.random())
    is_click = bool(rng.random() < rate)
    return {
        "user_id": f"u{user:02}",
        "item_no": item,
        "shown_date": day,
        "feature_date": date.fromordinal(day.toordinal() - 1),
        "example_id": f"shop:{day.day}-{user}:{item}" if is_impression else "candidate",
        "position": item if is_impression else None,
        "item_click_rate_28d": rate,
        "fused_score": 0.5 if item < 5 else None,
        "source_popularity_rank": 1.0,
        "is_own": item < 8 or not is_impression,
        "is_click": is_click and not is_impression,
        "is_order": is_click and not is_impression and rate > 0.8,
        "sampling_weight": 1.0,
    }


def outcomes(day: date, rows: list[Row]) -> list[Row]:
    """Clicks of the same draw as above, known on the day; orders of dear ones two days on."""
    found = []
    for row in rows:
        user, item = int(row["user_id"][1:]), row["item_no"]
        rng = np.random.default_rng([day.day, user, item])
        if rng.random() < rng.random():
            continue
        source, event, position = row["example_id"].split(":")
        same = {
            "impression_source": source,
            "impression_event_id": event,
            "impression_position": int(position),
            "impression_surface": "product_feed",
            "is_organic": False,
        }
        found.append(same | {"event_type": "click"})
    return found


def opened(folder: Path, *, is_impression: bool) -> Workspace:
    """Fifteen days of examples of forty users."""
    home = Home(folder)
    home.begin(FIRST)
    workspace = Workspace(home_path=str(folder))
    files = workspace.files
    for table in READ:
        made(files, table, FIRST, NIGHT)
    for day in Days(date(2026, 1, 2), NIGHT):
        rows = [
            shown(day, user, item, is_impression=is_impression)
            for user in range(NUM_USERS)
            for item in range(NUM_ITEMS)
        ]
        write(files, EXAMPLES, day, *rows)
        if is_impression:
            clicks = outcomes(day, rows)
            write(files, tables.SILVER_OUTCOMES, day, *clicks)
            later = date.fromordinal(min(day.toordinal() + 2, NIGHT.toordinal()))
            orders = [row | {"event_type": "order"} for row in clicks[::5]]
            write(files, tables.SILVER_OUTCOMES, later, *orders)
    night = night_of(workspace, Days(FITTED, NIGHT))
    for row in fit_nights(night, [PRODUCT_FEED], "gbdt"):
        write(files, tables.RANKERS["gbdt"], row["arrival_date"], row)
    return workspace


def night_of(workspace: Workspace, days: Days) -> Night:
    """A run of some days; nothing here asks for Spark."""
    lake = Lake(None, workspace.home.lake, FIRST)  # type: ignore[arg-type]
    return Night(workspace, lake, days, "run")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with xgb.config_context(nthread=1):
        yield


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return opened(tmp_path_factory.mktemp("impressions"), is_impression=True)


@pytest.fixture(scope="module")
def judged(shop: Workspace) -> dict[date, Judgement]:
    return dict(judge_nights(night_of(shop, Days(FITTED, NIGHT)), PRODUCT_FEED))


def manifest(workspace: Workspace, day: date) -> dict[str, Any]:
    [row] = workspace.files.arrow(tables.RANKERS["gbdt"], Days(day, day)).to_pylist()
    assert row["is_fitted"], row["reason"]
    found: dict[str, Any] = json.loads(row["manifest"])
    return found


def said(judgement: Judgement, metric: str) -> set[tuple[Any, ...]]:
    names = ("task", "ranker", "model_date", "examples_date", "maturity")
    rows = [row for row in judgement.reports if (row["metric"], row["segment"]) == (metric, "all")]
    return {tuple(row[name] for name in names) for row in rows}


def test_clicks_are_judged_on_the_night_and_orders_when_their_labels_are_mature(
    judged: dict[date, Judgement],
) -> None:
    assert (judged[FITTED].champion.ranker, judged[FITTED].champion.since) == ("gbdt", FITTED)
    assert said(judged[NIGHT], "auc") == {
        ("click", "none", NIGHT, NIGHT, 0.0),
        ("click", "popularity_7d", NIGHT, NIGHT, 0.0),
        ("click", "gbdt", FITTED, NIGHT, 0.0),
        ("click", "gbdt", NIGHT, NIGHT, 0.0),
        ("order", "none", FITTED, FITTED, 1.0),
        ("order", "popularity_7d", FITTED, FITTED, 1.0),
        ("order", "gbdt", FITTED, FITTED, 1.0),
    }


def test_nobody_is_judged_on_orders_of_days_that_he_learned_from(
    judged: dict[date, Judgement],
) -> None:
    for day, judgement in judged.items():
        rows = [row for row in judgement.reports if row["task"] == "order"]
        assert bool(rows) == (day == NIGHT)
        assert all(row["model_date"] <= row["examples_date"] for row in judgement.reports)


def test_a_mature_day_counts_orders_that_came_later(
    shop: Workspace, judged: dict[date, Judgement]
) -> None:
    [orders] = {
        row["num_positives"]
        for row in judged[NIGHT].reports
        if (row["task"], row["segment"]) == ("order", "all")
    }
    by_night = shop.files.arrow(tables.SILVER_OUTCOMES, Days(FITTED, NIGHT)).to_pylist()
    of_day = [r for r in by_night if r["impression_event_id"].startswith(f"{FITTED.day}-")]
    assert orders == sum(row["event_type"] == "order" for row in of_day) > 20
    assert all(r["arrival_date"] > FITTED for r in of_day if r["event_type"] == "order")


def test_a_range_judges_as_its_nights_do(
    shop: Workspace, judged: dict[date, Judgement], tmp_path: Path
) -> None:
    one_by_one = opened(tmp_path, is_impression=True)
    for day in Days(FITTED, NIGHT):
        [(_, found)] = judge_nights(night_of(one_by_one, Days(day, day)), PRODUCT_FEED)
        write(one_by_one.files, tables.RANKERS_CHAMPIONS, day, found.champion_row(day))
        write(one_by_one.files, tables.RANKERS_CALIBRATORS, day, *found.calibrators)
        assert found == judged[day]


def test_a_fit_says_what_was_ours_and_how_mature_its_labels_were(shop: Workspace) -> None:
    found = manifest(shop, FITTED)

    assert found["num_own_examples"] * 10 == found["num_examples"] * 8
    assert (found["reads_source_ranks"], found["reads_positions"]) == (True, True)
    assert "source_popularity_rank" in found["features"]
    assert "position" not in found["features"]
    assert set(found["examination"]) == {"scale", "power"}
    assert sorted(found["label_maturity"]) == [f"2026-01-{day:02}" for day in range(2, 8)]
    assert found["label_maturity"]["2026-01-07"] == pytest.approx(1 / 7, abs=1e-3)
    assert found["label_maturity"]["2026-01-02"] == pytest.approx(6 / 7, abs=1e-3)


def test_without_impressions_everything_is_judged_on_the_night(tmp_path: Path) -> None:
    workspace = opened(tmp_path, is_impression=False)

    found = dict(judge_nights(night_of(workspace, Days(FITTED, FITTED)), PRODUCT_FEED))[FITTED]

    assert said(found, "auc") == {
        (task, ranker, FITTED, FITTED, 1.0)
        for task in ("click", "order")
        for ranker in ("none", "popularity_7d", "gbdt")
    }
    assert manifest(workspace, FITTED)["reads_source_ranks"]
    assert "position" not in manifest(workspace, FITTED)["features"]
    assert set(manifest(workspace, FITTED)["label_maturity"].values()) == {1.0}


def test_a_ranker_that_nobody_asked_for_says_so_and_reads_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.begin(FIRST)

    night = night_of(Workspace(home_path=str(tmp_path)), Days(FIRST, FITTED))
    rows = fit_nights(night, [PRODUCT_FEED], "factorization")

    assert [(row["arrival_date"], row["is_fitted"]) for row in rows] == [
        (FIRST, False),
        (FITTED, False),
    ]
    assert rows[0]["reason"] == "not asked for: NIGHTMARKET_RANKERS does not name factorization"


def test_where_everything_was_clicked_nothing_is_fitted(tmp_path: Path) -> None:
    workspace = with_candidates_alone(tmp_path, clicked_of=1)

    [*_, row] = fit_nights(night_of(workspace, Days(FIRST, FITTED)), [PRODUCT_FEED], "gbdt")

    assert not row["is_fitted"]
    assert row["reason"].endswith("are clicked: nothing can be told apart")


def test_a_fit_that_comes_to_nothing_says_why_and_ends_no_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = with_candidates_alone(tmp_path, clicked_of=2)

    def diverges(*_: object, **__: object) -> None:
        raise UnfittedError("the loss of the stopping rows is inf")

    monkeypatch.setattr(registry, "fit", diverges)
    [*_, row] = fit_nights(night_of(workspace, Days(FIRST, FITTED)), [PRODUCT_FEED], "gbdt")

    assert not row["is_fitted"]
    assert row["reason"] == "the loss of the stopping rows is inf"


def with_candidates_alone(folder: Path, *, clicked_of: int) -> Workspace:
    """A lake of eight days of candidates that nobody was shown, one in so many clicked."""
    Home(folder).begin(FIRST)
    workspace = Workspace(home_path=str(folder))
    for table in READ:
        made(workspace.files, table, FIRST, NIGHT)
    for day in Days(FIRST, FITTED):
        rows = (shown(day, user, 0, is_impression=False) for user in range(300))
        clicked = (row | {"is_click": n % clicked_of == 0} for n, row in enumerate(rows))
        write(workspace.files, EXAMPLES, day, *clicked)
    return workspace


def cut_off(workspace: Workspace, night: date) -> None:
    """Leave half of a model's trees."""
    path = workspace.home.models / "gbdt" / "product_feed" / str(night) / "click.ubj"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def judged_on(workspace: Workspace, first: date, last: date) -> dict[date, Judgement]:
    return dict(judge_nights(night_of(workspace, Days(first, last)), PRODUCT_FEED))


def keep(workspace: Workspace, judged: dict[date, Judgement]) -> None:
    """Write what a run judged, as its step does."""
    for day, found in judged.items():
        write(workspace.files, tables.RANKERS_CHAMPIONS, day, found.champion_row(day))
        write(workspace.files, tables.RANKERS_CALIBRATORS, day, *found.calibrators)


def test_a_model_file_that_is_cut_off_lets_who_served_before_serve(tmp_path: Path) -> None:
    workspace = opened(tmp_path, is_impression=False)
    whole = judged_on(workspace, FITTED, date(2026, 1, 14))
    keep(workspace, whole)
    cut_off(workspace, NIGHT)
    fresh = judged_on(workspace, NIGHT, NIGHT)[NIGHT]
    cut_off(workspace, FITTED)
    neither = judged_on(workspace, NIGHT, NIGHT)[NIGHT]

    assert (fresh.champion.ranker, fresh.champion.model_date) == ("gbdt", FITTED)
    assert "sha256 differs" in fresh.findings[0]
    assert (neither.champion.ranker, neither.champion.since) == ("none", NIGHT)
    assert neither.champion.reason.startswith("the fused order serves again. gbdt 2026-01-08 can")
    assert "sha256 differs" in neither.champion.reason


def test_each_who_could_serve_is_calibrated_on_what_he_has_not_learned_from(
    shop: Workspace, judged: dict[date, Judgement]
) -> None:
    rows = judged[NIGHT].calibrators

    assert {(row["model_date"], row["task"]) for row in rows} == {
        (model_date, task) for model_date in (FITTED, NIGHT) for task in ("click", "order")
    }
    fits = {
        day: shop.files.arrow(tables.RANKERS["gbdt"], Days(day, day)).to_pylist()[0]
        for day in (FITTED, NIGHT)
    }
    clicks = {row["model_date"]: row for row in rows if row["task"] == "click"}
    for model_date, row in clicks.items():
        assert row["is_fitted"], row["reason"]
        assert fits[model_date]["fit_last_date"] < row["first_date"] <= row["last_date"] < NIGHT
    before = said(judged[NIGHT], "log_loss_uncalibrated")
    assert {(task, model_date) for task, _, model_date, *_ in before} >= {
        ("click", FITTED),
        ("click", NIGHT),
    }


def test_orders_are_not_calibrated_on_labels_of_which_nobody_knows_how_ripe_they_are(
    judged: dict[date, Judgement],
) -> None:
    [row] = [
        row
        for row in judged[FITTED].calibrators
        if (row["task"], row["model_date"]) == ("order", FITTED)
    ]
    assert not row["is_fitted"]
    assert "how soon labels ripen is not known" in row["reason"]


def test_rows_hold_plain_values_as_spark_wants_them(judged: dict[date, Judgement]) -> None:
    found = judged[NIGHT]
    rows = [*found.reports, *found.calibrators, *found.importance, found.champion_row(NIGHT)]
    kinds = {type(value) for row in rows for value in row.values()}
    assert kinds <= {str, int, float, bool, date, type(None)}


def test_features_of_a_fit_are_told_on_its_night(judged: dict[date, Judgement]) -> None:
    assert {day for day, found in judged.items() if found.importance} == {FITTED, NIGHT}
    best = max(judged[NIGHT].importance, key=lambda row: row["loss_without"])
    assert best["feature"] == "item_click_rate_28d"


def decision(day: date, *, is_pinned: bool = False) -> Decision:
    return Decision(
        day=day,
        surface="product_feed",
        ranker="none",
        model_date=day,
        decided_by="Ada",
        reason="its slates looked odd",
        is_pinned=is_pinned,
    )


@pytest.mark.parametrize(("is_pinned", "then"), [(False, "gbdt"), (True, "none")])
def test_a_person_s_choice_serves_until_the_rule_chooses_again_unless_it_is_pinned(
    tmp_path: Path, *, is_pinned: bool, then: str
) -> None:
    workspace = opened(tmp_path, is_impression=False)
    chosen_on = date(2026, 1, 10)
    keep(workspace, judged_on(workspace, FITTED, chosen_on))
    decisions.add(workspace.home.decisions, decision(chosen_on, is_pinned=is_pinned))

    found = judged_on(workspace, FITTED, NIGHT)
    again = judged_on(workspace, chosen_on, NIGHT)

    by = {day: (one.champion.ranker, one.champion.decided_by) for day, one in found.items()}
    assert by[date(2026, 1, 9)] == ("gbdt", "rule")
    assert by[chosen_on] == by[date(2026, 1, 14)] == ("none", "Ada")
    assert by[NIGHT] == (then, "Ada" if is_pinned else "rule")
    assert found[chosen_on].champion.reason.startswith("its slates looked odd")
    assert {day: again[day] for day in again} == {day: found[day] for day in again}
    if is_pinned:
        assert found[NIGHT].findings[-1] == "the fused order stays: Ada has pinned it"


def test_a_choice_whose_files_are_gone_is_said_and_the_rule_decides(tmp_path: Path) -> None:
    workspace = opened(tmp_path, is_impression=False)
    gone = replace(decision(FITTED), ranker="gbdt", model_date=FIRST)
    decisions.add(workspace.home.decisions, gone)
    write(workspace.files, tables.RANKERS["gbdt"], FIRST, {"surface": "product_feed"})

    found = judged_on(workspace, FITTED, FITTED)[FITTED]

    assert (found.champion.ranker, found.champion.decided_by) == ("gbdt", "rule")
    assert found.findings[0].startswith("Ada chose gbdt 2026-01-01, which cannot serve: no gbdt")
