from itertools import pairwise

import numpy as np

from etl.surfaces import PRODUCT_FEED, SHORT_VIDEOS
from tests.training.known_evening import Row, batch_of, shelf_of, visit
from training.retrieval.shelf import MAX_PER_WORD, Listed, Shelf

ROWS: tuple[Row, ...] = (
    {"item_no": 1, "host_id": "h", "title": "red hat", "num_clicks_7d": 1},
    {"item_no": 2, "host_id": "h", "title": "red shoe", "num_clicks_7d": 5},
    {"item_no": 3, "host_id": "g", "title": None, "num_clicks_7d": 5, "category": "c"},
    {"item_no": 4, "host_id": "h", "title": "red", "num_clicks_7d": 9, "is_eligible": False},
    {"item_no": 5, "item_type": "short_video", "product_ids": ["p1", "p3", "p1", "gone"]},
    {"item_no": 6, "item_type": "short_video", "product_ids": ["p3"], "num_clicks_7d": 1},
)


def listed(shelf: Shelf, lists: Listed, names: list) -> dict:
    numbers = shelf.items.item_no_N[lists.place_N].tolist()
    starts = lists.indptr.tolist()
    every = (numbers[a:b] for a, b in pairwise(starts))
    return {name: own for name, own in zip(names, every, strict=True) if own}


def test_eligible_items_stand_under_host_and_category_the_most_clicked_first() -> None:
    shelf = shelf_of(*ROWS)
    hosts, categories = (shelf.items.words(w).to_pylist() for w in ("host_id", "category"))
    assert listed(shelf, shelf.by_host, hosts) == {"h": [2, 1], "g": [3]}
    assert listed(shelf, shelf.by_category, categories) == {"c": [3]}


def test_a_product_lists_what_shows_it() -> None:
    shelf = shelf_of(*ROWS, surface=SHORT_VIDEOS)
    numbers = shelf.items.item_no_N.tolist()
    assert listed(shelf, shelf.by_product, numbers) == {1: [5], 3: [6, 5]}


def test_a_word_lists_the_titles_that_have_it_and_weighs_by_how_few() -> None:
    shelf = shelf_of(*ROWS)
    words = shelf.items.title_vocabulary.to_pylist()
    assert listed(shelf, shelf.by_title_word, words) == {"red": [2, 1], "hat": [1], "shoe": [2]}
    weight = dict(zip(words, shelf.word_weight.tolist(), strict=True))
    assert weight["hat"] == weight["shoe"] == np.log(4) > weight["red"] == np.log(2.5)


def test_a_word_of_many_titles_lists_the_most_clicked() -> None:
    num_items = MAX_PER_WORD + 5
    rows = ({"item_no": n, "title": "it", "num_clicks_7d": n} for n in range(num_items))
    shelf = shelf_of(*rows)
    [items] = listed(shelf, shelf.by_title_word, ["it"]).values()
    assert items == list(range(num_items - 1, 4, -1))


def test_visits_to_other_surfaces_items_are_left_out() -> None:
    batch = batch_of({"short": [visit(n) for n in (1, 5, 99, 6, 2)]}, None)
    products = shelf_of(*ROWS, surface=PRODUCT_FEED).own(batch)
    videos = shelf_of(*ROWS, surface=SHORT_VIDEOS).own(batch)
    # Of item 99 nothing is known any more: it may have been of any type.
    assert products.short.numbers("item_no").tolist() == [1, 99, 2]
    assert videos.short.numbers("item_no").tolist() == [5, 99, 6]
