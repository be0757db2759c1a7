"""Items whose titles hold the words that a user searched for in the last week.

Nothing is learned: the source reads features/user_daily.query_words. A word counts by how few
titles have it, and half after three days; a title counts as one of its length.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from training.retrieval.proposals import Proposals, from_lists, strongest, summed
from training.retrieval.shelf import Shelf
from training.user_side import DAY_US, UserBatch, codes_in


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchedConfig:
    """How searches are remembered."""

    half_life_days: float = 3.0
    """Days after which a search counts half."""


def propose(batch: UserBatch, shelf: Shelf, *, num_items: int, config: SearchedConfig) -> Proposals:
    """Propose items by Σ word weight · 2^(−age / half-life) / √(words of the title)."""
    searched, items = batch.query_words, shelf.items
    code = codes_in(searched.words("word"), items.title_vocabulary)
    searched_day = searched.elements.field("searched_date").cast(pa.int32()).to_numpy()
    age_days = batch.evening_us // DAY_US - 1 - searched_day
    weight = np.exp2(-age_days / config.half_life_days)
    listed = shelf.by_title_word
    query, element, _ = from_lists(code, listed.indptr)
    place = listed.place_N[element]
    num_words = np.diff(items.title_indptr)[place]
    score = weight[query] * shelf.word_weight[code[query]] / np.sqrt(num_words)
    found = summed(searched.row_N[query], items.item_no_N[place], score)
    return strongest(found, num_items)
