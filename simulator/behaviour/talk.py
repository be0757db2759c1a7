"""Free texts: what users search for and what they say."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.world.texts import joined
from simulator.world.words import OPENINGS, SECONDS
from simulator.world.world import World

_BY_NOUN: Final = 0.5
"""Comments that name the thing, not its variety."""
_PLAIN: Final = 0.7
"""Searches for the thing alone."""
_LOUD: Final = 0.1
"""Searches in capitals."""


def comments(world: World, items: np.ndarray, rng: np.random.Generator) -> pa.StringArray:
    """Let users say something about items."""
    topic = world.items.topic_N[items]
    noun = world.wording.noun(topic)
    variety = world.wording.variety(topic, world.items.language_N[items], rng)
    word = pc.if_else(pa.array(rng.random(len(items)) < _BY_NOUN), noun, variety)
    pieces = [opening.partition("{0}") for opening in OPENINGS]
    said = pa.array(rng.integers(len(OPENINGS), size=len(items)))
    before = pa.array([piece[0] for piece in pieces]).take(said)
    after = pa.array([piece[2] for piece in pieces]).take(said)
    return joined(before, word, after, sep="")


def queries(world: World, topic: np.ndarray, rng: np.random.Generator) -> pa.StringArray:
    """Let users search for topics: the noun, an invented word, and often something behind it."""
    noun = pc.replace_substring(world.wording.noun(topic), "-", " ")
    variety = world.wording.variety(topic, np.zeros(len(topic), np.int8), rng)
    word = pc.if_else(pa.array(rng.random(len(topic)) < _PLAIN), noun, joined(variety, noun))
    second = pa.array(SECONDS).take(pa.array(rng.integers(len(SECONDS), size=len(topic))))
    said = pc.utf8_rtrim_whitespace(joined(word, second))
    return pc.if_else(pa.array(rng.random(len(topic)) < _LOUD), pc.utf8_upper(said), said)
