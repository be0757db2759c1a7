"""Reads one line: it gives one event, or one reason why not. Any bytes give exactly one verdict.

What an envelope says is checked here, whoever wrote it. Values are tuples in the order of
``FIELDS``, so that a batch of them becomes Arrow columns without a dictionary a line.
"""

import hashlib
from typing import Final, NamedTuple

import msgspec

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
    "country",
    "platform",
    "language",
    "title",
    "category",
    "brand",
    "seller_id",
    "price_cents",
    "stock",
    "duration_ms",
    "host_id",
)
MAX_AGE_DAYS: Final = 30
"""An event is at most so many days old when it arrives."""
_NO_EVENT: Final = (None,) * len(FIELDS)
_MAX_ID_BYTES: Final = 4_096
_MAX_SAID: Final = 200
_LATEST_US: Final = 86_400_000_000
_EARLIEST_US: Final = MAX_AGE_DAYS * _LATEST_US
_INT32: Final = 2**31
_INT64: Final = 2**63
_WITHOUT_ITEM: Final = {"search", "follow", "personalisation_off", "personalisation_on"}
_WITHOUT_USER: Final = {"item"}
_DECODER: Final = msgspec.json.Decoder(Envelope)


class Verdict(NamedTuple):
    """What became of one line."""

    event: tuple
    """Values of ``FIELDS``; all None where there is no event."""
    reason: str | None
    """One of ``REJECT_REASONS``; None where there is an event."""
    detail: str | None
    sample: str | None


def judge(line: bytes, *, source: str, arrival_us: int, is_cut_off: bool) -> Verdict:
    """Read one line of landing.

    Args:
        line: Its bytes, without the newline.
        source: The log it is of.
        arrival_us: When it reached us, microseconds of the epoch.
        is_cut_off: Whether its compressed file ended in it.
    """
    if is_cut_off:
        return _rejected(line, "file_cut_off", "the compressed file ends here")
    if not line.strip():
        return _rejected(line, "empty_line", "no characters")
    envelope = _decoded(line)
    if isinstance(envelope, Verdict):
        return envelope
    problem = _problem(envelope, arrival_us)
    if problem is not None:
        return _rejected(envelope.original(), *problem)
    return Verdict(_event(envelope, source), None, None, None)


def _decoded(line: bytes) -> Envelope | Verdict:
    try:
        envelope = _DECODER.decode(line)
    except msgspec.ValidationError as error:
        return _rejected(line, "wrong_type", str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _rejected(line, _unreadable(line), str(error))
    if envelope.raw_base64 is not None:
        try:
            envelope.original()
        except ValueError as error:
            return _rejected(line, "wrong_type", f"raw_base64: {error}")
    return envelope


def _unreadable(line: bytes) -> str:
    try:
        line.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    return "not_json"


def _rejected(line: bytes, reason: str, detail: str) -> Verdict:
    sample = line[: 4 * _MAX_SAID].decode(errors="replace")[:_MAX_SAID]
    return Verdict(_NO_EVENT, reason, detail[:_MAX_SAID], sample)


def _problem(e: Envelope, arrival_us: int) -> tuple[str, str] | None:
    """The first thing that keeps an envelope from being an event, and what was found."""
    if e.problem is not None:
        is_listed = e.problem in REJECT_REASONS
        return (e.problem, e.detail or "") if is_listed else ("wrong_type", f"{e.problem!r}")
    return _missing(e) or _unknown(e) or _misdated(e.time_us or 0, arrival_us) or _out_of_range(e)


def _missing(e: Envelope) -> tuple[str, str] | None:
    if e.type is None:
        return "missing_event", "no event type"
    if e.time_us is None:
        return "missing_time", "no event time"
    if not e.user and e.type not in _WITHOUT_USER:
        return "missing_user", f"a {e.type} without a user"
    if not e.item and e.type not in _WITHOUT_ITEM:
        return "missing_item", f"a {e.type} without an item"
    return None


def _unknown(e: Envelope) -> tuple[str, str] | None:
    if e.v != VERSION:
        return "wrong_type", f"envelope version {e.v}, this release reads {VERSION}"
    if e.type not in EVENT_TYPES:
        return "unknown_event", f"{e.type!r}"
    if e.surface is not None and e.surface not in NAMES:
        return "unknown_surface", f"{e.surface!r}; the app has {', '.join(NAMES)}"
    if e.item_type is not None and e.item_type not in ITEM_TYPES:
        return "bad_value", f"item type {e.item_type!r}"
    return _too_long(e)


def _too_long(e: Envelope) -> tuple[str, str] | None:
    for value in (e.user, e.item, e.id):
        if value is not None and len(value.encode(errors="replace")) > _MAX_ID_BYTES:
            return "id_too_long", f"{len(value):,} characters: {value[:40]!r}…"
    return None


def _misdated(event_us: int, arrival_us: int) -> tuple[str, str] | None:
    if not -_INT64 <= event_us < _INT64:
        return "bad_time", "it does not fit into 64 bits"
    if event_us < arrival_us - _EARLIEST_US:
        days = (arrival_us - event_us) / _LATEST_US
        return "absurd_time", f"{days:,.1f} days before it arrived"
    if event_us > arrival_us + _LATEST_US:
        days = (event_us - arrival_us) / _LATEST_US
        return "absurd_time", f"{days:,.1f} days after it arrived"
    return None


def _out_of_range(e: Envelope) -> tuple[str, str] | None:
    if e.propensity is not None and not 0 < e.propensity <= 1:
        return "bad_value", f"propensity {e.propensity} is not in (0, 1]"
    if e.quantity is not None and not 1 <= e.quantity < _INT32:
        return "bad_value", f"quantity {e.quantity}"
    if e.position is not None and not 0 <= e.position < _INT32:
        return "bad_value", f"position {e.position}"
    amounts = (e.price_cents, e.stock, e.watch_ms, e.duration_ms)
    for amount in amounts:
        if amount is not None and not 0 <= amount < _INT64:
            return "bad_value", f"{amount} where nothing below 0 can be"
    return None


def _event(e: Envelope, source: str) -> tuple:
    return (
        e.id or _id_of(source, e),
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
        e.country,
        e.platform,
        e.language,
        e.title,
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


def _id_of(source: str, e: Envelope) -> str:
    """Name an event that the app did not name: two equal lines of one log are one event."""
    digest = hashlib.blake2b(source.encode(), digest_size=16)
    digest.update(b"\0" + e.original())
    return digest.hexdigest()
