"""Every feature a ranker may read: name, unit, range, and why it is there.

Columns of ``features/*`` and ``examples/*``, and the order in which ``training.assemble`` fills a
matrix, come from here. How a feature is computed stands with its maker. A feature is null where
nothing is known; xgboost reads null as missing, networks impute by a fitted rule.
"""

from dataclasses import dataclass
from typing import Final

WINDOWS: Final = (1, 7, 28)
"""Days (D−n, D] that counts look back over."""
HISTORY_DAYS: Final = 28
"""Event days that numbers are kept of one by one, in the column ``recent``."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One number that a ranker may read."""

    name: str
    unit: str
    low: float
    high: float
    why: str
    is_integer: bool = False

    @property
    def comment(self) -> str:
        """Unit, range and reason, as the column comment says it."""
        high = "∞" if self.high == _INFINITE else f"{self.high:g}"
        return f"{self.unit}, {self.low:g} … {high}: {self.why}"


_INFINITE: Final = float("inf")


def _count(kind: str, window: int) -> Feature:
    why = f"{kind}s of the last {window} days, so that level and trend can be read"
    return Feature(f"num_{kind}s_{window}d", f"{kind}s", 0, _INFINITE, why, is_integer=True)


def _counts(*kinds: str) -> tuple[Feature, ...]:
    return tuple(_count(kind, window) for kind in kinds for window in WINDOWS)


def _number(name: str, unit: str, why: str, *, high: float = _INFINITE) -> Feature:
    return Feature(name, unit, 0, high, why)


def _decayed(what: str, half_life_days: int, why: str) -> Feature:
    said = f"{what} of the last {HISTORY_DAYS} days, halved every {half_life_days} days"
    return _number(f"decayed_{what}_{half_life_days}d", what, f"{said}, in steps of 2^-24: {why}")


ITEM: Final = (
    *_counts("impression", "click", "cart", "order"),
    _decayed("clicks", 3, "what is moving now"),
    _decayed("carts", 7, "what is wanted"),
    _decayed("orders", 7, "what sells"),
    _number("click_rate_28d", "clicks per look", "how attractive it is where looked at; smoothed"),
    _number("appeal", "ratio", "clicks to those its lookers' tastes would bring; smoothed"),
    _number("appeal_expected", "clicks", "that those tastes would bring: how well it is known"),
    _number("cart_rate_28d", "carts per click", "how often interest becomes intent; smoothed"),
    _number("order_rate_28d", "orders per click", "how often interest becomes an order; smoothed"),
    _number("like_rate_28d", "likes per click", "how often people say that they like it; smoothed"),
    _number("hide_rate_28d", "hides per look", "how often people send it away; smoothed"),
    _number("cancel_rate_28d", "cancels per order", "how often an order is regretted; smoothed"),
    _number("click_trend", "ratio", "today's clicks against a day of the week: rising or fading"),
    _number("order_trend", "ratio", "the week's orders against a week of the month"),
    _number("weekday_click_share", "share", "clicks that fell on tomorrow's weekday", high=1),
    _number("mean_watch_ms_28d", "ms", "time watched per click: holds people or loses them"),
    _number(
        "mean_watch_share_28d", "share", "of its length watched at a time; smoothed, > 1 by repeats"
    ),
    _number("duration_ms", "ms", "length of a video or live slot"),
    _number("age_days", "days", "since we first heard of it: new items have no counts yet"),
    _number("days_since_click", "days", "since the last click: is it still found"),
    _number("days_since_order", "days", "since the last order: does it still sell"),
    _number("price_cents", "cents", "its price today"),
    _number("price_to_category_ratio", "ratio", "price against the category's mean: dear or cheap"),
    _number(
        "category_click_rate_28d", "clicks per look", "how attractive its category is; smoothed"
    ),
    _number("category_num_clicks_7d", "clicks", "how big its category is this week"),
    _number("category_num_orders_28d", "orders", "how much its category sells"),
    _number("category_cart_rate_28d", "carts per click", "what its category's interest is worth"),
    _number("category_order_rate_28d", "orders per click", "what its category's clicks sell"),
    _number("category_click_trend", "ratio", "is the category rising: today against its week"),
    _number("brand_click_rate_28d", "clicks per look", "how attractive its brand is; smoothed"),
    _number("brand_num_clicks_7d", "clicks", "how wanted its brand is this week"),
    _number("brand_num_orders_28d", "orders", "how much its brand sells"),
    _number("brand_order_rate_28d", "orders per click", "what its brand's clicks sell"),
    _number("seller_click_rate_28d", "clicks per look", "how attractive its seller is; smoothed"),
    _number("seller_num_clicks_7d", "clicks", "how visible its seller is this week"),
    _number("seller_num_orders_28d", "orders", "how much its seller sells"),
    _number("seller_order_rate_28d", "orders per click", "what its seller's clicks sell"),
    _number("seller_cancel_rate_28d", "cancels per order", "how often its seller disappoints"),
    _number("host_click_rate_28d", "clicks per look", "how attractive its host is; smoothed"),
    _number("host_num_clicks_7d", "clicks", "how visible its host is this week"),
    _number("host_num_orders_28d", "orders", "how much its host sells"),
    _number("host_order_rate_28d", "orders per click", "what its host's clicks sell"),
)
"""Of one item, as known at the end of the day: columns of features/item_daily."""

