"""The app's own log as it is written: one type for each version of its lines (docs/app-log.md).

The app writes it, ``silver`` reads it. Attributes are called alike in all versions; what a version
calls them stands beside them, and what a value may be stands in its type, so that the decoder
checks it while it reads. Fields that are not listed are passed over; nothing is kept of them.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

SOURCE: Final = "shop"
"""The folder under each day of landing in which the app's files lie; no other log is named so."""

MAX_ID_LENGTH: Final = 1_024
"""Characters of an id: at most 4,096 bytes."""
MAX_SHOWN: Final = 1_000
"""Items of one slate, and products attached to one item."""
_INT32: Final = 2**31 - 1
_INT64: Final = 2**63 - 1
_LAST_MS: Final = 253_402_300_799_999  # 9999-12-31

Id = Annotated[str, Meta(max_length=MAX_ID_LENGTH)]
Ids = Annotated[list[Id], Meta(max_length=MAX_SHOWN)]
Amount = Annotated[int, Meta(ge=0, le=_INT64)]
Pieces = Annotated[int, Meta(ge=1, le=_INT32)]
Place = Annotated[int, Meta(ge=0, le=_INT32 - MAX_SHOWN)]
Chance = Annotated[float, Meta(gt=0, le=1)]
Chances = Annotated[list[Chance | None], Meta(max_length=MAX_SHOWN)]
Hour = Annotated[int, Meta(ge=0, le=23)]
InstantMs = Annotated[int, Meta(ge=0, le=_LAST_MS)]
InstantSeconds = Annotated[int, Meta(ge=0, le=_LAST_MS // 1_000)]
Surface = Literal["product_feed", "live_streams", "short_videos"]
ItemType = Literal["product", "short_video", "live_room", "live_slot"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
CommonType = Literal[
    "impression",
    "click",
    "uncart",
    "cancel",
    "watch",
    "like",
    "hide",
    "follow",
    "search",
    "comment",
    "personalisation_off",
    "personalisation_on",
]
Type3 = Literal[CommonType, "cart", "order", "item"]
Type2 = Literal[CommonType, "add_to_cart", "purchase", "item"]
Type1 = Literal[CommonType, "add_to_cart", "purchase"]


class App(Struct, gc=False):
    """The segment that an app is of."""

    country: str | None = None
    platform: str | None = None
    language: str | None = None


class Device(App, gc=False):
    """As version 2 writes it."""

    platform: str | None = field(name="os", default=None)
    language: str | None = field(name="lang", default=None)


class Shown(Struct, gc=False):
    """One item of a slate: a reference, and its propensity."""

    type: ItemType | None = None
    id: Id | None = None
    """Of a live room it is not read: its slot stands for it."""
    host: Id | None = None
    started_at: InstantMs | None = None
    p: Chance | None = None


class Item(Struct, gc=False):
    """A reference to an item, and what the catalogue says of it."""

    type: ItemType | None = None
    id: Id | None = None
    host: Id | None = None
    started_at: InstantMs | None = None
    weekday: Weekday | None = None
    hour: Hour | None = None
    title: str | None = None
    text: str | None = None
    category: str | None = None
    brand: str | None = None
    seller: Id | None = None
    price_cents: int | str | None = None
    stock: Amount | None = None
    duration_ms: Amount | None = None
    products: Ids | None = None


class Item3(Item, gc=False):
    """As version 3 writes it."""

    price_cents: Amount | None = None


class Item2(Item, gc=False):
    """As version 2 writes it: prices as text in units."""

    price_cents: str | None = field(name="price", default=None)


Slate = Annotated[list[Shown], Meta(max_length=MAX_SHOWN)]


class Line(Struct, gc=False, kw_only=True):
    """What a line of any version says."""

    id: Id | None = None
    type: str | None = None
    at: int | datetime | None = None
    """Version 3 counts milliseconds of the epoch."""
    user: Id | None = None
    session: str | None = None
    app: App | None = None
    surface: Surface | None = None
    request: str | None = None
    position: Place | None = None
    first_position: Place | None = None
    shown: Slate | Ids | None = None
    propensities: Chances | None = None
    """Of what is shown; version 3 writes them into ``shown``."""
    item: Item | None = None
    price_cents: int | str | None = None
    quantity: Pieces | None = None
    watch_ms: Amount | None = None
    query: str | None = None
    comment: str | None = None
    host: Id | None = None


class Line3(Line, gc=False, kw_only=True, tag_field="v", tag=3):
    """One line of the current app."""

    type: Type3 | None = None
    at: int | None = None
    shown: Slate | None = None
    item: Item3 | None = None
    price_cents: Amount | None = None


class Line2(Line, gc=False, kw_only=True, tag_field="v", tag=2):
    """One line of an app of last year."""

    type: Type2 | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = field(name="time", default=None)
    app: Device | None = field(name="device", default=None)
    shown: Slate | None = None
    item: Item2 | None = None
    price_cents: str | None = field(name="price", default=None)


class Line1(Line, gc=False, kw_only=True, tag_field="v", tag=1):
    """One line of the oldest apps, which is flat."""

    type: Type1 | None = field(name="event", default=None)
    at: int | None = field(name="ts", default=None)
    user: Id | None = field(name="uid", default=None)
    session: str | None = field(name="sid", default=None)
    request: str | None = field(name="req", default=None)
    position: Place | None = field(name="pos", default=None)
    country: str | None = None
    platform: str | None = None
    language: str | None = None
    shown: Ids | None = None
    item_type: ItemType | None = None
    item_id: Id | None = None
    room_host: Id | None = None
    room_started: InstantSeconds | None = None
    price_cents: Amount | None = None
