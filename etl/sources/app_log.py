"""The app's own log as it is written: one type for each version of its lines (docs/app-log.md).

The app writes it, ``silver`` reads it. What a value may be stands in its type, so that the decoder
checks it while it reads. Fields that are not listed are passed over; nothing is kept of them.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

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
Chances = Annotated[list[Chance], Meta(max_length=MAX_SHOWN)]
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
    """The segment that an app of version 3 is of."""

    country: str | None = None
    platform: str | None = None
    language: str | None = None


class Device(Struct, gc=False):
    """The segment that an app of version 2 is of."""

    country: str | None = None
    os: str | None = None
    lang: str | None = None


class Reference(Struct, gc=False):
    """Which item: of a live room its id is never read."""

    type: ItemType | None = None
    id: Id | None = None
    host: Id | None = None
    started_at: InstantMs | None = None


class Shown(Reference, gc=False):
    """One item of a slate."""

    p: Chance | None = None
    """Propensity; version 2 writes a list of them beside the slate."""


Slate = Annotated[list[Shown], Meta(max_length=MAX_SHOWN)]


class Described(Reference, gc=False, kw_only=True):
    """Which item, and what the catalogue says of it, but for its price."""

    weekday: Weekday | None = None
    hour: Hour | None = None
    title: str | None = None
    text: str | None = None
    category: str | None = None
    brand: str | None = None
    seller: Id | None = None
    stock: Amount | None = None
    duration_ms: Amount | None = None
    products: Ids | None = None


class Item(Described, gc=False, kw_only=True):
    """An item of version 3."""

    price_cents: Amount | None = None


class OldItem(Described, gc=False, kw_only=True):
    """An item of version 2."""

    price: str | None = None


class Version3(Struct, gc=False, kw_only=True, tag_field="v", tag=3):
    """One line of the current app."""

    id: Id | None = None
    type: Type3 | None = None
    at: int | None = None
    user: Id | None = None
    session: str | None = None
    app: App | None = None
    surface: Surface | None = None
    request: str | None = None
    position: Place | None = None
    first_position: Place | None = None
    shown: Slate | None = None
    item: Item | None = None
    price_cents: Amount | None = None
    quantity: Pieces | None = None
    watch_ms: Amount | None = None
    query: str | None = None
    comment: str | None = None
    host: Id | None = None


class Version2(Struct, gc=False, kw_only=True, tag_field="v", tag=2):
    """One line of an app of last year."""

    id: Id | None = None
    type: Type2 | None = None
    time: str | None = None
    user: Id | None = None
    session: str | None = None
    device: Device | None = None
    surface: Surface | None = None
    request: str | None = None
    position: Place | None = None
    first_position: Place | None = None
    shown: Slate | None = None
    propensities: Chances | None = None
    item: OldItem | None = None
    price: str | None = None
    quantity: Pieces | None = None
    watch_ms: Amount | None = None
    query: str | None = None
    comment: str | None = None
    host: Id | None = None


class Version1(Struct, gc=False, kw_only=True, tag_field="v", tag=1):
    """One line of the oldest apps."""

    id: Id | None = None
    event: Type1 | None = None
    ts: int | None = None
    uid: Id | None = None
    sid: str | None = None
    country: str | None = None
    platform: str | None = None
    language: str | None = None
    surface: Surface | None = None
    req: str | None = None
    pos: Place | None = None
    shown: Ids | None = None
    propensities: Chances | None = None
    item_type: ItemType | None = None
    item_id: Id | None = None
    room_host: Id | None = None
    room_started: InstantSeconds | None = None
    price_cents: Amount | None = None
    quantity: Pieces | None = None
    watch_ms: Amount | None = None
    query: str | None = None
    comment: str | None = None
    host: Id | None = None
