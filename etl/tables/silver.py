"""Silver: lines read, typed, counted once; what could not be read, and why."""

from typing import Final

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructType,
    TimestampType,
)

from etl.tables.bronze import FILE_NAME, LINE_NUMBER, SOURCE
from etl.tables.schema import ITEM_NO, Table, array_of, columns, optional, required

EVENT_TYPES: Final = (
    "impression",
    "view",
    "click",
    "cart",
    "uncart",
    "order",
    "cancel",
    "watch",
    "like",
    "hide",
    "follow",
    "search",
    "comment",
    "item",
    "personalisation_off",
    "personalisation_on",
)
"""What an event can be. ``impression`` shows items, ``item`` changes the catalogue."""

REJECT_REASONS: Final = {
    "empty_line": "the line has no characters",
    "file_cut_off": "the compressed file ended here, in the middle of a line",
    "not_utf8": "the bytes are not UTF-8",
    "not_json": "the line is not one JSON object",
    "truncated": "a JSON line that ends too early",
    "wrong_field_count": "a CSV row with more or fewer fields than its header",
    "wrong_type": "a field holds another type than its schema says",
    "missing_event": "no event type",
    "unknown_event": "an event type that the mapping does not list",
    "unknown_surface": "a surface that the app does not have",
    "missing_user": "no user",
    "missing_item": "no item where the event needs one",
    "missing_time": "no event time",
    "bad_time": "an event time that cannot be read",
    "absurd_time": "event time more than 30 days before or 1 day after arrival",
    "bad_value": "a value outside its range: a negative price, a propensity outside (0, 1]",
    "id_too_long": "a user, item or event id of more than 4,096 bytes",
}
"""Every reason for which a line gives no event; the list is closed."""

_EVENT_ID = required("event_id", StringType(), "as sent, or 32 hex digits: hash of source and text")
_EVENT_AT = required("event_at", TimestampType(), "UTC instant by the app's clock")
_EVENT_DATE = required("event_date", DateType(), "UTC day of event_at")
_ITEM_TYPE = optional("item_type", StringType(), "product, live_slot or short_video")
_ITEM_ID = optional("item_id", StringType(), "the item, as the log names it")
_SEGMENT = (
    optional("country", StringType(), "as sent with the request"),
    optional("platform", StringType(), "as sent with the request"),
    optional("language", StringType(), "as sent with the request"),
)
_CATALOGUE = (
    optional("title", StringType(), "the item's title"),
    optional("text", StringType(), "the item's description"),
    optional("category", StringType(), "category path, levels parted by a dot"),
    optional("brand", StringType(), "the item's brand"),
    optional("seller_id", StringType(), "who sells it"),
    optional("price_cents", LongType(), "price of one piece, cents, >= 0"),
    optional("stock", LongType(), "pieces left, >= 0; null where the log does not say"),
    optional("duration_ms", LongType(), "length of a video or slot, ms, >= 0"),
    optional("host_id", StringType(), "who hosts the live slot or video; in a follow, whom"),
    optional("product_ids", ArrayType(StringType()), "products attached to it, as sent"),
)

REJECTED_LINES: Final = Table(
    path="silver/rejected_lines",
    purpose="Keeps what could not be read, so that every line is accounted for and whoever sent "
    "it can be told why.",
    grain="one line that gave no event, and why",
    key=("source", "file_name", "line_number"),
    schema=columns(
        SOURCE,
        FILE_NAME,
        LINE_NUMBER,
        required("reason", StringType(), "one of the closed list: " + ", ".join(REJECT_REASONS)),
        required("detail", StringType(), "what was found, for a person; at most 200 characters"),
        required(
            "sample",
            StringType(),
            "the line's start, unreadable bytes replaced; at most 200 characters",
        ),
    ),
)

CATALOGUE_COLUMNS: Final = tuple(column.name for column in _CATALOGUE)
"""What the log may say about an item."""

DUPLICATE_LINES: Final = Table(
    path="silver/duplicate_lines",
    purpose="Keeps lines that were sent again, so that an event counts once and no line is lost.",
    grain="one line whose event was sent before, at most 7 days earlier",
    key=("source", "file_name", "line_number"),
    schema=columns(
        SOURCE,
        FILE_NAME,
        LINE_NUMBER,
        _EVENT_ID,
        required("previous_arrival_date", DateType(), "arrival day of the previous such line"),
        required("previous_file_name", StringType(), "file of the previous such line"),
        required("previous_line_number", LongType(), "number of the previous such line"),
    ),
)

LINE_COUNTS: Final = Table(
    path="silver/line_counts",
    purpose="The books of the log: shows at once when somebody begins to send what cannot be "
    "read. Its check stops such a day.",
    grain="one file's balance: lines = events + rejected + duplicates, each from its own table",
    key=("source", "file_name"),
    schema=columns(
        SOURCE,
        FILE_NAME,
        required("num_lines", LongType(), "rows of bronze/lines"),
        required("num_events", LongType(), "rows of silver/events"),
        required("num_rejected_lines", LongType(), "rows of silver/rejected_lines"),
        required("num_duplicate_lines", LongType(), "rows of silver/duplicate_lines"),
    ),
)

