from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (NETWORKS=0)")

import torch

from benchmarks import deep_plain
from tests.training.rankers.deep_worlds import EVERYTHING, drawn, shaken
from training.rankers.deep_config import Field, Head, InvalidNetworkError, NetworkConfig
from training.rankers.deep_heads import chances, losses
from training.rankers.deep_network import Network
from training.rankers.deep_rows import Events, Rows
from training.rankers.deep_scoring import Scorer

_COUNTS = (3, 0, 1, 40, 0, 7)
_CONFIGS = {
    "everything": EVERYTHING,
    "one field alone": NetworkConfig(candidate_fields=(Field(name="item", size=9),)),
    "no users": replace(EVERYTHING, user_fields=(), num_user_dense=0),
    "short history alone": replace(EVERYTHING, searched_by=None, num_experts=1, num_content=0),
    "one cross, wide search": replace(EVERYTHING, num_crosses=1, max_found=100),
    "without crosses": replace(EVERYTHING, num_crosses=0),
    "with a wide part": replace(EVERYTHING, num_wide=50),
}


def _network(config: NetworkConfig, seed: int = 1) -> Network:
    torch.manual_seed(seed)
    network = Network(config)
    shaken(network)
    return network


def _at_forward(network: Network, rows: Rows) -> torch.Tensor:
    with torch.inference_mode():
        return chances(network(rows), network.config.heads)


@pytest.mark.parametrize("config", _CONFIGS.values(), ids=_CONFIGS.keys())
def test_scoring_and_learning_and_the_papers_say_the_same(config: NetworkConfig) -> None:
    for seed in range(4):
        network, rows = _network(config, seed), drawn(config, _COUNTS, seed=seed)

        score_NT = Scorer.of(network).score(rows)

        torch.testing.assert_close(score_NT, deep_plain.scores(network, rows), atol=1e-5, rtol=0)
        torch.testing.assert_close(score_NT, _at_forward(network, rows), atol=1e-5, rtol=0)
        assert score_NT.std() > 0.01


def test_a_place_counts_for_what_comes_first_and_not_for_what_follows() -> None:
    network, rows = _network(EVERYTHING), drawn(EVERYTHING, _COUNTS, seed=5)
    placed = replace(rows, place_N=torch.arange(len(rows)) % 4)

    at_place_NT = _at_forward(network, placed)

    torch.testing.assert_close(at_place_NT, deep_plain.scores(network, placed), atol=1e-5, rtol=0)
    torch.testing.assert_close(Scorer.of(network).score(placed), at_place_NT, atol=1e-5, rtol=0)
    before, after = torch.logit(_at_forward(network, rows)), torch.logit(at_place_NT)
    torch.testing.assert_close(
        (after - before)[:, 0], network.places.weight[placed.place_N, 0].detach(), atol=1e-4, rtol=0
    )
    of_clicks = at_place_NT[:, 1] / at_place_NT[:, 0]
    wanted = _at_forward(network, rows)[:, 1] / _at_forward(network, rows)[:, 0]
    torch.testing.assert_close(of_clicks, wanted)


def test_what_stands_behind_a_history_changes_nothing() -> None:
    network, rows = _network(EVERYTHING), drawn(EVERYTHING, _COUNTS, seed=2)

    def longer(events: Events) -> Events:
        rubbish = drawn(EVERYTHING, _COUNTS, seed=9, short=events.code_ULG.shape[1] + 6).history
        length = events.code_ULG.shape[1]
        is_event_UL1 = (torch.arange(length) < events.length_U[:, None])[:, :, None]
        code_ULG, context_ULX = rubbish.code_ULG, rubbish.context_ULX
        code_ULG[:, :length] = events.code_ULG.where(is_event_UL1, code_ULG[:, :length])
        context_ULX[:, :length] = events.context_ULX.where(is_event_UL1, context_ULX[:, :length])
        return Events(code_ULG=code_ULG, context_ULX=context_ULX, length_U=events.length_U)

    padded = replace(rows, history=longer(rows.history), long=longer(rows.long))

    assert torch.equal(Scorer.of(network).score(padded), Scorer.of(network).score(rows))
    wanted = _at_forward(network, rows)
    torch.testing.assert_close(_at_forward(network, padded), wanted, atol=1e-6, rtol=0)


def test_a_users_scores_do_not_depend_on_who_stands_beside_him() -> None:
    network, rows = _network(EVERYTHING), drawn(EVERYTHING, (90, 30, 55, 0, 3), seed=3)
    scorer = Scorer.of(network)
    whole_NT = scorer.score(rows)

    for user, part_NT in enumerate(whole_NT.split([90, 30, 55, 0, 3])):
        assert torch.equal(scorer.score(rows.between(user, user + 1)), part_NT)
    turned, row_N = rows.of_users(torch.tensor([4, 2, 0]))
    assert torch.equal(scorer.score(turned), whole_NT[row_N])


