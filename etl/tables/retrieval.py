"""Retrieval and candidates: what each source learned, and what they propose to a user."""

from typing import Final

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    ByteType,
    DateType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
)

from etl import surfaces
from etl.tables.features import AS_KNOWN
from etl.tables.schema import ITEM_NO, USER_ID, Table, array_of, columns, optional, required

SOURCE_CODES: Final = {
    "popularity": 1,
    "popularity_in_categories": 2,
    "popularity_in_segment": 3,
    "covisitation": 4,
    "unfinished": 5,
    "new_items": 6,
    "watched_products": 7,
    "showing_products": 8,
    "host_affinity": 9,
    "followed_hosts": 10,
    "live_presence": 11,
    "searched": 12,
    "well_rated": 13,
    "latent_interests": 14,
    "item_cf": 15,
    "linear_items": 16,
    "propagation": 17,
    "low_pass": 18,
    "factors": 19,
    "item2vec": 20,
    "content": 21,
    "sasrec": 22,
    "interests": 23,
    "two_tower": 24,
}
"""How arrays of candidates write the source that proposed; a code is never given twice."""
SOURCE_NAMES: Final = {code: name for name, code in SOURCE_CODES.items()}
"""And how they are read."""

MAX_CANDIDATES: Final = 2_000
"""Of one user, whatever is asked for."""
USER_GROUPS: Final = ("new", "light", "heavy")
"""Groups of users by the visits that a surface knows of them: none, 1 to 9, 10 and more."""

_SURFACE: Final = required("surface", StringType(), "one of: " + ", ".join(surfaces.NAMES))

POPULARITY: Final = Table(
    path="retrieval/popularity",
    purpose="A candidate source, the slate of whoever has none of his own, and the measure that "
    "everything else must beat.",
    grain="one item's place among the most popular of 7 days, in one scope",
    key=("surface", "scope", "scope_value", "rank"),
    schema=columns(
        _SURFACE,
        required("scope", StringType(), "all, category or segment"),
        required(
            "scope_value",
            StringType(),
            "the category path, or country|platform|language "
            "with nothing where absent; '*' for all",
        ),
        required("rank", IntegerType(), "1 for the most popular; ties by item_id"),
        ITEM_NO,
        required(
            "num_users",
            LongType(),
            "distinct users with a click, view, cart or order in the event days (D−7, D]",
        ),
        partition=AS_KNOWN,
    ),
)

COVISITATION: Final = Table(
    path="retrieval/covisitation",
    purpose="A candidate source: where people went on to from what a user touched. What is "
    "similar to an item comes of it too.",
    grain="one item with the items that people went on to",
    key=("surface", "item_no"),
    schema=columns(
        _SURFACE,
        ITEM_NO,
        required("weights_date", DateType(), "the day to which the weights are decayed"),
        required(
            "neighbours",
            array_of(
                ITEM_NO,
                required(
                    "weight",
                    DoubleType(),
                    "sum of 1/gap over directed visits within a window of 5, decayed by day",
                ),
            ),
            "strongest first, ties by item_no, at most 200",
        ),
        partition=AS_KNOWN,
    ),
    is_touched_only=True,
)

NEW_ITEMS: Final = Table(
    path="retrieval/new_items",
    purpose="A candidate source: gives what came in lately its first chance among those who like "
    "its category.",
    grain="one item first heard of in the last 7 days, in its category's order",
    key=("surface", "category", "rank"),
    schema=columns(
        _SURFACE,
        required("category", StringType(), "category path; '*' for all items"),
        required(
            "rank", IntegerType(), "1 for the first: clicks of 7 days, then newest, then item_no"
        ),
        ITEM_NO,
        required("age_days", IntegerType(), "0 for an item of the day itself"),
        partition=AS_KNOWN,
    ),
)

LATENT_INTERESTS: Final = Table(
    path="retrieval/latent_interests",
    purpose="A candidate source: which categories a user may like that nobody has shown him, by "
    "how users like him respond.",
    grain="how the users of one group respond to one category, as known at the end of the day",
    key=("scope", "scope_value", "category"),
    schema=columns(
        required("scope", StringType(), "all, segment or category"),
        required(
            "scope_value",
            StringType(),
            "'*' for all, country|platform|language with nothing where absent, or the category "
            "that the users are interested in: several clicks, per look no fewer than elsewhere",
        ),
        required("category", StringType(), "what they were shown: never the scope's own"),
        required("num_users", LongType(), "who of them looked at it, without those who opted out"),
        required(
            "looks",
            LongType(),
            "items of it that they looked at so far, in millionths as features/positions weighs "
            "their places; of one user 3 at most",
        ),
        required(
            "clicks",
            LongType(),
            "their clicks in it so far, in millionths; of a user with more looks in proportion",
        ),
        partition=AS_KNOWN,
    ),
)


