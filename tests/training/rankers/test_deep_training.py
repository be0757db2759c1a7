from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (NETWORKS=0)")

import torch
from sklearn.metrics import roc_auc_score

from tests.training.rankers.deep_worlds import EVERYTHING, PLANTED, drawn, planted, shaken
from training.rankers import deep_model, deep_training
from training.rankers.deep_config import Field, InvalidNetworkError, NetworkConfig
from training.rankers.deep_model import DeepModel
from training.rankers.deep_network import Network
from training.rankers.deep_rows import Events, Examples
from training.rankers.deep_scoring import Scorer
from training.rankers.deep_training import Learned, NothingToLearnError, TrainingConfig
from training.rankers.ranker import UnknownModelError

_TRAINING = TrainingConfig(
    num_epochs=2, batch_rows=64, learning_rate=5e-3, table_learning_rate=0.05, judged_each=150
)
_WITHOUT_HISTORY = replace(PLANTED, event_fields=())


def _learned(network: NetworkConfig, config: TrainingConfig = _TRAINING, seed: int = 1) -> Learned:
    blocks = [_given(planted(num_users=400, seed=number), network) for number in range(4)]
    stopping = [_given(planted(num_users=300, seed=50), network)]
    return deep_training.learn(
        [lambda block=block: block for block in blocks],
        [lambda block=block: block for block in stopping],
        network,
        config,
        seed,
    )


def _given(examples: Examples, network: NetworkConfig) -> Examples:
    if network.event_fields:
        return examples
    nothing = Events.nothing(examples.rows.num_users, network)
    return replace(examples, rows=replace(examples.rows, history=nothing, long=nothing))


@pytest.fixture(scope="module")
def learned() -> Learned:
    return _learned(PLANTED)


def _auc(network: Network, head: int, examples: Examples | None = None) -> float:
    asked = _given(examples or planted(num_users=1000, seed=99), network.config)
    is_first_N = asked.rows.place_N == 0
    score_NT = Scorer.of(network).score(asked.rows)[is_first_N]
    return float(roc_auc_score(asked.label_NT[is_first_N, head], score_NT[:, head]))


def test_a_planted_rule_of_histories_is_learned_and_not_without_them(learned: Learned) -> None:
    with_history, without = _auc(learned.network, 0), _auc(_learned(_WITHOUT_HISTORY).network, 0)

    assert with_history > 0.70
    assert without < 0.55


def test_it_ends_after_the_steps_it_is_given_and_is_judged_there() -> None:
    few = replace(_TRAINING, judged_each=5, stop_after=100, max_steps=12)

    assert len(_learned(PLANTED, few).judged) == 3
    assert len(_learned(PLANTED, replace(few, max_steps=10_000)).judged) > 3


def test_orders_are_learned_over_all_impressions(learned: Learned) -> None:
    asked = planted(num_users=600, seed=99)

    score_NT = Scorer.of(learned.network).score(asked.rows)

    is_even_N = asked.rows.code_NF[:, 0] % 2 == 0
    given_click_N = score_NT[:, 1] / score_NT[:, 0]
    assert given_click_N[is_even_N].mean() > 1.5 * given_click_N[~is_even_N].mean()
    assert _auc(learned.network, 1) > 0.8


def test_places_learn_what_they_do_and_chances_are_those_of_the_first(learned: Learned) -> None:
    asked = planted(num_users=600, seed=99)
    is_first_N = asked.rows.place_N == 0

    at_first = replace(asked.rows, place_N=torch.zeros_like(asked.rows.place_N))
    score_N = Scorer.of(learned.network).score(at_first)[:, 0]

    first, second, third = learned.network.places.weight[:, 0].tolist()
    assert (first, second, third) == pytest.approx((0, -0.7, -1.4), abs=0.15)
    observed = asked.label_NT[is_first_N, 0].mean()
    assert float(score_N[is_first_N].mean()) == pytest.approx(float(observed), rel=0.1)
    assert float(score_N[~is_first_N].mean()) == pytest.approx(float(observed), rel=0.1)


def test_an_item_never_seen_is_scored_by_its_category(learned: Learned) -> None:
    asked = planted(num_users=1000, seed=99)
    asked.rows.code_NF[:, 0] = 0

    assert _auc(learned.network, 0, asked) > 0.70


def test_losses_fall_and_the_best_weights_are_kept(learned: Learned) -> None:
    stopping = [lambda: planted(num_users=300, seed=50)]

    assert learned.judged[0] > min(learned.judged)
    assert deep_training.judge(learned.network, stopping) == pytest.approx(min(learned.judged))


def test_the_same_seed_gives_the_same_weights() -> None:
    short = replace(_TRAINING, num_epochs=1)

    first, again = (_learned(PLANTED, short).network.state_dict() for _ in range(2))
    other = _learned(PLANTED, short, seed=2).network.state_dict()

    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["table.weight"], other["table.weight"])


