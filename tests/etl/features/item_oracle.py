"""What is known of each item on each evening, from every event that was known by then."""

from collections import Counter
from datetime import date, datetime, timedelta

from etl.days import Days
from tests.etl.features.by_hand import (
    CODES,
    age_days,
    decayed,
    ratio,
    weekday_share,
    windows_of,
)
from tests.etl.features.shop_log import Row, counted_day, end_of, examined, named

KINDS = {
    "impression": ("impression",),
    "click": ("view", "click"),
    "cart": ("cart",),
    "order": ("order",),
}
RATES = (
    ("click", "examined", 8.0),
    ("hide", "examined", 8.0),
    ("cart", "click", 3.0),
    ("order", "click", 3.0),
    ("like", "click", 3.0),
    ("cancel", "order", 2.0),
)
WORDS = ("item_type", "item_id", "category", "brand", "seller_id", "host_id")
SAID = (*WORDS, "title", "product_ids")


def touches(events: list[Row], items: list[Row]) -> list[Row]:
    """Events by item, each with the item as known when it arrived."""
    known = {(i["arrival_date"], i["item_type"], i["item_id"]): i for i in items}
    return [
        {
            **row,
            "item": known[row["arrival_date"], kind, item],
            "examined": examined(row, item),
        }
        for row in events
        for kind, item in named(row)
    ]


def recent(known: list[Row], day: date) -> list[Row]:
    numbers: Counter = Counter()
    for row in known:
        if (day - row["event_date"]).days < 28:
            numbers[row["event_date"], CODES.get(row["event_type"], 0)] += 1
            numbers[row["event_date"], 8] += row["watch_ms"] or 0
            numbers[row["event_date"], 12] += row["examined"]
    return [
        {"event_date": on, "code": code, "number": number}
        for (on, code), number in sorted(numbers.items())
        if code and number
    ]


def latest(known: list[Row], *types: str) -> object:
    return max(
        (r["event_at"] for r in known if not types or r["event_type"] in types), default=None
    )


def evening_of(known: list[Row], day: date) -> Row:
    said = max(known, key=lambda r: r["arrival_date"])["item"]
    clicked, ordered = latest(known, "view", "click"), latest(known, "order")
    of_month = [r for r in known if (day - r["event_date"]).days < 28]
    price = said["price_cents"]
    row: Row = {
        "arrival_date": day,
        "item_no": said["item_no"],
        **{word: said[word] for word in SAID},
        "is_sold_out": said["stock"] == 0,
        "is_eligible": is_eligible(said, latest(known), day),
        "last_event_at": latest(known),
        "last_click_at": clicked,
        "last_order_at": ordered,
        "recent": recent(known, day),
        **windows_of(known, day, KINDS, lambda row: 1),
        "decayed_clicks_3d": decayed(known, day, ("view", "click"), 3),
        "decayed_carts_7d": decayed(known, day, ("cart",), 7),
        "decayed_orders_7d": decayed(known, day, ("order",), 7),
        "weekday_click_share": weekday_share(known, day),
        "age_days": float((day - said["first_arrival_date"]).days),
        "days_since_click": age_days(clicked, day),
        "days_since_order": age_days(ordered, day),
        "price_cents": None if price is None else float(price),
        "duration_ms": None if said["duration_ms"] is None else float(said["duration_ms"]),
        "num_watches_28d": sum(r["event_type"] == "watch" for r in of_month),
        "num_likes_28d": sum(r["event_type"] == "like" for r in of_month),
        "num_hides_28d": sum(r["event_type"] == "hide" for r in of_month),
        "num_cancels_28d": sum(r["event_type"] == "cancel" for r in of_month),
        "num_examined_28d": sum(r["examined"] for r in of_month) / 1_000_000,
        "watch": sum(r["watch_ms"] or 0 for r in of_month),
    }
    row["click_trend"] = (row["num_clicks_1d"] + 1) / (row["num_clicks_7d"] / 7 + 1)
    row["order_trend"] = (row["num_orders_7d"] + 1) / (row["num_orders_28d"] / 4 + 1)
    return row


def is_eligible(said: Row, last_event_at: datetime, day: date) -> bool:
    if said["item_type"] == "live_slot":
        weekday = ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(said["item_id"][3:6])
        tomorrow = (day + timedelta(days=1)).weekday() == weekday
        return tomorrow and end_of(day) - last_event_at <= timedelta(days=14)
    return said["stock"] != 0


