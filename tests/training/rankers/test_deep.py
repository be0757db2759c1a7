"""What the deep rankers make of a surface's examples."""

from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("torch", reason="torch is not installed (NETWORKS=0)")

from sklearn.metrics import roc_auc_score

from tests.training.rankers.conformance import NIGHT, SPLIT, batch_of
from training.codes import CodesConfig
from training.encode import EncoderConfig
from training.fields import FieldsConfig
from training.histories import Histories
from training.inputs import Inputs, Layout
from training.rankers import deep, deep_ranker, factorization, wide_deep
from training.rankers.deep import DeepConfig
from training.rankers.deep_config import NetworkConfig
from training.rankers.deep_fitting import ReadConfig
from training.rankers.deep_ranker import Deep
from training.rankers.deep_training import TrainingConfig
from training.rankers.factorization import FactorizationConfig
from training.rankers.ranker import Batch, MissingHistoriesError, UnknownModelError
from training.rankers.wide_deep import WideDeepConfig

_USERS, _EACH, _ITEMS, _KINDS, _EVENTS = 150, 8, 60, 6, 6
_LAYOUT = Layout(("price", "position"), ("kind", "user_land"))
_READ = ReadConfig(
    fields=FieldsConfig(
        num_bins=8, words=EncoderConfig(min_count=5), items=CodesConfig(min_count=5)
    )
)
_TRAINING = TrainingConfig(num_epochs=8, batch_rows=256, learning_rate=5e-3)
_NETWORK = NetworkConfig(
    candidate_fields=(), width=4, attention=(8,), num_crosses=1, cross_rank=4, trunk=(16,)
)
_FACTORS = FactorizationConfig(width=4, num_passes=2, fields=_READ.fields)
_CONFIG = DeepConfig(read=_READ, network=_NETWORK, training=_TRAINING, factors=_FACTORS)
_WIDE = WideDeepConfig(read=_READ, num_crossed=4, hash_bits=8, trunk=(8,), training=_TRAINING)


def words(number: np.ndarray) -> pa.DictionaryArray:
    return pa.array([f"k{one}" for one in number]).dictionary_encode()


@lru_cache(maxsize=16)
def days(day: date) -> Batch:
    """Users click what is of the kind that their history is of, seldom far down."""
    rng = np.random.default_rng(day.toordinal())
    liked_U = rng.integers(_KINDS, size=_USERS)
    user = np.repeat(np.arange(_USERS), _EACH)
    item, event = rng.integers(_ITEMS, size=len(user)), rng.integers(_ITEMS, size=_USERS * _EVENTS)
    event += (np.repeat(liked_U, _EVENTS) - event) % _KINDS
    position = rng.integers(5, size=len(user))
    p_click = np.where(item % _KINDS == liked_U[user], 0.6, 0.1) * 0.7**position
    numbers = np.stack([rng.random(len(user)), position], axis=1).astype(np.float32)
    given = Inputs(
        numbers,
        {"kind": words(item % _KINDS), "user_land": words(user % 3)},
        item,
        _LAYOUT,
        Histories(
            user,
            np.arange(_USERS + 1) * _EVENTS,
            event,
            {"kind": words(event % _KINDS)},
            np.full(len(event), 2, np.int8),
            np.tile(np.float32([0.1, 1, 3, 9, 30, np.nan]), _USERS),
        ),
    )
    click = rng.random(len(user)) < p_click
    label = {"click": click, "order": click & (item % 2 == 0)}
    return batch_of(given, label, np.ones(len(user)), user)


def without_histories(day: date) -> Batch:
    batch = days(day)
    return replace(batch, given=replace(batch.given, histories=None))


@pytest.fixture(scope="module")
def fitted() -> Deep:
    return deep.fit(days, SPLIT, _CONFIG, 3)


@pytest.fixture(scope="module")
def blind() -> Deep:
    return deep.fit(without_histories, SPLIT, _CONFIG, 3)


def auc(ranker: Deep) -> float:
    batch = days(NIGHT)
    score = ranker.score(batch.given.at_scored_position())["click"]
    return float(roc_auc_score(batch.label["click"], score))


def test_what_users_did_tells_what_they_will_click(fitted: Deep, blind: Deep) -> None:
    assert fitted.reads_histories
    assert not blind.reads_histories
    assert auc(fitted) > 0.68
    assert auc(blind) < 0.58


def test_a_model_of_histories_refuses_rows_without(fitted: Deep) -> None:
    given = days(NIGHT).given

    with pytest.raises(MissingHistoriesError, match=r"Inputs\.histories is None"):
        fitted.score(replace(given, histories=None))
    with pytest.raises(MissingHistoriesError, match="reads kind of events"):
        fitted.score(replace(given, histories=replace(given.histories, words={})))


def test_a_model_without_histories_does_not_mind_them(blind: Deep) -> None:
    given = days(NIGHT).given

    one, two = blind.score(given), blind.score(replace(given, histories=None))

    np.testing.assert_array_equal(one["click"], two["click"])


