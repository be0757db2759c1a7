import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from etl import surfaces
from orchestration.settings import Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"NIGHTMARKET_{name.upper()}", raising=False)


def test_the_home_is_where_one_stands_unless_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    unnamed = Settings().at_home
    monkeypatch.setenv("NIGHTMARKET_HOME", "elsewhere")
    named = Settings().at_home

    assert unnamed.root == tmp_path / ".nightmarket"
    assert named.root == tmp_path / "elsewhere"


def test_each_setting_says_what_it_does() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_the_readme_lists_each_setting_with_its_default() -> None:
    readme = Path(__file__).parents[2] / "README.md"
    row = re.compile(r"\| `NIGHTMARKET_(\w+)` \| `(.*?)` \|")
    rows = (row.match(line) for line in readme.read_text().splitlines())
    listed = dict(found.groups() for found in rows if found)

    said = {name.upper(): field.default for name, field in Settings.model_fields.items()}
    defaults = {
        name: ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in said.items()
    }
    assert listed == defaults


@pytest.mark.parametrize(
    ("surface", "k"), [("product_feed", 50), ("live_streams", 20), ("short_videos", 100)]
)
def test_each_surface_has_its_usual_number_of_places(surface: str, k: int) -> None:
    assert Settings().slate_config(surface).k == k


def test_every_surface_can_be_configured() -> None:
    settings = Settings(buckets=7)
    assert [settings.slate_config(name).num_buckets for name in surfaces.NAMES] == [7, 7, 7]


def test_what_is_set_reaches_the_makers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTMARKET_K_PRODUCT_FEED", "10")
    monkeypatch.setenv("NIGHTMARKET_EXPLORATION_RATE", "0.2")
    monkeypatch.setenv("NIGHTMARKET_MAX_PER_SELLER", "3")
    monkeypatch.setenv("NIGHTMARKET_CANDIDATES", "77")
    monkeypatch.setenv("NIGHTMARKET_SPARK_MEMORY", "3g")

    slate = Settings().slate_config("product_feed")

    assert (slate.k, slate.exploration.rate, slate.caps["seller_cap"]) == (10, 0.2, 3)
    assert Settings().candidate_config("live_streams").num_candidates == 77
    assert Settings().spark().driver_memory == "3g"


def test_processes_that_learn_meet_in_the_home_where_they_are_a_clusters(tmp_path: Path) -> None:
    alone = Settings(home=tmp_path, network_processes=2)
    spread = Settings(home=tmp_path, network_processes=4, spark_master="spark://there:7077")

    assert alone.network_learning["cluster_folder"] is None
    assert spread.network_learning == {
        "max_steps": 0,
        "num_processes": 4,
        "cluster_folder": str(tmp_path),
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("K_PRODUCT_FEED", "0"),
        ("K_PRODUCT_FEED", "401"),
        ("EXPLORATION_RATE", "0.51"),
        ("BUCKETS", "-1"),
        ("SEED", "lucky"),
        ("SEED", "-1"),
        ("SEED", "20261130120000"),
        ("SPARK_MEMORY", "lots"),
        ("SPARK_MEMORY", ""),
        ("ORDER_VALUE", "inf"),
        ("KEEP_RUN_DAYS", "999999"),
    ],
)
def test_a_value_out_of_range_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"NIGHTMARKET_{name}", value)

    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize(
    ("engine", "num_bytes", "num_days", "is_small"),
    [
        ("auto", 10 << 20, 1, True),
        ("auto", 10 << 20, 12, True),
        ("auto", 10 << 20, 13, False),
        ("auto", 129 << 20, 1, False),
        ("small", 129 << 20, 60, True),
        ("large", 10, 1, False),
    ],
)
def test_short_runs_over_small_logs_are_made_by_an_engine_that_compiles_little(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    engine: str,
    num_bytes: int,
    num_days: int,
    is_small: bool,
) -> None:
    monkeypatch.setenv("NIGHTMARKET_HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTMARKET_ENGINE", engine)
    landed = tmp_path / "landing" / "2026-01-01" / "log" / "23-a.jsonl"
    landed.parent.mkdir(parents=True)
    with landed.open("wb") as file:
        file.truncate(num_bytes)

    assert Settings().spark(num_days).is_short_lived == is_small


def test_rankers_are_named_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTMARKET_RANKERS", "gbdt, logistic")

    assert Settings().rankers == ("gbdt", "logistic")


def test_a_ranker_that_does_not_exist_is_refused_and_the_known_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTMARKET_RANKERS", "gbdt,forest")

    with pytest.raises(ValidationError, match="no ranker forest; there are logistic"):
        Settings()
