"""Odd inputs and odd files, beyond what ``conformance`` tells of them, for every ranker."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.training.rankers.conformance import NIGHT, SPLIT, TASKS, few, same_scores, unseen
from tests.training.rankers.test_rankers import RANKERS, Tried, tried_of
from training import registry
from training.inputs import Inputs, Layout
from training.rankers.ranker import Batch, Ranker, UnknownModelError
from training.registry import ModelName

GIVEN = unseen().batch.given
SIGNAL = "item_click_rate_28d"
"""The number that the planted clicks follow."""


@pytest.fixture(scope="module", params=sorted(RANKERS))
def tried(request: pytest.FixtureRequest) -> Tried:
    return tried_of(request.param)


def with_number(given: Inputs, value: float, rows: slice = slice(None)) -> Inputs:
    """The same rows, some of which say something else of ``SIGNAL``."""
    numeric_NF = given.numeric_NF.copy()
    numeric_NF[rows, given.layout.numeric.index(SIGNAL)] = value
    return replace(given, numeric_NF=numeric_NF)


def labelled(day: date, change: Callable[[np.ndarray], np.ndarray], *tasks: str) -> Batch:
    """A planted day whose labels of some tasks are changed."""
    batch = few(day)
    return replace(
        batch, label={**batch.label, **{task: change(batch.label[task]) for task in tasks}}
    )


def are_probabilities(ranker: Ranker, given: Inputs = GIVEN) -> None:
    for score in ranker.score(given).values():
        assert score.dtype == np.float32
        assert ((score >= 0) & (score <= 1)).all()


def test_an_item_that_no_fit_knew_scores_as_any_other(tried: Tried) -> None:
    new, newer = (replace(GIVEN, item_N=np.full(len(GIVEN), n)) for n in (10**6, 2**31 - 1))
    same_scores(tried.fitted.score(new), tried.fitted.score(newer))
    are_probabilities(tried.fitted, new)


def test_where_every_word_is_new_scores_are_those_of_missing_words(tried: Tried) -> None:
    new = pa.array([f"new {n}" for n in range(len(GIVEN))]).dictionary_encode()
    missing = pa.array([None] * len(GIVEN), pa.string()).dictionary_encode()
    same_scores(
        tried.fitted.score(replace(GIVEN, words=dict.fromkeys(GIVEN.words, new))),
        tried.fitted.score(replace(GIVEN, words=dict.fromkeys(GIVEN.words, missing))),
    )


def test_columns_are_known_by_name_and_not_by_place(tried: Tried) -> None:
    numeric, words = GIVEN.layout.numeric[::-1], GIVEN.layout.words[::-1]
    turned = replace(
        GIVEN,
        numeric_NF=GIVEN.numeric_NF[:, ::-1].copy(),
        words={name: GIVEN.words[name] for name in words},
        layout=Layout(numeric, words),
    )
    same_scores(tried.fitted.score(turned), tried.fitted.score(GIVEN))


def test_where_nothing_is_known_scores_are_probabilities(tried: Tried) -> None:
    missing = pa.array([None] * len(GIVEN), pa.string()).dictionary_encode()
    nothing = replace(
        GIVEN,
        numeric_NF=np.full_like(GIVEN.numeric_NF, np.nan),
        words=dict.fromkeys(GIVEN.words, missing),
    )
    are_probabilities(tried.fitted, nothing)


def test_infinite_numbers_are_learned_from_as_missing_ones(tried: Tried) -> None:
    def read(value: float) -> Callable[[date], Batch]:
        def day(when: date) -> Batch:
            batch = few(when)
            return replace(batch, given=with_number(batch.given, value, slice(0, None, 5)))

        return day

    same_scores(
        tried.made.fit(read(np.inf), SPLIT, 7).score(GIVEN),
        tried.made.fit(read(np.nan), SPLIT, 7).score(GIVEN),
    )


@pytest.mark.parametrize("is_positive", [False, True])
def test_a_day_on_which_everybody_did_the_same_is_learned_from(
    tried: Tried,
    is_positive: bool,  # noqa: FBT001
) -> None:
    def constant(when: date) -> Batch:
        if when != SPLIT.fit.last:
            return few(when)
        return labelled(when, lambda label_N: np.full_like(label_N, is_positive), *TASKS)

    fitted = tried.made.fit(constant, SPLIT, 7)

    are_probabilities(fitted)
    clicks = fitted.score(GIVEN)["click"]
    assert np.ptp(clicks) > 0
    # A network stops on other days than that, where it may be as far off on either side.
    if not tried.made.tolerance and not tried.made.is_level_of_stop:
        usual = tried.made.fit(few, SPLIT, 7).score(GIVEN)["click"]
        assert bool(clicks.mean() > usual.mean()) is is_positive


def test_a_day_without_orders_is_learned_from(tried: Tried) -> None:
    def poor(when: date) -> Batch:
        return labelled(when, np.zeros_like, "order") if when == SPLIT.fit.last else few(when)

    fitted = tried.made.fit(poor, SPLIT, 7)

    are_probabilities(fitted)
    assert fitted.score(GIVEN)["order"].mean() > 0


def test_of_days_without_any_order_none_is_predicted(tried: Tried) -> None:
    fitted = tried.made.fit(lambda when: labelled(when, np.zeros_like, "order"), SPLIT, 7)

    scores = fitted.score(GIVEN)
    assert scores["order"].max() == 0
    assert scores["click"].mean() > 0


NAME = ModelName("any", "product_feed", NIGHT)


@pytest.mark.parametrize("kept", [0.0, 0.5, 1.0], ids=["empty", "half", "all but a byte"])
def test_a_stored_file_that_is_cut_off_is_refused(
    tried: Tried, tmp_path: Path, kept: float
) -> None:
    files = tried.fitted.save()
    for cut in files:
        sha256 = registry.save(tmp_path, NAME, files, {})
        path = NAME.folder(tmp_path) / cut
        path.write_bytes(files[cut][: _kept(files[cut], kept)])
        with pytest.raises(UnknownModelError, match="sha256 differs"):
            registry.read(tmp_path, NAME, sha256)


@pytest.mark.parametrize("kept", [0.0, 0.5, 1.0], ids=["empty", "half", "all but a byte"])
def test_a_file_that_is_cut_off_makes_no_ranker(tried: Tried, kept: float) -> None:
    files = tried.fitted.save()
    for cut, content in files.items():
        with pytest.raises(UnknownModelError, match="fit it again"):
            tried.made.load({**files, cut: content[: _kept(content, kept)]})


def _kept(content: bytes, share: float) -> int:
    return min(int(len(content) * share), len(content) - 1)


def test_files_of_another_version_make_no_ranker(tried: Tried) -> None:
    files = tried.fitted.save()
    others = [(name, other) for name in files for other in _of_other_versions(name, files[name])]
    assert len(others) > 3
    for name, other in others:
        with pytest.raises(UnknownModelError):
            tried.made.load({**files, name: other})


def _of_other_versions(name: str, content: bytes) -> list[bytes]:
    """The file without each of the things it says, as a version that did not say it wrote it."""
    if name.endswith(".json"):
        said = json.loads(content)
        return [json.dumps({k: v for k, v in said.items() if k != gone}).encode() for gone in said]
    if name.endswith(".npz"):
        return [_packed_without(content, gone) for gone in np.load(io.BytesIO(content)).files]
    return []


def _packed_without(content: bytes, gone: str) -> bytes:
    sink = io.BytesIO()
    found = dict(np.load(io.BytesIO(content)))
    np.savez(sink, **{name: array for name, array in found.items() if name != gone})
    return sink.getvalue()
