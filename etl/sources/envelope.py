"""Our envelope: one JSON line that carries an event's typed fields and the original line untouched.

Adapters write it, ``silver`` reads it. What a log does not say is absent. ``problem`` says what an
adapter could not read; it becomes the reason of the rejected line.
"""

import base64

import msgspec

VERSION = 1


class Envelope(msgspec.Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a foreign log."""

    v: int
    file: str
    """Name of the foreign file."""
    line: int
    """Line number in it, 1 for the first line; a header is counted."""
    raw: str | None = None
    """The line as it came, where it is UTF-8."""
    raw_base64: str | None = None
    """The line's bytes as they came, where they are not UTF-8."""
    problem: str | None = None
    detail: str | None = None
    id: str | None = None
    type: str | None = None
    time_us: int | None = None
    """UTC, microseconds of the epoch."""
    user: str | None = None
    item: str | None = None
    item_type: str | None = None
    surface: str | None = None
    session: str | None = None
    request: str | None = None
    position: int | None = None
    propensity: float | None = None
    quantity: int | None = None
    watch_ms: int | None = None
    query: str | None = None
    comment: str | None = None
    country: str | None = None
    platform: str | None = None
    language: str | None = None
    title: str | None = None
    text: str | None = None
    category: str | None = None
    brand: str | None = None
    seller: str | None = None
    price_cents: int | None = None
    stock: int | None = None
    duration_ms: int | None = None
    host: str | None = None

    def original(self) -> bytes:
        """Give the foreign line back, byte for byte."""
        if self.raw_base64 is not None:
            return base64.b64decode(self.raw_base64)
        return (self.raw or "").encode()


def with_raw(original: bytes, **fields: object) -> Envelope:
    """Put a foreign line into an envelope, as text where it is UTF-8."""
    try:
        return Envelope(v=VERSION, raw=original.decode(), **fields)  # type: ignore[arg-type]
    except UnicodeDecodeError:
        encoded = base64.b64encode(original).decode()
        return Envelope(v=VERSION, raw_base64=encoded, **fields)  # type: ignore[arg-type]