def test_histories_on_some_days_alone_are_refused() -> None:
    def some(day: date) -> Batch:
        return days(day) if day == SPLIT.fit.first else without_histories(day)

    with pytest.raises(MissingHistoriesError, match="some days"):
        deep.fit(some, SPLIT, _CONFIG, 3)


def test_saved_and_loaded_with_histories_scores_alike(fitted: Deep) -> None:
    given = days(NIGHT).given

    loaded = deep.load(fitted.save())

    assert loaded.reads_histories
    for task, score in fitted.score(given).items():
        np.testing.assert_array_equal(loaded.score(given)[task], score)


def test_rows_of_users_are_the_same_in_blocks_and_at_once(
    fitted: Deep, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = days(NIGHT).given
    whole = fitted.score(given)["click"]

    monkeypatch.setattr(deep_ranker, "_SCORED_AT_ONCE", 100)

    np.testing.assert_array_equal(fitted.score(given)["click"], whole)


def test_a_farther_place_is_clicked_less_and_given_a_click_ordered_alike(fitted: Deep) -> None:
    given = days(NIGHT).given

    first, fourth = (fitted.score(given.at_positions(place)) for place in (0.0, 3.0))

    assert np.median(fourth["click"] / first["click"]) == pytest.approx(0.7**3, abs=0.15)
    ratio = [one["order"] / one["click"] for one in (first, fourth)]
    np.testing.assert_allclose(ratio[1], ratio[0], rtol=1e-4)
    assert (first["order"] <= first["click"]).all()


def test_a_network_begins_from_what_a_factorisation_machine_says() -> None:
    at_rest = replace(_TRAINING, max_steps=1, learning_rate=0.0, table_learning_rate=0.0)
    config = replace(_CONFIG, factors=_FACTORS, training=at_rest, reads_histories=False)
    given = days(NIGHT + timedelta(days=1)).given.at_scored_position()

    said = deep.fit(days, SPLIT, config, 3).score(given)

    known = factorization.fit(days, SPLIT, _FACTORS, 3).score(given)
    assert said.keys() == known.keys()
    for task, score in known.items():
        np.testing.assert_allclose(said[task], score, atol=1e-6)
        assert np.ptp(score) > 0


def test_a_network_without_the_machine_that_it_begins_from_is_refused(blind: Deep) -> None:
    files = {name: data for name, data in blind.save().items() if "factorization." not in name}

    with pytest.raises(UnknownModelError, match="factorization needs"):
        deep.load(files)


def test_a_new_item_is_scored_by_its_kind(fitted: Deep) -> None:
    batch = days(NIGHT)
    new = replace(batch.given, item_N=batch.given.item_N + 10_000).at_scored_position()

    found = roc_auc_score(batch.label["click"], fitted.score(new)["click"])

    assert found > 0.66


def test_a_ranker_of_another_name_or_version_is_refused(blind: Deep) -> None:
    files = blind.save()
    later = files["ranker.json"].replace(b'"version": 4', b'"version": 5')

    with pytest.raises(UnknownModelError, match="not wide_deep"):
        wide_deep.load(files)
    with pytest.raises(UnknownModelError, match="of version 5"):
        deep.load({**files, "ranker.json": later})


def test_a_cross_is_remembered_by_the_wide_part() -> None:
    def crossed(day: date) -> Batch:
        batch = without_histories(day)
        kind, land = (batch.given.words[n].to_pylist() for n in ("kind", "user_land"))
        rng = np.random.default_rng(day.toordinal())
        odd = np.array([hash_of(one, other) for one, other in zip(kind, land, strict=True)])
        click = rng.random(len(odd)) < np.where(odd, 0.6, 0.1)
        return replace(batch, label={"click": click, "order": click & False})

    ranker = wide_deep.fit(crossed, SPLIT, _WIDE, 3)

    batch = crossed(NIGHT)
    values = ranker.reader.fields.values(batch.given)
    places = ranker.reader.crosses.places(values)
    weight = ranker.model.network.wide.detach().numpy()[:, 0]
    wide = weight[places].sum(axis=1)
    assert ranker.name == "wide_deep"
    assert roc_auc_score(batch.label["click"], wide) > 0.7
    assert roc_auc_score(batch.label["click"], ranker.score(batch.given)["click"]) > 0.75


def hash_of(kind: str, land: str) -> bool:
    """Which pairs are clicked: as no kind and no land alone tells."""
    return (int(kind[1:]) + int(land[1:])) % 3 == 0


def test_histories_of_items_without_words_are_read() -> None:
    def wordless(day: date) -> Batch:
        batch = days(day)
        histories = replace(batch.given.histories, words={})
        return replace(batch, given=replace(batch.given, histories=histories))

    fitted = deep.fit(wordless, SPLIT, _CONFIG, 3)

    assert fitted.reads_histories
    scores = fitted.score(wordless(NIGHT).given)["click"]
    assert np.ptp(scores) > 0
