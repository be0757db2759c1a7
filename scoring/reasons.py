"""Says in one sentence why an item stands in a slate, from the sources that proposed it.

Imported by every reader: standard library only.
"""

from collections.abc import Sequence
from typing import Final

EXPLORED: Final = "to find out whether you like it"

_BY_SOURCE: Final = {
    "unfinished": "you began with it and have not finished",
    "followed_hosts": "by someone you follow",
    "searched": "fits what you searched for",
    "watched_products": "shown in what you watched",
    "showing_products": "shows what you looked at",
    "live_presence": "live when you are usually here, on what you like",
    "host_affinity": "by someone whose things you looked at",
    "covisitation": "often visited after what you looked at",
    "two_tower": "fits what you looked at, by what it is and who looks at it",
    "interests": "of one of the things that you come back to",
    "sasrec": "where paths like yours led next",
    "factors": "fits what you looked at, by what people of like taste choose",
    "linear_items": "goes with what you looked at",
    "low_pass": "of the kind that you look at",
    "propagation": "looked at by people who looked at the same things",
    "item_cf": "looked at by the same people as what you looked at",
    "item2vec": "stands near what you looked at",
    "content": "like what you looked at",
    "well_rated": "liked by most who saw it, and of a kind that you like",
    "popularity_in_categories": "popular in categories that you look at",
    "new_items": "new here",
    "latent_interests": "popular, and of a kind that you have not tried",
    "popularity_in_segment": "popular with people who use the app as you do",
    "popularity": "popular this week",
}
"""The most personal first: an item is explained by the first that proposed it."""


def sentence(sources: Sequence[str], *, is_exploration: bool) -> str:
    """Explain an item of a slate.

    A source without a sentence of its own is named: a new source must not break its readers.
    """
    if is_exploration:
        return EXPLORED
    for source, said in _BY_SOURCE.items():
        if source in sources:
            return said
    return "proposed by " + (" and ".join(sources).replace("_", " ") or "a rule")
