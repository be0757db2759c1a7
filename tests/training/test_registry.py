import json
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from etl.tables.ranking import RANKER_NAMES
from tests.training.rankers import conformance
from training import registry
from training.inputs import NUMERIC, WORDS, Layout
from training.rankers import gbdt
from training.rankers.gbdt import GbdtConfig
from training.rankers.ranker import Batch, UnknownModelError
from training.registry import MissingLibraryError, ModelName

NAME = ModelName("gbdt", "product_feed", date(2026, 1, 8))
FILES = {"click.ubj": b"trees", "rules.json": b"{}"}
COMMAND = "nightmarket backfill --from 2026-01-08 --to 2026-01-08"


def test_a_saved_model_is_read_as_it_was(tmp_path: Path) -> None:
    sha256 = registry.save(tmp_path, NAME, FILES, {"seed": 7, "night": NAME.night})

    assert registry.read(tmp_path, NAME, sha256) == FILES
    manifest = json.loads((NAME.folder(tmp_path) / "manifest.json").read_text())
    assert manifest == {"night": "2026-01-08", "seed": 7, "sha256": sha256}


def test_a_changed_file_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    sha256 = registry.save(tmp_path, NAME, FILES, {})
    (NAME.folder(tmp_path) / "click.ubj").write_bytes(b"treez")
    with pytest.raises(UnknownModelError, match=f"sha256 differs.*{COMMAND}"):
        registry.read(tmp_path, NAME, sha256)


@pytest.mark.parametrize("change", ["a file more", "a file less", "files swapped"])
def test_a_model_is_all_of_its_files_under_their_names(tmp_path: Path, change: str) -> None:
    sha256 = registry.save(tmp_path, NAME, FILES, {})
    folder = NAME.folder(tmp_path)
    if change == "a file more":
        (folder / "order.ubj").write_bytes(b"")
    elif change == "a file less":
        (folder / "click.ubj").unlink()
    else:
        (folder / "click.ubj").write_bytes(FILES["rules.json"])
        (folder / "rules.json").write_bytes(FILES["click.ubj"])
    with pytest.raises(UnknownModelError, match="sha256 differs"):
        registry.read(tmp_path, NAME, sha256)


def test_a_missing_model_names_the_command_that_fits_it(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match=f"no model in .*2026-01-08.*{COMMAND}"):
        registry.read(tmp_path, NAME, "0" * 64)


def test_models_whose_files_are_kept_are_listed_by_name(tmp_path: Path) -> None:
    older = replace(NAME, night=date(2026, 1, 1))
    source = ModelName("item_cf", "short_videos", date(2026, 1, 1))
    for name in (NAME, source, older):
        registry.save(tmp_path, name, FILES, {})

    assert registry.kept(tmp_path) == [older, NAME, source]


def test_a_removed_model_is_gone_and_the_others_are_not(tmp_path: Path) -> None:
    older = replace(NAME, night=date(2026, 1, 1))
    sha256 = registry.save(tmp_path, NAME, FILES, {})
    registry.save(tmp_path, older, FILES, {})
    registry.remove(tmp_path, older)

    assert registry.kept(tmp_path) == [NAME]
    assert registry.read(tmp_path, NAME, sha256) == FILES
    with pytest.raises(UnknownModelError, match=r"no model in .*2026-01-01"):
        registry.read(tmp_path, older, sha256)


def test_what_a_killed_removal_left_is_found(tmp_path: Path) -> None:
    registry.save(tmp_path, NAME, FILES, {})
    torn = NAME.folder(tmp_path).with_name("2026-01-01.part")
    torn.mkdir()

    assert registry.leftovers(tmp_path) == [torn]
    assert registry.kept(tmp_path) == [NAME]


def test_saving_again_replaces_the_model_and_what_a_killed_save_left(tmp_path: Path) -> None:
    registry.save(tmp_path, NAME, {**FILES, "order.ubj": b"old"}, {})
    torn = NAME.folder(tmp_path).with_name("2026-01-08.part")
    torn.mkdir()
    (torn / "half.ubj").write_bytes(b"half")

    sha256 = registry.save(tmp_path, NAME, FILES, {})

    assert registry.read(tmp_path, NAME, sha256) == FILES
    assert not torn.exists()


def test_surfaces_and_nights_do_not_share_a_folder(tmp_path: Path) -> None:
    others = [
        ModelName("gbdt", "product_feed", date(2026, 1, 9)),
        ModelName("gbdt", "short_videos", NAME.night),
    ]
    sha256 = registry.save(tmp_path, NAME, FILES, {})
    for other in others:
        registry.save(tmp_path, other, {"rules.json": b"other"}, {})
    assert registry.read(tmp_path, NAME, sha256) == FILES


def test_an_unknown_ranker_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(UnknownModelError, match="no ranker 'forest'; there are deep, ensemble"):
        registry.load("forest", FILES)


def test_a_model_that_reads_what_examples_do_not_have_any_more_is_refused_by_name() -> None:
    layout = Layout(("a_feature_of_old", *NUMERIC[1:]), WORDS)

    def days(day: date) -> Batch:
        known = conformance.days(day)
        return replace(known, given=replace(known.given, layout=layout))

    files = gbdt.fit(days, conformance.SPLIT, GbdtConfig(num_rounds=2), 7).save()

    with pytest.raises(UnknownModelError, match=r"fit it again\. Gone: a_feature_of_old$"):
        registry.load(gbdt.NAME, files)


@pytest.mark.parametrize("cut", ["rules.json", "click.ubj", "item_effects.arrow"])
def test_a_file_that_is_cut_off_is_refused_by_name(cut: str) -> None:
    files = gbdt.fit(conformance.days, conformance.SPLIT, GbdtConfig(num_rounds=2), 7).save()

    with pytest.raises(UnknownModelError, match=r"hold no gbdt|is not the file that was saved"):
        registry.load(gbdt.NAME, files | {cut: files[cut][:20]})


def test_a_ranker_whose_library_is_not_installed_says_which(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "training.rankers.gbdt", None)
    monkeypatch.delitem(sys.modules, "training.rankers.gbdt")
    monkeypatch.setitem(sys.modules, "xgboost", None)

    with pytest.raises(MissingLibraryError, match="gbdt needs xgboost, which is not installed"):
        registry.config_of("gbdt")


@pytest.mark.parametrize("ranker", RANKER_NAMES)
def test_every_ranker_has_a_configuration_and_a_calendar(ranker: str) -> None:
    assert type(registry.config_of(ranker)).__module__ == f"training.rankers.{ranker}"
    assert registry.CALENDARS[ranker].fit_every_days >= 1


def test_steps_are_bounded_wherever_a_ranker_holds_a_network() -> None:
    bounded = registry.config_of("ensemble", max_steps=40)

    assert bounded.deep.training.max_steps == 40
    assert bounded.gbdt == registry.config_of("ensemble").gbdt
    assert registry.config_of("wide_deep", max_steps=40).training.max_steps == 40
    assert registry.config_of("gbdt", max_steps=40) == registry.config_of("gbdt")


def test_processes_learn_together_wherever_a_ranker_holds_a_network() -> None:
    by_two = registry.config_of("ensemble", num_processes=2, cluster_folder="/shared")

    training = by_two.deep.training
    assert (training.num_processes, training.cluster_folder) == (2, "/shared")
    assert by_two.gbdt == registry.config_of("ensemble").gbdt
