"""What must hold in retrieval and candidates: lists in order, of known items, by known sources."""

from typing import Final

from data_quality.checks import (
    ABSENT_NUMBER,
    Check,
    Side,
    Suite,
    at_least,
    at_most,
    complete,
    descending,
    distinct,
    each,
    knows,
    never_null_in,
    not_empty,
    one_of,
    rule,
    unique,
    within,
)
from etl import surfaces
from etl.tables.retrieval import MAX_CANDIDATES, SOURCE_CODES, USER_GROUPS

_CODES: Final = ", ".join(str(code) for code in SOURCE_CODES.values())
_IS_KNOWN: Final = (
    f"size(array_except(flatten(items.proposals).source, cast(array({_CODES}) AS array<tinyint>)))"
    " = 0"
)
_KNOWN_ITEMS: Final = Side(table_path="features/item_daily", things=("item_no",))


def _knows_items(table_path: str) -> Check:
    return knows(
        "its item is in features/item_daily",
        named=Side(table_path=table_path, things=("item_no",)),
        known=_KNOWN_ITEMS,
        severity="warning",
    )


def _not_itself(array: str) -> Check:
    return rule(
        f"{array}: not the item itself",
        f"NOT array_contains({array}.item_no, item_no)",
        shows=("item_no",),
    )


def retrieval_popularity() -> Suite:
    """Each scope ranks an item once, by users; the scope of all has one value."""
    scope = ("surface", "scope", "scope_value")
    return (
        one_of("surface", surfaces.NAMES),
        one_of("scope", ("all", "category", "segment")),
        rule(
            "scope_value is * for all",
            "scope != 'all' OR scope_value = '*'",
            shows=scope,
        ),
        *at_least(1, "rank", "num_users"),
        unique(*scope, "item_no"),
        _knows_items("retrieval/popularity"),
    )


def retrieval_covisitation() -> Suite:
    """Neighbours are other items, each once, strongest first."""
    return (
        one_of("surface", surfaces.NAMES),
        *at_least(0, "item_no"),
        rule(
            "weights_date is not after the day",
            "weights_date <= arrival_date",
            shows=("weights_date",),
        ),
        never_null_in("neighbours", {"item_no": "-1", "weight": ABSENT_NUMBER}),
        each(
            "neighbours",
            "weight above 0",
            "x.weight > 0 AND x.weight < double('Infinity')",
            whole="array_min(neighbours.weight) > 0 "
            "AND array_max(neighbours.weight) < double('Infinity')",
        ),
        distinct("neighbours", "item_no"),
        descending("neighbours", "weight"),
        at_most("neighbours", 200),
        _not_itself("neighbours"),
    )


def retrieval_new_items() -> Suite:
    """Items are at most 7 days old, each once in a category."""
    return (
        one_of("surface", surfaces.NAMES),
        *at_least(1, "rank"),
        within("age_days", 0, 7),
        unique("surface", "category", "item_no"),
        _knows_items("retrieval/new_items"),
    )


def retrieval_fits() -> Suite:
    """A fitted source has files and learned from something; one that is not says why."""
    return (
        one_of("surface", surfaces.NAMES),
        *not_empty("reason"),
        *at_least(0, "num_users", "num_items", "num_visits"),
        rule("sha256 is 64 hex digits", "sha256 RLIKE '^[0-9a-f]{64}$'", shows=("sha256",)),
        rule(
            "a fitted source says from what",
            "NOT is_fitted OR (sha256 IS NOT NULL AND manifest IS NOT NULL AND num_users > 0 "
            "AND num_items > 0 AND num_visits > 0)",
            shows=("is_fitted", "sha256", "num_users", "num_items", "num_visits"),
        ),
        rule(
            "its parent was fitted before",
            "parent_date IS NULL OR parent_date < arrival_date",
            shows=("parent_date",),
        ),
        rule(
            "manifest is JSON",
            "manifest IS NULL OR try_parse_json(manifest) IS NOT NULL",
            shows=("left(manifest, 40) AS manifest",),
        ),
    )


