from datetime import timedelta
from math import log, sqrt

import numpy as np
import pytest

from tests.training.known_evening import EVENING, Row, batch_of, shelf_of
from training.retrieval.searched import SearchedConfig, propose

CONFIG = SearchedConfig(half_life_days=3.0)
WORDS = ("red", "blue", "hat", "shoe", "xl", "été")


def slowly(searched: dict[str, int], items: list[Row]) -> dict[int, float]:
    """Scores by item; ``searched`` says how many days ago."""
    titles = {i["item_no"]: set(i["title"].split()) for i in items if i["is_eligible"]}
    score: dict[int, float] = {}
    for item, title in titles.items():
        for word in title & searched.keys():
            num_with = sum(word in other for other in titles.values())
            weight = log(1 + len(titles) / num_with) * 0.5 ** (searched[word] / 3)
            score[item] = score.get(item, 0.0) + weight / sqrt(len(title))
    return score


@pytest.mark.parametrize("seed", range(5))
def test_titles_are_found_by_the_words_of_recent_searches(seed: int) -> None:
    rng = np.random.default_rng(seed)
    items = [
        {
            "item_no": n,
            "title": " ".join(rng.choice(WORDS, rng.integers(1, 5))),
            "is_eligible": bool(rng.random() < 0.8),
        }
        for n in range(20)
    ]
    searched = [
        {str(word): int(rng.integers(7)) for word in rng.choice([*WORDS, "none"], 3)}
        for _ in range(3)
    ]
    said = [
        {
            "query_words": [
                {"word": word, "searched_date": EVENING - timedelta(days=age)}
                for word, age in own.items()
            ]
        }
        for own in searched
    ]

    batch = batch_of(*({} for _ in said), said=said)
    found = propose(batch, shelf_of(*items), num_items=8, config=CONFIG)

    for user, own in enumerate(searched):
        score = slowly(own, items)
        mine = found.user_P == user
        best = sorted(score.values(), reverse=True)[:8]
        np.testing.assert_allclose(found.score_P[mine], best, rtol=1e-6)
        told = dict(zip(found.item_P[mine].tolist(), found.score_P[mine].tolist(), strict=True))
        assert told == {item: pytest.approx(score[item]) for item in told}


def test_without_searches_or_titles_nothing_is_proposed() -> None:
    said = [{"query_words": [{"word": "red", "searched_date": EVENING}]}, {}]
    batch = batch_of({}, {}, said=said)
    for title in (None, "blue"):
        shelf = shelf_of({"item_no": 1, "title": title})
        assert not len(propose(batch, shelf, num_items=5, config=CONFIG).item_P)
