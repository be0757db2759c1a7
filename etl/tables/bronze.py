"""Bronze: what arrived, word for word."""

from typing import Final

from pyspark.sql.types import BinaryType, BooleanType, LongType, StringType, TimestampType

from etl.tables.schema import Table, columns, required

SOURCE: Final = required(
    "source", StringType(), "folder under landing/<day>/: the log it came from"
)
FILE_NAME: Final = required("file_name", StringType(), "file's name within its source and day")
LINE_NUMBER: Final = required("line_number", LongType(), "1 for the first line of its file")
ARRIVAL_AT: Final = required(
    "arrival_at", TimestampType(), "UTC hour in the file's name; 23:00 where the name has none"
)

FILES: Final = Table(
    path="bronze/files",
    purpose="Fixes which files belong to a day, with their sizes and hashes, so that a day made "
    "again reads the same bytes.",
    grain="one log file, sealed by the first run of its day: reruns read exactly these",
    key=("source", "file_name"),
    schema=columns(
        SOURCE,
        FILE_NAME,
        ARRIVAL_AT,
        required(
            "landing_date",
            StringType(),
            "landing folder it lies in; earlier than the "
            "partition where it was found after its own day was sealed",
        ),
        required("num_bytes", LongType(), "size as it lies in landing, bytes"),
        required("sha256", StringType(), "of the bytes as they lie in landing, 64 hex digits"),
    ),
)

LINES: Final = Table(
    path="bronze/lines",
    purpose="The raw lines: whatever stands further on can be followed back to them, and they are "
    "read again where the reading changes.",
    grain="one line of a raw log file, word for word, split at newline only",
    key=("source", "file_name", "line_number"),
    schema=columns(
        SOURCE,
        FILE_NAME,
        LINE_NUMBER,
        ARRIVAL_AT,
        required("line", BinaryType(), "the bytes as they came, without the newline"),
        required("is_cut_off", BooleanType(), "the compressed file ended here before its end"),
    ),
    retention_days=365,
)
