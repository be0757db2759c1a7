import numpy as np

from training.retrieval.interactions import Interactions
from training.retrieval.linear_items import LinearItemsConfig, fit

_USERS, _ITEMS = 60, 12


def histories() -> Interactions:
    rng = np.random.default_rng(5)
    lists = [rng.choice(_ITEMS, rng.integers(2, 7), replace=False).tolist() for _ in range(_USERS)]
    return Interactions.of(lists, num_items=_ITEMS, is_ordered=False)


def by_inverse(config: LinearItemsConfig) -> np.ndarray:
    """B by its definition, in float64."""
    touched = histories().matrix().toarray().astype(np.float64)
    weight = touched.sum(axis=1) ** -config.user_power
    gram = touched.T @ (weight[:, None] * touched)
    hidden = config.hidden_share / (1 - config.hidden_share)
    shrunk = gram + np.diag(config.l2 * weight.mean() + hidden * np.diag(gram))
    inverse = np.linalg.inv(shrunk)
    found = np.eye(_ITEMS) - inverse / np.diag(inverse)
    np.fill_diagonal(found, 0)
    return found


def test_weights_are_those_of_the_definition() -> None:
    config = LinearItemsConfig(l2=3.0, hidden_share=0.4, user_power=0.5)

    made = fit(histories(), config=config, seed=1)

    np.testing.assert_allclose(made.weight_TT, by_inverse(config), atol=1e-5)


def test_vectors_of_the_whole_graph_give_the_same_weights() -> None:
    config = LinearItemsConfig(l2=3.0, hidden_share=0.4, user_power=0.5, max_exact_items=0)

    made = fit(histories(), config=config, seed=1)

    found = made.left_IR @ made.right_RI
    np.fill_diagonal(found, 0)
    np.testing.assert_allclose(found, by_inverse(config), atol=1e-4)


def test_the_most_touched_items_are_solved_for_among_themselves() -> None:
    whole, config = histories(), LinearItemsConfig(l2=3.0, max_exact_items=5, rank=4)
    most = np.sort(np.argsort(-np.bincount(whole.item_N), kind="stable")[:5])

    made = fit(whole, config=config, seed=1)
    scores = made.score_users(Interactions.of([[int(most[0])]], num_items=_ITEMS))

    assert made.exact_T.tolist() == most.tolist()
    np.testing.assert_allclose(scores[0, most], made.weight_TT[0], atol=1e-6)
