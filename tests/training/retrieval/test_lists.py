import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.retrieval.interactions import Interactions
from training.retrieval.source import NO_ITEM, lists


class Fixed:
    """Says the scores that it was given."""

    def __init__(self, scores_UI: np.ndarray) -> None:
        self.scores_UI = scores_UI

    def score_users(self, histories: Interactions) -> np.ndarray:
        return self.scores_UI[histories.user_U].copy()

    def save(self) -> dict[str, bytes]:
        return {}


@given(
    st.lists(st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), min_size=6, max_size=6)),
    st.integers(1, 8),
)
def test_the_best_come_first_and_ties_by_number(rows: list[list[float]], num: int) -> None:
    scores = np.array(rows, np.float32).reshape(-1, 6)
    histories = Interactions.of([[0]] * len(scores), num_items=6)

    found = lists(Fixed(scores), histories, num_items=num)

    for row, items in zip(scores, found.item_UK, strict=True):
        there = [item for item in range(1, 6) if row[item] > -np.inf]
        wanted = sorted(there, key=lambda item: (-row[item], item))[:num]
        assert items.tolist() == wanted + [NO_ITEM] * (num - len(wanted))


def test_interactions_keep_the_newest_of_repeats() -> None:
    histories = Interactions.of([[1, 2, 1], [], [0, 0]], num_items=3)

    once = histories.distinct()

    assert once.item_N.tolist() == [2, 1, 0]
    assert once.indptr.tolist() == [0, 2, 2, 3]
    assert histories.steps_back_N.tolist() == [2, 1, 0, 1, 0]
    assert histories.recent(0.5).toarray()[0].tolist() == [0, 1.25, 0.5]
    assert [len(block) for block in histories.blocks(2)] == [2, 1]
