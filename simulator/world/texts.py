"""Puts the shop's words together: ids, titles and descriptions, whole columns at a time.

The words themselves are in ``simulator.world.words``.

Shapes: N items, H hosts, D style dimensions.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.config import ShopConfig
from simulator.seeds import generator
from simulator.world.items import BRANDS_PER_TOPIC, SLOT, VIDEO, Items, num_sellers
from simulator.world.topics import NUM_VARIETIES, Topics, all_varieties
from simulator.world.words import POLES, SYLLABLES

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_VIDEO_STARTS: Final = (
    "How I use my",
    "Unboxing:",
    "3 ideas for a",
    "Which",
    "✨ My new",
    "Wie pflegt man:",
)


class Wording:
    """The words that items of each topic carry, looked up in columns."""

    def __init__(self, config: ShopConfig, topics: Topics) -> None:
        self._num_topics = len(topics)
        self._nouns = pa.array(topics.nouns())
        self._aspects = pa.array([word for words in topics.aspects() for word in words])
        self._num_aspects = len(topics.aspects()[0])
        invented = all_varieties(len(topics), config.seed)
        self._varieties = pa.array([w for topics_ in invented for words in topics_ for w in words])
        self._poles = pa.array([word for pair in POLES for word in pair])

    def noun(self, topic: np.ndarray) -> pa.StringArray:
        """Look the topic's word up."""
        return self._nouns.take(pa.array(topic))

    def aspect(self, topic: np.ndarray, rng: np.random.Generator) -> pa.StringArray:
        """Draw a word of the department."""
        draw = rng.integers(self._num_aspects, size=len(topic))
        return self._aspects.take(pa.array(topic.astype(np.int64) * self._num_aspects + draw))

    def variety(
        self, topic: np.ndarray, language: np.ndarray, rng: np.random.Generator
    ) -> pa.StringArray:
        """Draw one of the topic's invented words in a language."""
        row = language.astype(np.int64) * self._num_topics + topic
        draw = rng.integers(NUM_VARIETIES, size=len(topic))
        return self._varieties.take(pa.array(row * NUM_VARIETIES + draw))

    def pole(self, style_ND: np.ndarray, place: int) -> pa.StringArray:
        """Name the end of the dimension in which a style stands out most (0), or second (1)."""
        dimension = np.argsort(-np.abs(style_ND), axis=1, kind="stable")[:, place]
        is_high = style_ND[np.arange(len(style_ND)), dimension] > 0
        return self._poles.take(pa.array(2 * dimension + is_high))


def joined(*words: pa.StringArray | str, sep: str = " ") -> pa.StringArray:
    """Join words row by row; a row with a null is null."""
    return pc.binary_join_element_wise(*words, sep)


def numbered(prefix: str, number: np.ndarray, width: int) -> pa.StringArray:
    """Write ids such as ``p0000042``."""
    return joined(prefix, _padded(number, width), sep="")


def host_ids(num_hosts: int) -> pa.StringArray:
    """Name every host."""
    return numbered("h", np.arange(num_hosts), 4)


def item_ids(items: Items) -> pa.StringArray:
    """Name every item."""
    weekday = pa.array(WEEKDAYS).take(pa.array(np.maximum(items.weekday_N, 0)))
    host = numbered("h", np.maximum(items.host_N, 0), 4)
    slot = joined(host, "@", weekday, "-", _padded(np.maximum(items.hour_N, 0), 2), sep="")
    product, video = numbered("p", items.number_N, 7), numbered("v", items.number_N, 7)
    return _by_type(items, product, slot, video)


def titles(
    config: ShopConfig, items: Items, wording: Wording, host_names: pa.StringArray
) -> pa.StringArray:
    """Give every item a title in words of its topic, its style and its language."""
    rngs = _generators(config, "titles", 4)
    noun, aspect = wording.noun(items.topic_N), wording.aspect(items.topic_N, rngs[0])
    variety = wording.variety(items.topic_N, items.language_N, rngs[1])
    second = wording.variety(items.topic_N, items.language_N, rngs[2])
    pole = wording.pole(items.style_ND, 0)
    own = joined(pc.utf8_capitalize(pole), aspect, noun, variety)
    product = pc.if_else(pa.array(items.language_N == 0), own, joined(variety, noun, second, pole))
    start = rngs[3].integers(len(_VIDEO_STARTS), size=len(items))
    video = joined(pa.array(_VIDEO_STARTS).take(pa.array(start)), pole, noun, variety)
    host = _looked_up(host_names, items.host_N)
    slot = joined(pc.utf8_capitalize(pole), noun, "live with", host, "·", variety)
    return _by_type(items, product, slot, video)


def descriptions(config: ShopConfig, items: Items, wording: Wording) -> pa.StringArray:
    """Give every item a description that says more than its title."""
    rngs = _generators(config, "descriptions", 5)
    topic, noun = items.topic_N, wording.noun(items.topic_N)
    first, second = wording.aspect(topic, rngs[0]), wording.aspect(topic, rngs[1])
    words = [wording.variety(topic, items.language_N, rng) for rng in rngs[2:]]
    poles = [wording.pole(items.style_ND, place) for place in (0, 1)]
    start = joined("A", poles[0], "and", poles[1], noun, sep=" ")
    about = joined(start, ", ", first, ", ", second, ". ", sep="")
    return joined(about, joined(*words), ".", sep="")


def brands(config: ShopConfig, items: Items, num_topics: int) -> pa.StringArray:
    """Name the brands of products; null elsewhere."""
    rng = generator(config.seed, "brands")
    return _looked_up(_invented(num_topics * BRANDS_PER_TOPIC, rng), items.brand_N)


def sellers(config: ShopConfig, items: Items) -> pa.StringArray:
    """Name the sellers of products; null elsewhere."""
    rng = generator(config.seed, "sellers")
    num = num_sellers(config)
    names = joined(_invented(num, rng), " & Co ", _padded(np.arange(num), 1), sep="")
    return _looked_up(names, items.seller_N)


def host_names(config: ShopConfig, num_hosts: int) -> pa.StringArray:
    """Name hosts as titles do."""
    return _invented(num_hosts, generator(config.seed, "host names"))


def _generators(config: ShopConfig, purpose: str, num: int) -> list[np.random.Generator]:
    """Start one generator a column: what one column draws moves no other, whatever its length."""
    return [generator(config.seed, f"{purpose} {column}") for column in range(num)]


def _invented(num: int, rng: np.random.Generator) -> pa.StringArray:
    """Invent capitalised words of three syllables."""
    syllables = pa.array(SYLLABLES["en"].split())
    parts = [syllables.take(pa.array(rng.integers(len(syllables), size=num))) for _ in range(3)]
    return pc.utf8_capitalize(joined(*parts, sep=""))


def _looked_up(words: pa.StringArray, place: np.ndarray) -> pa.StringArray:
    """Look words up; null where the place is negative."""
    return words.take(pa.array(place, mask=place < 0))


def _padded(number: np.ndarray, width: int) -> pa.StringArray:
    return pc.utf8_lpad(pa.array(number).cast(pa.string()), width=width, padding="0")


def _by_type(
    items: Items, product: pa.StringArray, slot: pa.StringArray, video: pa.StringArray
) -> pa.StringArray:
    is_slot, is_video = pa.array(items.type_N == SLOT), pa.array(items.type_N == VIDEO)
    return pc.if_else(is_slot, slot, pc.if_else(is_video, video, product))