@pytest.mark.parametrize("change", [{"is_table_adam": True}, {"is_bfloat16": True}], ids=str)
def test_other_ways_to_learn_learn_too(change: dict[str, bool]) -> None:
    rates = {"table_learning_rate": 1e-2} if "is_table_adam" in change else {}

    short = replace(_TRAINING, num_epochs=1, **change, **rates)

    assert _auc(_learned(PLANTED, short).network, 0) > 0.65


def test_all_parts_learn_from_shares_and_unknown_labels() -> None:
    rows = drawn(EVERYTHING, [3] * 60, seed=1)
    rng = np.random.default_rng(1)
    label_NT = torch.from_numpy(rng.random((180, 4)).astype(np.float32))
    label_NT[:, [0, 1, 3]] = (label_NT[:, [0, 1, 3]] > 0.5).float()
    label_NT[::2, 2] = torch.nan
    rows.dense_NE[::5] = torch.nan
    rows.dense_NE[::7, 1] = torch.inf
    examples = Examples(rows=rows, label_NT=label_NT, weight_N=torch.ones(180))
    torch.manual_seed(4)
    begun = Network(EVERYTHING)

    network = deep_training.learn(
        [lambda: examples],
        [lambda: examples],
        EVERYTHING,
        TrainingConfig(num_epochs=40, batch_rows=50, judged_each=40),
        seed=4,
    ).network

    assert deep_training.judge(network, [lambda: examples]) < 0.8 * deep_training.judge(
        begun, [lambda: examples]
    )
    known = torch.isfinite(rows.dense_NE[:, 1])
    even = torch.copysign(rows.dense_NE[known, 1].abs().log1p(), rows.dense_NE[known, 1])
    torch.testing.assert_close(network.candidate_dense.mean[1], even.mean())
    for name, weight in network.named_parameters():
        assert torch.isfinite(weight).all(), name


def test_an_example_that_stands_for_many_counts_as_many() -> None:
    examples = planted(num_users=30, seed=3)
    network = Network(PLANTED)
    weight_N = torch.ones(len(examples))
    weight_N[:10] = 3.0
    thrice, row_N = examples.rows.of_users(torch.arange(30))

    weighed = deep_training.judge(network, [lambda: replace(examples, weight_N=weight_N)])

    first = examples.of_users(torch.tensor([0]))
    repeated = deep_training.judge(network, [lambda: examples, lambda: first, lambda: first])
    assert len(thrice) == len(row_N)
    assert weighed == pytest.approx(repeated, rel=1e-6)


def test_users_are_taken_with_all_that_is_theirs() -> None:
    examples = planted(num_users=5, seed=3, each=2)

    taken = examples.of_users(torch.tensor([3, 1]))

    assert taken.rows.user_N.tolist() == [0, 0, 1, 1]
    assert torch.equal(taken.rows.code_NF, examples.rows.code_NF[[6, 7, 2, 3]])
    assert torch.equal(taken.rows.history.code_ULG, examples.rows.history.code_ULG[[3, 1]])
    assert torch.equal(taken.label_NT, examples.label_NT[[6, 7, 2, 3]])


def test_nothing_to_learn_from_is_said() -> None:
    nothing, some = planted(num_users=0, seed=1), planted(num_users=5, seed=1)

    for blocks, stopping in (([nothing], [some]), ([some], [nothing])):
        with pytest.raises(NothingToLearnError):
            deep_training.learn(
                [lambda b=blocks[0]: b], [lambda s=stopping[0]: s], PLANTED, _TRAINING, seed=1
            )


def test_saved_and_loaded_scores_are_alike() -> None:
    torch.manual_seed(1)
    model = DeepModel.of(shaken(Network(EVERYTHING)))
    rows = drawn(EVERYTHING, (5, 0, 9), seed=1)

    loaded = deep_model.load(model.save())

    assert loaded.network.config == EVERYTHING
    wanted, found = model.score(rows), loaded.score(rows)
    assert list(found) == ["click", "order", "watch", "cart"]
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name], strict=True)


def test_files_that_are_no_model_are_refused() -> None:
    files = DeepModel.of(Network(PLANTED)).save()
    weights, config = files["network.safetensors"], files["config.json"]
    larger = Network(replace(PLANTED, user_fields=(Field(name="segment", size=9),)))

    for broken in (
        {"config.json": config},
        {"config.json": config, "network.safetensors": weights[: len(weights) // 2]},
        {"config.json": config[:-9], "network.safetensors": weights},
        {"config.json": config.replace(b'"version": 1', b'"version": 2'), **_only(weights)},
        {"config.json": config, **_only(DeepModel.of(larger).save()["network.safetensors"])},
    ):
        with pytest.raises(UnknownModelError):
            deep_model.load(broken)


def _only(weights: bytes) -> dict[str, bytes]:
    return {"network.safetensors": weights}


def test_blocks_that_do_not_fit_are_refused() -> None:
    other = replace(PLANTED, num_candidate_dense=2)

    with pytest.raises(InvalidNetworkError, match="2 candidate's numbers"):
        _learned(other)
