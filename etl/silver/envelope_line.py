"""Reads one line of a foreign log: an envelope, whatever adapter wrote it.

What an envelope says is checked here; what its adapter could not read it says itself.
"""

from typing import Final

import msgspec

from etl.silver.verdict import (
    INT32,
    INT64,
    WITHOUT_ITEM,
    WITHOUT_USER,
    Problem,
    Rejected,
    id_of,
    misdated,
    rejected,
    unreadable,
)
from etl.sources.envelope import VERSION, Envelope
from etl.surfaces import ITEM_TYPES, NAMES, named
from etl.tables.silver import EVENT_TYPES, REJECT_REASONS

FIELDS: Final = (
    "event_id",
    "event_type",
    "event_us",
    "user_id",
    "item_type",
    "item_id",
    "surface",
    "session_id",
    "request_id",
    "position",
    "propensity",
    "quantity",
    "watch_ms",
    "query",
    "comment",
    "country",
    "platform",
    "language",
    "title",
    "text",
    "category",
    "brand",
    "seller_id",
    "price_cents",
    "stock",
    "duration_ms",
    "host_id",
)
"""What an envelope says: columns of ``tables.SILVER_EVENTS``, event_us being microseconds of the
epoch. Values are tuples in this order, so that a batch of them becomes Arrow columns without a
dictionary a line."""
_MAX_ID_BYTES: Final = 4_096
_DECODER: Final = msgspec.json.Decoder(Envelope)


def read(line: bytes, *, source: str, arrival_us: int) -> tuple | Rejected:
    """Read one line of a foreign log.

    Args:
        line: Its envelope, without the newline.
        source: The log it is of.
        arrival_us: When it reached us, microseconds of the epoch.

    Returns:
        Values of ``FIELDS``, or why there are none.
    """
    envelope = _decoded(line)
    if isinstance(envelope, Rejected):
        return envelope
    problem = _problem(envelope, arrival_us)
    if problem is not None:
        return rejected(envelope.original(), problem)
    return _event(envelope, source)


def _decoded(line: bytes) -> Envelope | Rejected:
    try:
        envelope = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return rejected(line, unreadable(line) or ("wrong_type", str(error)))
    if envelope.raw_base64 is not None:
        try:
            envelope.original()
        except ValueError as error:
            return rejected(line, ("wrong_type", f"raw_base64: {error}"))
    return envelope


def _problem(e: Envelope, arrival_us: int) -> Problem | None:
    """The first thing that keeps an envelope from being an event, and what was found."""
    if e.problem is not None:
        is_listed = e.problem in REJECT_REASONS
        return (e.problem, e.detail or "") if is_listed else ("wrong_type", f"{e.problem!r}")
    return _missing(e) or _unknown(e) or misdated(e.time_us or 0, arrival_us) or _out_of_range(e)


def _missing(e: Envelope) -> Problem | None:
    if e.type is None:
        return "missing_event", "no event type"
    if e.time_us is None:
        return "missing_time", "no event time"
    if not e.user and e.type not in WITHOUT_USER:
        return "missing_user", f"a {e.type} without a user"
    if not e.item and e.type not in WITHOUT_ITEM:
        return "missing_item", f"a {e.type} without an item"
    return None


def _unknown(e: Envelope) -> Problem | None:
    if e.v != VERSION:
        return "wrong_type", f"envelope version {e.v}, this release reads {VERSION}"
    if e.type not in EVENT_TYPES:
        return "unknown_event", f"{e.type!r}"
    if e.surface is not None and e.surface not in NAMES:
        return "unknown_surface", f"{e.surface!r}; the app has {', '.join(NAMES)}"
    if e.item_type is not None and e.item_type not in ITEM_TYPES:
        return "bad_value", f"item type {e.item_type!r}"
    return _too_long(e)


def _too_long(e: Envelope) -> Problem | None:
    for value in (e.user, e.item, e.id):
        if value is not None and len(value.encode(errors="replace")) > _MAX_ID_BYTES:
            return "id_too_long", f"{len(value):,} characters: {value[:40]!r}…"
    return None


def _out_of_range(e: Envelope) -> Problem | None:
    if e.propensity is not None and not 0 < e.propensity <= 1:
        return "bad_value", f"propensity {e.propensity} is not in (0, 1]"
    if e.quantity is not None and not 1 <= e.quantity < INT32:
        return "bad_value", f"quantity {e.quantity}"
    if e.position is not None and not 0 <= e.position < INT32:
        return "bad_value", f"position {e.position}"
    amounts = (e.price_cents, e.stock, e.watch_ms, e.duration_ms)
    for amount in amounts:
        if amount is not None and not 0 <= amount < INT64:
            return "bad_value", f"{amount} where nothing below 0 can be"
    return None


def _event(e: Envelope, source: str) -> tuple:
    return (
        e.id or id_of(source, e.original()),
        e.type,
        e.time_us,
        e.user,
        _item_type(e),
        e.item,
        e.surface,
        e.session,
        e.request,
        e.position,
        e.propensity,
        e.quantity,
        e.watch_ms,
        e.query,
        e.comment,
        e.country,
        e.platform,
        e.language,
        e.title,
        e.text,
        e.category,
        e.brand,
        e.seller,
        e.price_cents,
        e.stock,
        e.duration_ms,
        e.host,
    )


def _item_type(e: Envelope) -> str | None:
    """What kind of item an event means: as said, else what its surface shows, else a product."""
    if e.item_type is not None or not e.item:
        return e.item_type
    return named(e.surface).item_type if e.surface is not None else ITEM_TYPES[0]
