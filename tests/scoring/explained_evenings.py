"""One user's evening as ``scoring.explain`` is given it: small rows of the lake's tables."""

from dataclasses import replace
from typing import Any

import pyarrow as pa

from etl.surfaces import PRODUCT_FEED
from etl.tables import (
    CANDIDATES,
    RETRIEVAL_COVISITATION,
    RETRIEVAL_LATENT_INTERESTS,
    RETRIEVAL_NEW_ITEMS,
    RETRIEVAL_POPULARITY,
    SLATES,
)
from scoring.explained_evening import Again, Known
from scoring.explore import ExplorationConfig
from scoring.mixes import CandidatesConfig, Share
from scoring.rank import Serving
from scoring.slate_rows import user_rows
from scoring.slates import SlateConfig
from tests.training.known_evening import (
    EVENING,
    Row,
    ago,
    candidate,
    item_daily,
    own_item,
    state_of,
    table_of,
    user_daily,
    visit,
)
from training import promote
from training.item_side import COLUMNS

NO_CAPS = {"seller_cap": 99, "category_cap": 99}
PLAIN = SlateConfig(k=2, caps=NO_CAPS, exploration=ExplorationConfig(rate=0.0))
"""Two places, a reserve of one, no cap that bites, no exploration."""
FUSING = CandidatesConfig(
    mix={
        "popularity": Share(200, 0.3),
        "popularity_in_categories": Share(60, 0.4),
        "popularity_in_segment": Share(60, 0.2),
        "covisitation": Share(150, 1.0),
        "unfinished": Share(60, 1.0),
        "new_items": Share(20, 0.1),
    },
    rank_offset=20.0,
)
"""Whatever the defaults become."""
FUSED = Serving(promote.first("product_feed", EVENING), "", {})
"""The fused order serves."""
CLICKED_2 = {
    "items": [own_item(2, num_clicks=1, last_click_at=ago(3))],
    "short": [visit(8), visit(7, days_ago=0.5)],
}
"""He looked at 8, then at 7, and clicked 2 some day."""
WEIGHTS = {7: {1: 3.0, 3: 1.0}, 8: {1: 1.0}}
"""Co-visitation: from 7 three in four went on to 1, from 8 all did."""


def candidates(*items: Row) -> pa.Table:
    """His row of candidates/product_feed."""
    rows = [{"arrival_date": EVENING, "user_id": "ann", "items": list(items)}]
    return table_of(CANDIDATES["product_feed"], rows)


def ranked(*item_nos: int) -> pa.Table:
    """Candidates in this order, proposed by popularity."""
    return candidates(*(candidate(n, 0.3 / (20 + r), (1, r, 9)) for r, n in enumerate(item_nos, 1)))


def catalogue_item(item_no: int, *, item_type: str = "product") -> Row:
    """Its row of silver/items."""
    return {"item_no": item_no, "item_id": f"p{item_no}", "item_type": item_type, "title": None}


def known(item_no: int, proposed: pa.Table, **changes: Any) -> Known:  # noqa: ANN401
    """An evening of nine products in stock, with the slate that ``PLAIN`` makes of it."""
    user = user_daily({"user_id": "ann"}).append_column("segment", pa.array(["DE||"]))
    popular = [
        {"scope": "all", "scope_value": "*", "rank": r, "item_no": n, "num_users": 10 - r}
        for r, n in enumerate((1, 2, 3, 4), 1)
    ]
    visited = [
        {
            "item_no": item,
            "weights_date": EVENING,
            "neighbours": [{"item_no": to, "weight": weight} for to, weight in found.items()],
        }
        for item, found in WEIGHTS.items()
    ]
    usual = Known(
        evening=EVENING,
        surface=PRODUCT_FEED,
        item=catalogue_item(item_no),
        user=user,
        state=state_of(CLICKED_2),
        slates=table_of(SLATES["product_feed"], []),
        candidates=proposed,
        item_daily=item_daily(*({"item_no": n} for n in range(1, 10))).select(COLUMNS),
        popularity=table_of(RETRIEVAL_POPULARITY, popular),
        new_items=table_of(RETRIEVAL_NEW_ITEMS, []),
        covisitation=table_of(RETRIEVAL_COVISITATION, visited),
        latent_interests=table_of(RETRIEVAL_LATENT_INTERESTS, []),
        names={7: "p7", 8: "p8"},
        serving=FUSED,
    )
    return replace(usual, **changes)


def with_slate(evening: Known, config: SlateConfig) -> Known:
    """The evening with the slate that a night of this config stores."""
    again = Again.of(evening, config)
    champion = evening.serving.champion
    made = user_rows(again.chosen, again.asked, evening=EVENING, champion=champion)
    return replace(evening, slates=made)
