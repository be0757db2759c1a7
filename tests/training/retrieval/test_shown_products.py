"""From what a user watched to the products it shows, and from products to what shows them."""

import numpy as np
import pytest

from etl.surfaces import PRODUCT_FEED, SHORT_VIDEOS
from tests.training.known_evening import Row, batch_of, own_item, shelf_of
from training.retrieval import showing_products, watched_products
from training.retrieval.proposals import Proposals

NUM_PRODUCTS, NUM_VIDEOS = 12, 8


def drawn(rng: np.random.Generator) -> tuple[list[Row], list[Row]]:
    """Products and videos that show some of them, and three users who touched both."""
    products = [
        {"item_no": n, "is_eligible": bool(rng.random() < 0.8)} for n in range(NUM_PRODUCTS)
    ]
    videos = [
        {
            "item_no": NUM_PRODUCTS + n,
            "item_type": "short_video",
            "product_ids": [f"p{k}" for k in rng.integers(0, NUM_PRODUCTS + 3, 4)],
        }
        for n in range(NUM_VIDEOS)
    ]
    states = [
        {
            "items": [
                own_item(n, num_clicks=1, affinity=float(rng.integers(3)))
                for n in np.flatnonzero(rng.random(NUM_PRODUCTS + NUM_VIDEOS + 2) < 0.4).tolist()
            ]
        }
        for _ in range(3)
    ]
    return [*products, *videos], states


def shows(item: Row) -> set[int]:
    named = {int(name[1:]) for name in item.get("product_ids") or ()}
    return {number for number in named if number < NUM_PRODUCTS}


def same(found: Proposals, user: int, score: dict[int, float]) -> None:
    best = sorted(score.items(), key=lambda pair: (-np.float32(pair[1]), pair[0]))[:5]
    own = found.user_P == user
    assert found.item_P[own].tolist() == [item for item, _ in best]
    np.testing.assert_allclose(found.score_P[own], [value for _, value in best], rtol=1e-6)


def decayed(own: Row) -> float:
    """Affinities are of a day ago."""
    return own["affinity"] * 0.5 ** (1 / 7)


@pytest.mark.parametrize("seed", range(5))
def test_what_he_watched_proposes_the_products_it_shows(seed: int) -> None:
    items, states = drawn(np.random.default_rng(seed))
    known = {item["item_no"]: item for item in items}
    shelf = shelf_of(*items, surface=PRODUCT_FEED)

    found = watched_products.propose(batch_of(*states), shelf, num_items=99)

    for user, state in enumerate(states):
        score: dict[int, float] = {}
        for own in state["items"]:
            shown = shows(known.get(own["item_no"], {}))
            for product in shown if own["affinity"] else ():
                score[product] = score.get(product, 0.0) + decayed(own) / len(shown) ** 0.5
        told = found.item_P[found.user_P == user]
        assert set(told.tolist()) == {item for item in score if known[item]["is_eligible"]}
        first = watched_products.propose(batch_of(*states), shelf, num_items=5)
        same(first, user, {item: score[item] for item in told.tolist()})


@pytest.mark.parametrize("seed", range(5))
def test_what_shows_his_products_is_proposed(seed: int) -> None:
    items, states = drawn(np.random.default_rng(seed))
    shelf = shelf_of(*items, surface=SHORT_VIDEOS)

    found = showing_products.propose(batch_of(*states), shelf, num_items=5)

    for user, state in enumerate(states):
        affinity = {own["item_no"]: decayed(own) for own in state["items"] if own["affinity"]}
        score: dict[int, float] = {}
        for video in items[NUM_PRODUCTS:]:
            shown = shows(video)
            touched = [affinity[n] for n in sorted(shown) if n in affinity]
            if touched:
                score[video["item_no"]] = sum(touched) / len(shown) ** 0.5
        same(found, user, score)


def test_a_log_that_attaches_nothing_proposes_nothing() -> None:
    batch = batch_of({"items": [own_item(1, num_clicks=1)]})
    shelf = shelf_of({"item_no": 1}, {"item_no": 2, "item_type": "short_video"})
    for source in (watched_products, showing_products):
        assert not len(source.propose(batch, shelf, num_items=5).item_P)
