from dataclasses import dataclass
from functools import lru_cache

import pytest

from tests.training.rankers import conformance
from tests.training.rankers.conformance import Implementation
from training.encode import EncoderConfig
from training.fields import FieldsConfig
from training.rankers import deep, ensemble, factorization, gbdt, lambdamart, logistic, wide_deep
from training.rankers.deep import DeepConfig
from training.rankers.deep_config import NetworkConfig
from training.rankers.deep_fitting import ReadConfig
from training.rankers.deep_training import TrainingConfig
from training.rankers.ensemble import EnsembleConfig
from training.rankers.factorization import FactorizationConfig
from training.rankers.gbdt import GbdtConfig
from training.rankers.lambdamart import LambdamartConfig
from training.rankers.logistic import LogisticConfig
from training.rankers.ranker import Ranker
from training.rankers.wide_deep import WideDeepConfig

SMALL_GBDT = GbdtConfig(
    num_rounds=60,
    learning_rate=0.15,
    max_depth=3,
    max_bin=32,
    encoder=EncoderConfig(min_count=10),
)
_LAMBDAMART = LambdamartConfig(
    num_rounds=60,
    learning_rate=0.15,
    max_depth=3,
    max_bin=32,
    encoder=EncoderConfig(min_count=10),
)
_FIELDS = FieldsConfig(words=EncoderConfig(min_count=10))
_STRENGTHS = (1e3, 1e6)
_LOGISTIC = LogisticConfig(hash_bits=12, fields=_FIELDS, strengths=_STRENGTHS)
_FACTORIZATION = FactorizationConfig(width=4, fields=_FIELDS, strengths=_STRENGTHS)
_LEARNING = TrainingConfig(
    num_epochs=5,
    batch_rows=100,
    learning_rate=1e-3,
    table_learning_rate=0.03,
    wide_learning_rate=0.003,
)
_READ = ReadConfig(fields=_FIELDS)
_WIDE_DEEP = WideDeepConfig(
    read=_READ, num_crossed=3, hash_bits=8, trunk=(16,), dropout=0.5, training=_LEARNING
)
SMALL_DEEP = DeepConfig(
    read=_READ,
    network=NetworkConfig(candidate_fields=(), width=4, num_crosses=0, trunk=(16,), dropout=0.5),
    training=_LEARNING,
    factors=_FACTORIZATION,
)
_ENSEMBLE = EnsembleConfig(gbdt=SMALL_GBDT, deep=SMALL_DEEP)
RANKERS = {
    "gbdt": Implementation(
        fit=lambda days, split, seed: gbdt.fit(days, split, SMALL_GBDT, seed), load=gbdt.load
    ),
    "lambdamart": Implementation(
        fit=lambda days, split, seed: lambdamart.fit(days, split, _LAMBDAMART, seed),
        load=lambdamart.load,
        is_level_of_stop=True,
    ),
    "logistic": Implementation(
        fit=lambda days, split, seed: logistic.fit(days, split, _LOGISTIC, seed),
        load=logistic.load,
    ),
    "factorization": Implementation(
        fit=lambda days, split, seed: factorization.fit(days, split, _FACTORIZATION, seed),
        load=factorization.load,
    ),
    "wide_deep": Implementation(
        fit=lambda days, split, seed: wide_deep.fit(days, split, _WIDE_DEEP, seed),
        load=wide_deep.load,
        tolerance=1e-5,
        least_found=0.75,
        learned=0.35,
    ),
    "deep": Implementation(
        fit=lambda days, split, seed: deep.fit(days, split, SMALL_DEEP, seed),
        load=deep.load,
        tolerance=1e-5,
        least_found=0.75,
        learned=0.35,
    ),
    "ensemble": Implementation(
        fit=lambda days, split, seed: ensemble.fit(days, split, _ENSEMBLE, seed),
        load=ensemble.load,
        tolerance=1e-5,
        learned=0.15,
    ),
}
"""One line for each ranker there is."""


@dataclass(frozen=True)
class Tried:
    """One ranker and what it learned from the planted days."""

    made: Implementation
    fitted: Ranker


@lru_cache
def tried_of(name: str) -> Tried:
    """Fit it once for all who ask in this process."""
    made = RANKERS[name]
    return Tried(made, made.fit(conformance.days, conformance.SPLIT, 7))


@pytest.fixture(scope="module", params=sorted(RANKERS))
def tried(request: pytest.FixtureRequest) -> Tried:
    return tried_of(request.param)


def test_scores_are_probabilities(tried: Tried) -> None:
    conformance.scores_are_probabilities(tried.fitted)


def test_the_same_seed_gives_the_same_scores(tried: Tried) -> None:
    conformance.same_seed_same_scores(tried.made.fit)


def test_a_loaded_model_scores_as_the_saved_one(tried: Tried) -> None:
    conformance.a_loaded_model_scores_as_the_saved_one(tried.fitted, tried.made.load)


def test_row_order_does_not_matter(tried: Tried) -> None:
    conformance.row_order_does_not_matter(tried.fitted, tried.made.tolerance)


def test_a_missing_column_is_refused_by_name(tried: Tried) -> None:
    conformance.a_missing_column_is_refused_by_name(tried.fitted)


def test_an_infinite_number_scores_as_a_missing_one(tried: Tried) -> None:
    conformance.an_infinite_number_scores_as_a_missing_one(tried.fitted)


def test_days_of_nothing_and_of_one_class_are_learned_from(tried: Tried) -> None:
    conformance.days_of_nothing_and_of_one_class_are_learned_from(tried.made.fit)


def test_days_without_a_click_make_a_ranker_that_expects_next_to_none(tried: Tried) -> None:
    conformance.days_without_a_click_make_a_ranker_that_expects_next_to_none(tried.made.fit)


def test_files_that_are_cut_off_are_refused(tried: Tried) -> None:
    conformance.files_that_are_cut_off_are_refused(tried.fitted, tried.made.load)


def test_without_histories_none_are_read(tried: Tried) -> None:
    assert not tried.fitted.reads_histories


def test_nothing_to_score_gives_no_scores(tried: Tried) -> None:
    conformance.nothing_to_score_gives_no_scores(tried.fitted)


def test_an_unseen_word_scores_as_a_missing_one(tried: Tried) -> None:
    conformance.an_unseen_word_scores_as_a_missing_one(tried.fitted)


def test_a_planted_pattern_is_found(tried: Tried) -> None:
    conformance.a_planted_pattern_is_found(tried.fitted, tried.made.least_found)


def test_probabilities_are_of_the_whole_though_negatives_were_sampled(tried: Tried) -> None:
    made = tried.made
    conformance.probabilities_are_of_the_whole_though_negatives_were_sampled(made.fit, made.learned)