EVENTS: Final = Table(
    path="silver/events",
    purpose="What happened, whatever log it came from: typed, dated, counted once. Everything "
    "further on begins here.",
    grain="one thing that one user did, or one change of the catalogue, counted once",
    key=("source", "event_id"),
    schema=columns(
        SOURCE,
        _EVENT_ID,
        required("event_type", StringType(), "one of: " + ", ".join(EVENT_TYPES)),
        _EVENT_AT,
        _EVENT_DATE,
        optional("user_id", StringType(), "the user; null only for event type item"),
        _ITEM_TYPE,
        _ITEM_ID,
        optional("surface", StringType(), "where it happened; null where the log does not say"),
        optional("session_id", StringType(), "the app's session"),
        optional("request_id", StringType(), "the request whose answer showed the item"),
        optional("position", IntegerType(), "0 for the first place of the slate"),
        optional("propensity", DoubleType(), "probability of this item at this place, in (0, 1]"),
        optional("quantity", IntegerType(), "pieces ordered, >= 1"),
        optional("watch_ms", LongType(), "time watched, ms, >= 0"),
        optional("query", StringType(), "what was searched for"),
        optional("comment", StringType(), "what was said of the item"),
        *_SEGMENT,
        *_CATALOGUE,
        optional(
            "shown",
            array_of(
                required("position", IntegerType(), "0 for the first place"),
                required("item_id", StringType(), "the item shown there"),
                optional("propensity", DoubleType(), "in (0, 1]"),
            ),
            "what a request showed; null for anything but impressions",
        ),
        FILE_NAME,
        LINE_NUMBER,
    ),
)

ITEMS: Final = Table(
    path="silver/items",
    purpose="The catalogue as the log tells it: the newest that is known of each item, and its "
    "permanent number.",
    grain="one product, live slot or short video as known at the end of the day",
    key=("item_no",),
    schema=columns(
        ITEM_NO,
        required("item_type", StringType(), "product, live_slot or short_video"),
        required("item_id", StringType(), "the item, as the log names it"),
        required("first_arrival_date", DateType(), "day on which we first heard of it"),
        *_CATALOGUE,
        required(
            "known_at",
            StructType([optional(f.name, TimestampType(), f"of {f.name}") for f in _CATALOGUE]),
            "event time of each value, UTC: an older event that arrives late changes nothing",
        ),
        partition="the day at whose end this was known",
    ),
    is_touched_only=True,
)

IMPRESSIONS: Final = Table(
    path="silver/impressions",
    purpose="What users were shown, and where: without it nobody can tell what was refused from "
    "what was never seen.",
    grain="one item shown to one user at one position of one request",
    key=("source", "event_id", "position"),
    schema=columns(
        SOURCE,
        _EVENT_ID,
        required("position", IntegerType(), "0 for the first place"),
        required("user_id", StringType(), "who saw it"),
        required("item_type", StringType(), "product, live_slot or short_video"),
        required("item_id", StringType(), "the item shown"),
        required("surface", StringType(), "where it was shown"),
        optional("request_id", StringType(), "the request whose answer showed it"),
        required("shown_at", TimestampType(), "UTC instant by the app's clock"),
        required("shown_date", DateType(), "UTC day of shown_at"),
        optional("propensity", DoubleType(), "probability of this item here, in (0, 1]"),
        *_SEGMENT,
    ),
)

OUTCOMES: Final = Table(
    path="silver/outcomes",
    purpose="Which impression a click, an order or a watched video followed: the labels that "
    "rankers learn from.",
    grain="one outcome, written on the day it could first be attributed, or after 7 days alone",
    key=("source", "event_id"),
    schema=columns(
        SOURCE,
        _EVENT_ID,
        required("event_type", StringType(), "view, click, cart, order, cancel, watch, like, hide"),
        _EVENT_AT,
        _EVENT_DATE,
        required("event_arrival_date", DateType(), "arrival day of the outcome's own event"),
        required("user_id", StringType(), "who did it"),
        required("item_type", StringType(), "product, live_slot or short_video"),
        required("item_id", StringType(), "to which item"),
        optional("surface", StringType(), "where the outcome happened"),
        optional("price_cents", LongType(), "price of one piece, cents, >= 0"),
        optional("quantity", IntegerType(), "pieces, >= 1"),
        optional("watch_ms", LongType(), "time watched, ms, >= 0"),
        required("is_organic", BooleanType(), "no eligible impression within 7 arrival days"),
        optional("impression_source", StringType(), "source of the impression; null if organic"),
        optional("impression_event_id", StringType(), "event of the impression; null if organic"),
        optional("impression_position", IntegerType(), "its position; null if organic"),
        optional("impression_surface", StringType(), "its surface; null if organic"),
        optional("shown_date", DateType(), "UTC day on which it was shown; null if organic"),
        partition="first day by which outcome and impression had arrived, or its 7th alone",
    ),
)
