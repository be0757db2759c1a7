from dataclasses import replace

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import csr_array

from tests.training.retrieval.source_conformance import unseen
from training.retrieval import interests, interests_ward
from training.retrieval.interactions import Interactions
from training.retrieval.interests import Interests, InterestsConfig
from training.retrieval.source import NO_ITEM, lists

NUM_CIRCLES = 4
CIRCLE = 40
NUM_ITEMS = NUM_CIRCLES * CIRCLE + 1
"""The last item is touched by nobody."""
PLAIN = InterestsConfig(
    rank=NUM_CIRCLES, content_share=0.0, long_decay=1.0, short_share=0.0, recency=1.0, max_cost=1.2
)
"""Everything touched counts alike."""
TWO_TO_ONE = [0, 1, 40, 2, 3, 41, 4, 5, 42, 6, 7, 43]
"""Eight items of the first circle, four of the second."""


def circles() -> Interactions:
    """Users who touched ten items of one circle each."""
    rng = np.random.default_rng(5)
    own = [rng.permutation(CIRCLE)[:10] + user % NUM_CIRCLES * CIRCLE for user in range(240)]
    return Interactions.of([items.tolist() for items in own], num_items=NUM_ITEMS)


def fitted(config: InterestsConfig = PLAIN) -> Interests:
    return interests.fit(circles(), config=config, seed=1)


def test_two_interests_get_places_in_proportion_to_what_was_touched() -> None:
    asked = unseen([TWO_TO_ONE], num_items=NUM_ITEMS)

    several = lists(fitted(), asked, num_items=12).item_UK[0] // CIRCLE
    single = lists(fitted(replace(PLAIN, max_interests=1)), asked, num_items=12).item_UK[0]

    for places in (6, 12):
        assert np.bincount(several[:places]).tolist() == [places * 2 // 3, places // 3]
    assert (single // CIRCLE == 0).all()


def test_what_a_user_knows_takes_no_place_of_his_interest() -> None:
    known = [*range(30), 40, 41]

    listed = lists(fitted(), unseen([known], num_items=NUM_ITEMS), num_items=10).item_UK[0]

    assert (listed < CIRCLE).sum() >= 9


def test_interests_are_given_the_strongest_first() -> None:
    found = fitted().interests(unseen([TWO_TO_ONE, [], [85]], num_items=NUM_ITEMS))

    assert found.indptr.tolist() == [0, 2, 2, 3]
    np.testing.assert_allclose(found.strength_C, [2 / 3, 1 / 3, 1], rtol=1e-6)
    assert found.medoid_C[0] in range(8)
    assert found.medoid_C[1:].tolist()[1] == 85
    assert found.medoid_C[1] in range(40, 44)
    np.testing.assert_allclose(np.linalg.norm(found.vector_CD, axis=1), 1, rtol=1e-5)


def test_the_short_term_goes_to_what_was_touched_last() -> None:
    config = replace(PLAIN, short_decay=0.1, short_share=1.0)

    found = fitted(config).interests(unseen([[0, 1, 2, 3, 40, 41]], num_items=NUM_ITEMS))

    assert found.medoid_C[0] in (40, 41)
    assert found.strength_C[0] > 0.98


def test_an_item_that_nobody_touched_is_found_by_its_content() -> None:
    circle_I = np.r_[np.repeat(np.arange(NUM_CIRCLES), CIRCLE), 1]
    attribute_IA = csr_array(np.eye(NUM_CIRCLES, dtype=np.float32)[circle_I])
    described = replace(circles(), attribute_IA=attribute_IA)
    asked = unseen([[0, 1, 2], [40, 41, 42]], num_items=NUM_ITEMS)

    source = interests.fit(described, config=replace(PLAIN, content_share=0.5), seed=1)
    listed = lists(source, asked, num_items=CIRCLE).item_UK

    assert NUM_ITEMS - 1 not in listed[0][: CIRCLE - 3]
    assert NUM_ITEMS - 1 in listed[1][: CIRCLE - 2]
    assert NUM_ITEMS - 1 not in lists(fitted(), asked, num_items=NUM_ITEMS).item_UK


def test_scores_are_the_same_bits_alone_and_in_a_block() -> None:
    source, histories = fitted(), circles().taken(np.arange(20))

    whole = source.score_users(histories)

    alone = np.vstack([source.score_users(one) for one in histories.blocks(1)])
    np.testing.assert_array_equal(whole, alone)


@pytest.mark.parametrize("seed", range(4))
def test_clusters_are_those_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors_LD = rng.standard_normal((60, 5)).astype(np.float32)

    by_cost, num = interests_ward.clusters(vectors_LD, np.array([0, 60]), 6.0, 60)
    by_num, _ = interests_ward.clusters(vectors_LD, np.array([0, 60]), 0.0, 7)

    # scipy's distance is the root of what is called cost here.
    tree = linkage(vectors_LD.astype(np.float64), "ward")
    same_clusters(by_cost, fcluster(tree, np.sqrt(6.0), "distance"))
    same_clusters(by_num, fcluster(tree, 7, "maxclust"))
    assert num.tolist() == [by_cost.max() + 1]


def test_users_are_clustered_apart() -> None:
    vectors_ND = np.array([[1, 0], [0, 1], [1, 0], [1, 0]], np.float32)

    label_N, num_U = interests_ward.clusters(vectors_ND, np.array([0, 3, 3, 4]), 1.0, 8)

    assert label_N.tolist() == [0, 1, 0, 0]
    assert num_U.tolist() == [2, 0, 1]


def same_clusters(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_array_equal(one[:, None] == one, other[:, None] == other)


def test_a_list_ends_where_interests_have_no_more_places() -> None:
    source = fitted(replace(PLAIN, num_places=5))

    listed = lists(source, unseen([[0, 1]], num_items=NUM_ITEMS), num_items=10).item_UK[0]

    assert (listed != NO_ITEM).sum() <= 5
