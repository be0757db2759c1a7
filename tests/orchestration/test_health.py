from pathlib import Path

import pytest

from orchestration.health import findings, gigabytes
from orchestration.settings import Settings


def found(settings: Settings) -> dict[str, tuple[bool, str]]:
    return {one.what: (one.is_well, one.said) for one in findings(settings)}


def test_a_machine_that_ran_the_tests_has_java_and_jars(tmp_path: Path) -> None:
    said = found(Settings(home=tmp_path / "home"))

    assert said["Java"][0]
    assert said["Delta's jars"][0]
    assert "Load a log first" in said["home"][1]


def test_a_missing_java_is_named_with_the_way_to_install_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))

    is_well, said = found(Settings(home=tmp_path))["Java"]

    assert not is_well
    assert "apt-get install openjdk-17-jre-headless" in said


def test_a_home_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nightmarket.toml").write_text('lake_version = 99\nfirst_day = "2026-01-01"\n')

    is_well, said = found(Settings(home=tmp_path))["home"]

    assert not is_well
    assert "lake version 99" in said


def test_a_heap_larger_than_the_memory_is_named(tmp_path: Path) -> None:
    is_well, said = found(Settings(home=tmp_path, spark_memory="9000g"))["memory"]

    assert not is_well
    assert "NIGHTMARKET_SPARK_MEMORY=2g" in said


@pytest.mark.parametrize(("said", "num"), [("4g", 4), ("2048M", 2), ("1048576k", 1)])
def test_heaps_are_read_in_the_units_of_java(said: str, num: float) -> None:
    assert gigabytes(said) == num