def watch_share(row: Row, everything: list[Row]) -> float | None:
    """Share of its length, ten whole lengths at everyone's share added."""
    long = [r for r in everything if r["duration_ms"]]
    watchable = sum(r["num_watches_28d"] * r["duration_ms"] for r in long)
    if not row["duration_ms"] or not watchable:
        return None
    overall = (sum(r["watch"] for r in long) + 1) / (watchable + 2)
    own = row["watch"] / row["duration_ms"]
    return (own + 10 * overall) / (row["num_watches_28d"] + 10)


def number_of(what: str) -> str:
    return "num_examined_28d" if what == "examined" else f"num_{what}s_28d"


def rate(rows: list[Row], part: str, whole: str, prior: float, towards: float) -> float:
    parts, wholes = (sum(r[number_of(n)] for r in rows) for n in (part, whole))
    return (parts + prior * towards) / (wholes + prior)


def in_company(row: Row, evening: list[Row]) -> Row:  # noqa: PLR0915 - one line a feature
    """What an item owes to the other items of its evening, its own numbers included."""
    everything = [r for r in evening if r["item_type"] == row["item_type"]]
    alike = {
        word: [r for r in everything if r[word] == row[word]] if row[word] is not None else []
        for word in WORDS
    }
    overall = {
        (part, whole): rate(everything, part, whole, 2.0, 0.5)
        for part, whole in (
            ("click", "examined"),
            ("hide", "examined"),
            ("cart", "click"),
            ("order", "click"),
            ("like", "click"),
            ("cancel", "order"),
        )
    }
    wholes = (*KINDS, "examined")
    is_logged = {whole: sum(r[number_of(whole)] for r in everything) > 0 for whole in wholes}

    def of_group(word: str, part: str, whole: str, prior: float) -> float | None:
        if not alike[word] or not is_logged[whole]:
            return None
        return rate(alike[word], part, whole, prior, overall[part, whole])

    found: Row = {}
    for name in ("category", "brand", "seller", "host"):
        word = {"seller": "seller_id", "host": "host_id"}.get(name, name)
        for what in ("num_clicks_7d", "num_orders_28d"):
            total = float(sum(r[what] for r in alike[word])) if alike[word] else None
            found[f"{name}_{what}"] = total
        found[f"{name}_click_rate_28d"] = of_group(word, "click", "examined", 8.0)
        found[f"{name}_order_rate_28d"] = of_group(word, "order", "click", 3.0)
    found["category_cart_rate_28d"] = of_group("category", "cart", "click", 3.0)
    found["seller_cancel_rate_28d"] = of_group("seller_id", "cancel", "order", 2.0)
    today, week = (sum(r[f"num_clicks_{n}d"] for r in alike["category"]) for n in (1, 7))
    found["category_click_trend"] = (today + 1) / (week / 7 + 1) if alike["category"] else None
    prices = [r["price_cents"] for r in alike["category"] if r["price_cents"] is not None]
    mean = ratio(sum(prices), len(prices))
    found["price_to_category_ratio"] = ratio(row["price_cents"], mean)
    for part, whole, prior in RATES:
        expected = of_group("category", part, whole, prior) or overall[part, whole]
        own = rate([row], part, whole, prior, expected)
        found[f"{part}_rate_28d"] = own if is_logged[whole] else None
    is_watched = any(r["watch"] for r in everything)
    watch_ms = ratio(row["watch"], row["num_clicks_28d"])
    found["mean_watch_ms_28d"] = watch_ms if is_watched else None
    found["mean_watch_share_28d"] = watch_share(row, everything)
    counted = ("watches", "likes", "hides", "cancels", "examined")
    hidden = {"watch", *(f"num_{w}_28d" for w in counted)}
    own = {k: v for k, v in row.items() if k not in hidden}
    return own | found


def oracle(events: list[Row], items: list[Row], days: Days) -> list[Row]:
    made = []
    for day in days:
        by_item: dict[int, list[Row]] = {}
        for row in touches(events, items):
            if counted_day(row) <= day:
                by_item.setdefault(row["item"]["item_no"], []).append(row)
        evening = [evening_of(known, day) for known in by_item.values()]
        alive = [r for r in evening if end_of(day) - r["last_event_at"] <= timedelta(days=90)]
        made += [in_company(row, alive) for row in alive]
    return made
