"""The public logs that need no mapping file, as mappings."""

from typing import Final

from etl.sources.mapping import Mapping

RETAILROCKET: Final = Mapping(
    format="csv",
    columns={"user": "user", "item": "item", "event": "event", "time": "ts"},
    events={"view": "view", "cart": "cart", "buy": "order"},
)
REES46: Final = Mapping(
    format="csv",
    columns={
        "user": "user_id",
        "item": "product_id",
        "event": "event_type",
        "time": "event_time",
        "category": "category_code",
        "brand": "brand",
        "price": "price",
        "session": "user_session",
    },
    fallback={"category": "category_id"},
    time_unit="%Y-%m-%d %H:%M:%S UTC",
    events={"view": "view", "cart": "cart", "remove_from_cart": "uncart", "purchase": "order"},
)
TAOBAO: Final = Mapping(
    format="csv",
    columns={
        "user": "user",
        "item": "item",
        "event": "behaviour",
        "time": "time",
        "category": "category",
    },
    header=("user", "item", "category", "behaviour", "time"),
    events={"pv": "view", "cart": "cart", "fav": "like", "buy": "order"},
)
BY_NAME: Final = {"retailrocket": RETAILROCKET, "rees46": REES46, "taobao": TAOBAO}