def test_bfloat16_scores_are_near() -> None:
    network, rows = _network(EVERYTHING), drawn(EVERYTHING, _COUNTS, seed=4)

    near_NT = Scorer.of(network, torch.bfloat16).score(rows)

    wanted = Scorer.of(network).score(rows)
    assert near_NT.dtype is torch.float32
    assert not torch.equal(near_NT, wanted)
    torch.testing.assert_close(near_NT, wanted, atol=0.05, rtol=0)


def test_an_order_is_never_likelier_than_its_click() -> None:
    network, rows = _network(EVERYTHING), drawn(EVERYTHING, (200,), seed=6)

    score_NT = Scorer.of(network).score(rows)

    assert (score_NT[:, 1] <= score_NT[:, 0]).all()
    assert (score_NT[:, 3] <= score_NT[:, 0]).all()


def test_losses_are_those_of_the_chances_and_keep_their_digits() -> None:
    heads = (Head(name="click"), Head(name="order", after="click"))
    own_NT = torch.tensor([[0.3, -1.0], [-2.0, 0.5], [1.0, 2.0], [-60.0, -60.0], [30.0, 30.0]])
    label_NT = torch.tensor([[1.0, 0.0], [0.0, 0.3], [torch.nan, 1.0], [1.0, 1.0], [0.0, 0.0]])

    loss_NT = losses(own_NT, label_NT, heads)

    exact = own_NT.double().numpy()
    p_NT = 1 / (1 + np.exp(-exact))
    p_NT[:, 1] *= p_NT[:, 0]
    y_NT = label_NT.double().numpy()
    wanted = -(y_NT * np.log(p_NT) + (1 - y_NT) * np.log1p(-p_NT))
    wanted[2, 0] = 0
    np.testing.assert_allclose(loss_NT[:3], wanted[:3], rtol=1e-5)
    np.testing.assert_allclose(loss_NT[3:], [[60, 120], [30, 30 - np.log(2)]], rtol=1e-5)


def test_odd_numbers_are_missing_and_scores_stay_finite() -> None:
    network, rows = _network(EVERYTHING), drawn(EVERYTHING, _COUNTS, seed=7)
    odd = torch.tensor([torch.nan, torch.inf, -torch.inf, 3e38, -3e38])

    def with_odd(dense: torch.Tensor) -> torch.Tensor:
        return odd[torch.arange(dense.numel()) % len(odd)].view(dense.shape)

    given = replace(
        rows, dense_NE=with_odd(rows.dense_NE), user_dense_UE=with_odd(rows.user_dense_UE)
    )

    assert torch.isfinite(Scorer.of(network).score(given)).all()
    read = network.candidate_dense(torch.tensor([[torch.nan, 0.0, 3e38]]))
    assert read.tolist() == [[0.0, 0.0, 6.0, 1.0, 0.0, 0.0]]


def test_rows_that_a_network_does_not_read_are_refused_by_name() -> None:
    scorer, rows = Scorer.of(_network(EVERYTHING)), drawn(EVERYTHING, (2, 2), seed=8)
    beyond = rows.code_NF.clone()
    beyond[1, 1] = 6

    with pytest.raises(InvalidNetworkError, match=r"codes of category are 0 … 5, found 0?.*6"):
        scorer.score(replace(rows, code_NF=beyond))
    with pytest.raises(InvalidNetworkError, match="'brand'"):
        scorer.score(replace(rows, code_NF=rows.code_NF[:, :2]))
    with pytest.raises(InvalidNetworkError, match="3 candidate's numbers are read, rows have 2"):
        scorer.score(replace(rows, dense_NE=rows.dense_NE[:, :2]))
    with pytest.raises(InvalidNetworkError, match="must ascend"):
        scorer.score(replace(rows, user_N=rows.user_N.flip(0)))


def test_configurations_that_do_not_fit_are_refused() -> None:
    for change, said in (
        ({"event_fields": ("category",)}, "first fields"),
        ({"searched_by": "brand"}, "searched by"),
        ({"heads": (Head(name="order", after="click"),)}, "come after"),
        ({"user_fields": (Field(name="item", size=3),)}, "must differ"),
    ):
        with pytest.raises(InvalidNetworkError, match=said):
            Network(replace(EVERYTHING, **change))


def test_no_rows_have_no_scores() -> None:
    rows = drawn(EVERYTHING, (0, 0), seed=1)

    assert Scorer.of(_network(EVERYTHING)).score(rows).shape == (0, 4)
