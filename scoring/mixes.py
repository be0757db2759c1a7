"""Which sources propose on which surface, how many items, and with what weight: one line each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from training.retrieval.covisitation import SeedConfig
from training.retrieval.latent_response import LatentConfig
from training.retrieval.live_presence import PresenceConfig
from training.retrieval.searched import SearchedConfig
from training.retrieval.well_rated import WellRatedConfig


@dataclass(frozen=True, slots=True)
class Share:
    """A source's part in the candidates of a surface."""

    num_items: int
    """Items it proposes to one user; 0 proposes none."""
    weight: float
    """Weight of its reciprocal ranks in the fused score."""


_LEARNED: Final[Mapping[str, Share]] = {
    "factors": Share(60, 0.5),
    "linear_items": Share(60, 0.3),
    "item2vec": Share(60, 0.4),
    "content": Share(60, 0.5),
    "sasrec": Share(60, 0.3),
    "two_tower": Share(60, 0.35),
    # What these know the others know too (docs/experiments.md): a number of items brings one in.
    "item_cf": Share(0, 0.2),
    "propagation": Share(0, 0.2),
    "low_pass": Share(0, 0.3),
    "interests": Share(0, 0.35),
}
"""Weights near those that a shop's and RetailRocket's visitors taught, where none are learned."""

MIXES: Final[Mapping[str, Mapping[str, Share]]] = {
    "product_feed": {
        "popularity": Share(200, 0.3),
        "popularity_in_categories": Share(60, 0.4),
        "popularity_in_segment": Share(60, 0.2),
        "covisitation": Share(150, 1.0),
        "unfinished": Share(60, 1.5),
        "new_items": Share(20, 0.1),
        "watched_products": Share(60, 0.8),
        "well_rated": Share(200, 2.5),
        "searched": Share(60, 1.0),
        "latent_interests": Share(30, 0.3),
        **_LEARNED,
    },
    "live_streams": {
        "popularity": Share(100, 0.3),
        "popularity_in_categories": Share(60, 0.4),
        "popularity_in_segment": Share(60, 0.2),
        "covisitation": Share(60, 0.5),
        "unfinished": Share(40, 0.8),
        "new_items": Share(20, 0.1),
        "showing_products": Share(60, 0.6),
        "well_rated": Share(100, 0.5),
        "host_affinity": Share(60, 1.0),
        "followed_hosts": Share(60, 1.0),
        "live_presence": Share(100, 1.0),
        "searched": Share(20, 0.3),
        "latent_interests": Share(20, 0.2),
        **_LEARNED,
    },
    "short_videos": {
        "popularity": Share(200, 0.3),
        "popularity_in_categories": Share(100, 0.6),
        "popularity_in_segment": Share(60, 0.2),
        "covisitation": Share(150, 1.0),
        "unfinished": Share(40, 0.5),
        "new_items": Share(40, 0.2),
        "showing_products": Share(60, 0.5),
        "well_rated": Share(200, 2.5),
        "host_affinity": Share(60, 0.5),
        "followed_hosts": Share(60, 0.7),
        "searched": Share(30, 0.4),
        "latent_interests": Share(30, 0.3),
        **_LEARNED,
    },
}
"""By surface; sources of what a log lacks propose nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CandidatesConfig:
    """How much each source proposes, and how the proposals are fused."""

    mix: Mapping[str, Share] = field(default_factory=lambda: MIXES["product_feed"])
    """Sources by name; one that is left out proposes none."""
    num_candidates: int = 200
    """Items kept for one user."""
    rank_offset: float = 5.0
    """Added to each rank before it is inverted: the higher, the less the first places stand out."""
    num_categories: int = 5
    """A user's strongest categories, in which popular and new items are looked up."""
    seeds: SeedConfig = field(default_factory=SeedConfig)
    """How co-visitation reads the user's last items."""
    presence: PresenceConfig = field(default_factory=PresenceConfig)
    """How the user's hours are read."""
    well_rated: WellRatedConfig = field(default_factory=WellRatedConfig)
    """How many lists of well-rated items are read."""
    searched: SearchedConfig = field(default_factory=SearchedConfig)
    """How the user's searches are remembered."""
    latent: LatentConfig = field(default_factory=LatentConfig)
    """How interests that he has not shown are guessed."""
    num_buckets: int = 4
    """Groups of users in memory one at a time; no row depends on it."""

    @property
    def uncut(self) -> "CandidatesConfig":
        """The same, with everything kept that any source proposes."""
        return replace(self, num_candidates=sum(share.num_items for share in self.mix.values()))