_PROPOSES: Final = {
    "item_cf": "items that the same users touched, by cosine",
    "linear_items": "what a linear model tells of all items from those that a user touched",
    "propagation": "items of users who touched what this user did: a filter of three hops",
    "low_pass": "what a user's items look like through the graph's smoothest vectors",
    "factors": "items near a user among the factors of who touched what",
    "item2vec": "items that stand in histories where the user's own stand: Word2vec",
    "content": "items whose attributes are like those of what a user touched",
    "sasrec": "what a history as a whole leads to next: attention over its events",
    "interests": "the best items of each thing that a user comes back to, in proportion",
    "two_tower": "items near a user in one space, where new items stand by their content",
}
LEARNED: Final = tuple(_PROPOSES)
"""Sources that are fitted: a row of theirs names a model, which ``training.registry`` keeps."""


def _fits(source: str) -> Table:
    return Table(
        path=f"retrieval/{source}",
        purpose=f"A learned candidate source and its fits: {_PROPOSES[source]}.",
        grain="one surface for which the source was to be fitted that night",
        key=("surface",),
        schema=columns(
            _SURFACE,
            required("is_fitted", BooleanType(), "there is a model of that night"),
            required("reason", StringType(), "why it was fitted, or was not"),
            optional("sha256", StringType(), "of the model's files; null where there is none"),
            optional("parent_date", DateType(), "night of the fit that it went on from, if any"),
            required("num_users", LongType(), "users whose visits were learned from"),
            required("num_items", LongType(), "items that the source knows, untouched ones too"),
            required("num_visits", LongType(), "visits learned from"),
            optional("manifest", StringType(), "JSON: settings, seed, versions of libraries"),
            partition=AS_KNOWN,
        ),
    )


def _similar(surface: str) -> Table:
    return Table(
        path=f"similar/{surface}",
        purpose="What `nightmarket similar` and an item's page show; published with the slates.",
        grain="one item with the items most like it, fused from the sources that know",
        key=("item_no",),
        schema=columns(
            ITEM_NO,
            required(
                "neighbours",
                array_of(
                    ITEM_NO,
                    required("score", DoubleType(), "fused score, higher is nearer"),
                    required("source", ByteType(), f"code of the strongest source: {SOURCE_CODES}"),
                ),
                "nearest first, ties by item_no, at most 50",
            ),
            partition=AS_KNOWN,
        ),
        is_touched_only=True,
    )


_PROPOSED: Final = array_of(
    required("source", ByteType(), f"code of the source: {SOURCE_CODES}"),
    required("rank", ShortType(), "its rank there, 1 for the first"),
    required("score", FloatType(), "its score there, in the source's own unit"),
)


def _proposals(surface: str) -> Table:
    return Table(
        path=f"proposals/{surface}",
        purpose="What sources' weights are learned from: all sources asked once more for users "
        "who then came, nothing cut off.",
        grain="one user who visited something that day, with all that sources would have proposed "
        "the evening before",
        key=("user_id",),
        schema=columns(
            USER_ID,
            required(
                "num_visits", IntegerType(), "his visits to the surface's items, of the 50 latest"
            ),
            required("visited", ArrayType(IntegerType()), "item_no of what he visited, ascending"),
            required(
                "looked",
                array_of(
                    ITEM_NO,
                    required(
                        "examined",
                        LongType(),
                        "how often he looked at it that day, in millionths as features/positions "
                        "weighs its places",
                    ),
                ),
                "what the surface showed him that day, by item_no; empty without impressions",
            ),
            required(
                "items",
                array_of(
                    ITEM_NO,
                    required("proposals", _PROPOSED, "who proposed it, by source"),
                ),
                "everything that may be shown and that any source proposed, by item_no",
            ),
            partition="the day of the visits; sources are as of the evening before",
        ),
        retention_days=14,
    )


WEIGHTS: Final = Table(
    path="retrieval/weights",
    purpose="What each source counts in the fused order of candidates, learned from what visitors "
    "went to.",
    grain="one source's weight for one group of users on one surface",
    key=("surface", "user_group", "source"),
    schema=columns(
        _SURFACE,
        required(
            "user_group",
            StringType(),
            f"one of {', '.join(USER_GROUPS)}: no visit, 1 to 9, 10 and more",
        ),
        required("source", StringType(), "the source"),
        required("weight", DoubleType(), "of 1/(offset + rank) in the fused score, >= 0"),
        required("num_users", LongType(), "visitors it was learned from; 0: the configured weight"),
        partition=AS_KNOWN,
    ),
)


def _candidates(surface: str) -> Table:
    return Table(
        path=f"candidates/{surface}",
        purpose="What is worth ranking for a user: all sources' lists fused, without what he "
        "bought or hid and what is sold out.",
        grain="one active user's candidates tonight, best first",
        key=("user_id",),
        schema=columns(
            USER_ID,
            required(
                "items",
                array_of(
                    ITEM_NO,
                    required("fused_score", DoubleType(), "score that all sources together give"),
                    required(
                        "proposals",
                        _PROPOSED,
                        "who proposed it, by source",
                    ),
                ),
                f"by fused score, ties by item_no, at most {MAX_CANDIDATES:,}",
            ),
            partition=AS_KNOWN,
        ),
        retention_days=60,
    )


FITS: Final = {name: _fits(name) for name in LEARNED}
SIMILAR: Final = {name: _similar(name) for name in surfaces.NAMES}
PROPOSALS: Final = {name: _proposals(name) for name in surfaces.NAMES}
CANDIDATES: Final = {name: _candidates(name) for name in surfaces.NAMES}