USER: Final = (
    *_counts("impression", "click", "cart", "order"),
    _decayed("clicks", 3, "is he shopping now"),
    _decayed("orders", 28, "does he buy"),
    _number("click_rate_28d", "clicks per impression", "how easily he clicks; smoothed"),
    _number("cart_rate_28d", "carts per click", "how serious his clicks are; smoothed"),
    _number("order_rate_28d", "orders per click", "how often his clicks end in an order; smoothed"),
    _number("click_trend", "ratio", "today's clicks against a day of his week"),
    _number("num_active_days_28d", "days", "days with any event: a regular or a guest", high=28),
    _number("weekday_click_share", "share", "clicks that fell on tomorrow's weekday", high=1),
    _number("mean_watch_ms_28d", "ms", "time watched per click: patience"),
    _number("num_watches_7d", "watches", "does he watch videos at all these days"),
    _number("age_days", "days", "since his first event: newcomers behave otherwise"),
    _number("days_since_event", "days", "since his last event of any kind"),
    _number("days_since_order", "days", "since his last order: just served or due again"),
    _number("usual_price_cents", "cents", "mean price of what he clicked, carted, ordered"),
)
"""Of one user, as known at the end of the day: columns of features/user_daily."""

PAIR: Final = (
    _number("pair_num_clicks", "clicks", "his clicks of this item so far"),
    _number("pair_num_carts", "carts", "his carts of this item: intent not to be missed"),
    _number("pair_num_orders", "orders", "his orders of this item: a staple, or done with"),
    _number("pair_affinity", "weighted events", "his events with it, halved every 7 days"),
    _number("pair_days_since_click", "days", "since he last clicked it"),
    _number("pair_days_since_cart", "days", "since he last carted it"),
    _number("category_pair_affinity", "weighted events", "his events with its category, decayed"),
    _number("category_pair_share", "share", "that affinity as a share of all he has", high=1),
    _number("category_pair_examined", "looks", "how often he looked at items of its category"),
    _number("category_pair_expected", "clicks", "that a usual user's looks there would bring"),
    _number("category_pair_click_lift", "ratio", "his clicks there to those; smoothed"),
    _number("pair_appeal", "ratio", "its appeal times his lift in its category"),
    _number("category_pair_num_orders", "orders", "his orders in its category"),
    _number("category_pair_days_since_event", "days", "since he last touched its category"),
    _number("brand_pair_affinity", "weighted events", "his events with its brand, decayed"),
    _number("brand_pair_num_orders", "orders", "his orders of its brand: loyalty"),
    _number("seller_pair_affinity", "weighted events", "his events with its seller, decayed"),
    _number("seller_pair_num_orders", "orders", "his orders from its seller: trust"),
    _number("host_pair_affinity", "weighted events", "his events with its host, decayed"),
    _number("host_pair_num_orders", "orders", "his orders from its host"),
    _number("is_host_followed", "0 or 1", "he asked to see its host; missing without one", high=1),
    _number("pair_watch_share", "share", "of its length that he has watched: seen, or left off"),
    _number("usual_watch_share", "share", "of the videos he began, how much he watches", high=1),
    _number("slot_presence_share", "share", "of his activity in the slot's hour of UTC", high=1),
    _number("query_title_share", "share", "of its title's words he searched these 7 days", high=1),
    _number("shown_pair_affinity", "weighted events", "his events with products it shows, decayed"),
    _number("pair_days_since_showing", "days", "since he saw a video or slot that shows it"),
    _number("price_to_usual_ratio", "ratio", "its price against what he usually looks at"),
)
"""Of one user with one item; computed in training.assemble from features/user_pairs."""


def names(features: tuple[Feature, ...], *, prefix: str = "") -> list[str]:
    """List the features' names, each behind ``prefix``."""
    return [prefix + feature.name for feature in features]