def retrieval_weights() -> Suite:
    """Every source of a surface has one weight a group, none of them below 0."""
    return (
        one_of("surface", surfaces.NAMES),
        one_of("user_group", USER_GROUPS),
        one_of("source", tuple(SOURCE_CODES)),
        *at_least(0, "weight", "num_users"),
    )


def proposals() -> Suite:
    """A visitor visited something; what was proposed to him came from known sources."""
    return (
        *not_empty("user_id"),
        *at_least(0, "num_visits"),
        never_null_in("items", {"item_no": "-1", "proposals": "array"}),
        distinct("items", "item_no"),
        rule("he visited something", "size(visited) > 0", shows=()),
        each(
            "items",
            "proposed by known sources, ranks from 1 on",
            f"forall(x.proposals, p -> p.source IN ({_CODES}) AND p.rank >= 1)",
            whole=f"{_IS_KNOWN} AND array_min(flatten(items.proposals).rank) >= 1",
        ),
    )


def retrieval_latent_interests() -> Suite:
    """Somebody looked, users count up to 3 looks each, and no group holds its own category."""
    scope = ("scope", "scope_value", "category")
    return (
        one_of("scope", ("all", "segment", "category")),
        rule(
            "scope_value is * for all",
            "scope != 'all' OR scope_value = '*'",
            shows=scope,
        ),
        rule(
            "the interested are not counted in their own category",
            "scope != 'category' OR scope_value != category",
            shows=scope,
        ),
        *not_empty("category"),
        *at_least(1, "num_users", "looks"),
        *at_least(0, "clicks"),
        rule(
            "looks: at most 3 of a user",
            "looks <= 3000000 * num_users",
            shows=(*scope, "looks", "num_users"),
        ),
    )


def similar() -> Suite:
    """Neighbours are other items, each once, nearest first, from known sources."""
    return (
        *at_least(0, "item_no"),
        complete("neighbours", "item_no", "score", "source"),
        each("neighbours", "source is known", f"x.source IN ({_CODES})"),
        distinct("neighbours", "item_no"),
        descending("neighbours", "score"),
        at_most("neighbours", 50),
        _not_itself("neighbours"),
    )


def candidates(surface: str) -> Suite:
    """Every candidate is a known item, proposed by known sources to a known user, once."""
    path = f"candidates/{surface}"
    return (
        *not_empty("user_id"),
        never_null_in(
            "items", {"item_no": "-1", "fused_score": ABSENT_NUMBER, "proposals": "array"}
        ),
        distinct("items", "item_no"),
        descending("items", "fused_score"),
        at_most("items", MAX_CANDIDATES),
        each(
            "items",
            "fused_score is finite",
            "abs(x.fused_score) < double('Infinity')",
            whole="array_min(items.fused_score) > double('-Infinity') "
            "AND array_max(items.fused_score) < double('Infinity')",
        ),
        # The smallest of arrays is the empty one.
        each(
            "items",
            "someone proposed it",
            "size(x.proposals) > 0",
            whole="size(array_min(items.proposals)) > 0",
        ),
        each(
            "items",
            "proposed by known sources, ranks from 1 on",
            f"forall(x.proposals, p -> p.source IN ({_CODES}) AND p.rank >= 1)",
            whole=f"{_IS_KNOWN} AND array_min(flatten(items.proposals).rank) >= 1",
        ),
        rule("there are candidates", "size(items) > 0", shows=(), severity="warning"),
        knows(
            "every item is in features/item_daily",
            named=Side(table_path=path, things=("explode(items.item_no) AS item_no",)),
            known=_KNOWN_ITEMS,
        ),
        knows(
            "every user is in features/user_daily",
            named=Side(table_path=path, things=("user_id",)),
            known=Side(table_path="features/user_daily", things=("user_id",)),
        ),
    )
