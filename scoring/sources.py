"""Every candidate source by its name, behind one signature.

A source is a function of a batch of users and what the evening holds for all of them. To add one:
a line here, its code in ``etl.tables.retrieval``, its share in ``scoring.mixes``, its sentence in
``scoring.reasons``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from etl.tables.retrieval import LEARNED, SOURCE_CODES
from scoring.mixes import CandidatesConfig
from training.retrieval import (
    covisitation,
    followed_hosts,
    host_affinity,
    latent_interests,
    live_presence,
    new_items,
    popularity,
    searched,
    showing_products,
    unfinished,
    watched_products,
    well_rated,
)
from training.retrieval.proposals import Proposals
from training.retrieval.shelf import Shelf
from training.retrieval.source_lists import SourceLists
from training.user_side import UserBatch


@dataclass(frozen=True, slots=True)
class Asked:
    """A batch of users on one evening, and what its surface may show."""

    batch: UserBatch
    shelf: Shelf
    lists: SourceLists
    config: CandidatesConfig


Source = Callable[[Asked, int], Proposals]


def _learned(name: str) -> Source:
    """Ask what a learned source was last fitted as; without a model nothing is proposed."""

    def asked(a: Asked, num_items: int) -> Proposals:
        model = a.lists.models.get(name)
        return model.propose(a.batch, a.shelf, num_items=num_items) if model else Proposals.none()

    return asked


SOURCES: Final[Mapping[str, Source]] = {
    "popularity": lambda a, n: popularity.propose(a.batch, a.lists, num_items=n),
    "popularity_in_categories": lambda a, n: popularity.propose_in_categories(
        a.batch, a.lists, num_items=n, num_categories=a.config.num_categories
    ),
    "popularity_in_segment": lambda a, n: popularity.propose_in_segment(
        a.batch, a.lists, num_items=n
    ),
    "covisitation": lambda a, n: covisitation.propose(
        a.batch, a.lists, num_items=n, config=a.config.seeds
    ),
    "unfinished": lambda a, n: unfinished.propose(a.batch, a.shelf.items, num_items=n),
    "new_items": lambda a, n: new_items.propose(
        a.batch, a.lists, num_items=n, num_categories=a.config.num_categories
    ),
    "watched_products": lambda a, n: watched_products.propose(a.batch, a.shelf, num_items=n),
    "showing_products": lambda a, n: showing_products.propose(a.batch, a.shelf, num_items=n),
    "host_affinity": lambda a, n: host_affinity.propose(a.batch, a.shelf, num_items=n),
    "followed_hosts": lambda a, n: followed_hosts.propose(a.batch, a.shelf, num_items=n),
    "live_presence": lambda a, n: live_presence.propose(
        a.batch, a.shelf, num_items=n, config=a.config.presence
    ),
    "well_rated": lambda a, n: well_rated.propose(
        a.batch, a.shelf, num_items=n, config=a.config.well_rated
    ),
    "searched": lambda a, n: searched.propose(
        a.batch, a.shelf, num_items=n, config=a.config.searched
    ),
    "latent_interests": lambda a, n: latent_interests.propose(
        a.batch, a.lists, surface=a.shelf.surface.name, num_items=n, config=a.config.latent
    ),
    **{name: _learned(name) for name in LEARNED},
}


def propose(asked: Asked) -> Iterator[tuple[str, Proposals]]:
    """Ask every source of the surface's mix, in the order of their codes."""
    for name in sorted(asked.config.mix, key=SOURCE_CODES.__getitem__):
        if num_items := asked.config.mix[name].num_items:
            yield name, SOURCES[name](asked, num_items)
