"""Splits texts into words: one rule for what users search for and what items are called.

Shapes: T texts, W words.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import flat_lists

_BETWEEN_WORDS: Final = r"[^\p{L}\p{M}\p{N}]+"


def words_of(texts: pa.ChunkedArray) -> tuple[np.ndarray, pa.StringArray]:
    """List the words of texts: runs of letters, marks and digits, in lower case.

    Texts are brought into one Unicode form (NFKC) first: what looks alike is alike.

    Args:
        texts: T strings, null where there is none.

    Returns:
        text_W: int64, the text that each word is of, ascending.
        words: W strings in the order of the text, repeated ones too.
    """
    said = pc.fill_null(texts, "").combine_chunks()
    lower = pc.utf8_lower(pc.utf8_normalize(said, form="NFKC"))
    text, words = flat_lists(pc.split_pattern_regex(lower, pattern=_BETWEEN_WORDS))
    is_word = pc.not_equal(words, "")
    return text[is_word.to_numpy(zero_copy_only=False)], words.filter(is_word)
