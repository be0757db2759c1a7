import pytest

from etl import python_workers


def test_what_is_asked_for_is_imported_once_and_what_is_not_installed_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(python_workers.IMPORTS, "json.decoder no_such_package.part xgboost")

    assert python_workers.modules()[-2:] == ["json.decoder", "xgboost"]


def test_nothing_more_is_imported_where_nothing_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(python_workers.IMPORTS, raising=False)

    assert "xgboost" not in python_workers.modules()
