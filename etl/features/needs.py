"""What a log must say so that a feature says anything: without it the feature is null or 0 for all.

Read by ``nightmarket inspect-log``. Nothing is computed here; which events and fields a feature is
made of stands with its maker, and shows in its name.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from etl.features import dictionary

_NAMES: Final = dictionary.names((*dictionary.USER, *dictionary.ITEM, *dictionary.PAIR))
_OF_IMPRESSIONS: Final = ("click_rate_28d", "hide_rate_28d")


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """One thing that a log may say or not."""

    what: str
    """As a sentence names it: ``no price``."""
    is_met: Callable[[Collection[str], Collection[str]], bool]
    """Given the log's event types and its filled fields."""
    features: tuple[str, ...]
    """Names of the features that stay null or 0 without it."""


def _named(*parts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n for n in _NAMES if any(part in n for part in parts)))


def _event(*types: str) -> Callable[[Collection[str], Collection[str]], bool]:
    return lambda event_types, _: any(name in event_types for name in types)


def _field(name: str) -> Callable[[Collection[str], Collection[str]], bool]:
    return lambda _, fields: name in fields


NEEDS: Final = (
    Need(
        what="impressions",
        is_met=_event("impression"),
        features=_named("impression", *_OF_IMPRESSIONS),
    ),
    Need(what="views or clicks", is_met=_event("view", "click"), features=_named("click")),
    Need(what="carts", is_met=_event("cart"), features=_named("cart")),
    Need(what="orders", is_met=_event("order"), features=_named("order")),
    Need(what="cancels", is_met=_event("cancel"), features=_named("cancel")),
    Need(what="watches", is_met=_event("watch"), features=_named("watches")),
    Need(what="likes", is_met=_event("like"), features=_named("like")),
    Need(what="hides", is_met=_event("hide"), features=_named("hide")),
    Need(what="watch_ms", is_met=_field("watch_ms"), features=_named("watch_ms", "watch_share")),
    Need(what="price", is_met=_field("price_cents"), features=_named("price")),
    Need(what="category", is_met=_field("category"), features=_named("category")),
    Need(what="brand", is_met=_field("brand"), features=_named("brand")),
    Need(what="seller", is_met=_field("seller_id"), features=_named("seller")),
    Need(what="host", is_met=_field("host_id"), features=_named("host_")),
    Need(what="title", is_met=_field("title"), features=_named("title")),
    Need(what="searches", is_met=_event("search"), features=_named("query")),
    Need(
        what="attached products",
        is_met=_field("product_ids"),
        features=_named("shown_pair", "showing"),
    ),
    Need(
        what="duration_ms", is_met=_field("duration_ms"), features=_named("duration", "watch_share")
    ),
)
"""In the order in which a report lists them."""


def unmet(*, event_types: Collection[str], fields: Collection[str]) -> tuple[Need, ...]:
    """List what a log lacks.

    Args:
        event_types: Those that occur, of ``EVENT_TYPES``.
        fields: Columns of silver/events that any event fills.
    """
    return tuple(need for need in NEEDS if not need.is_met(event_types, fields))
