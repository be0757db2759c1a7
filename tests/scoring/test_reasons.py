from itertools import combinations

import pytest

from etl.tables.retrieval import SOURCE_CODES
from scoring.reasons import EXPLORED, sentence


@pytest.mark.parametrize("source", SOURCE_CODES)
def test_every_source_says_in_words_why(source: str) -> None:
    said = sentence([source], is_exploration=False)
    assert not said.startswith("proposed by")


def test_no_two_sources_say_the_same() -> None:
    said = {source: sentence([source], is_exploration=False) for source in SOURCE_CODES}
    assert all(said[one] != said[other] for one, other in combinations(said, 2))


def test_the_most_personal_reason_is_given_and_what_was_drawn_says_so() -> None:
    sources = ["popularity", "followed_hosts", "new_items"]
    assert sentence(sources, is_exploration=False) == "by someone you follow"
    assert sentence(sources, is_exploration=True) == EXPLORED


def test_a_source_that_readers_do_not_know_yet_is_named() -> None:
    assert sentence(["tea_leaves"], is_exploration=False) == "proposed by tea leaves"
