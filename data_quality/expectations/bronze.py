"""What must hold in bronze: that a day's files arrived whole, and that lines belong to them."""

from data_quality.checks import (
    SOME_ROWS,
    Check,
    Given,
    Side,
    Suite,
    at_least,
    knows,
    not_empty,
    rule,
)

_HEX_64 = "'^[0-9a-f]{64}$'"


def of_sealed_files(table_path: str) -> Suite:
    """Promise that a row's file is one of those that were sealed on its day."""
    file = ("source", "file_name")
    return (
        knows(
            "its file was sealed",
            named=Side(table_path=table_path, things=file),
            known=Side(table_path="bronze/files", things=file),
        ),
    )


def bronze_files() -> Suite:
    """Some file arrived, it has bytes, and its hash is one."""
    return (
        Check(name=SOME_ROWS, severity="warning", measure=Given(), low=1),
        *not_empty("source", "file_name"),
        *at_least(0, "num_bytes"),
        rule("the file is not empty", "num_bytes > 0", shows=("num_bytes",), severity="warning"),
        rule("sha256 is 64 hex digits", f"sha256 RLIKE {_HEX_64}", shows=("sha256",)),
        rule(
            "landing_date is not after the day",
            "coalesce(try_cast(landing_date AS date) <= arrival_date, false)",
            shows=("landing_date",),
        ),
        rule(
            "arrival_at is on landing_date",
            "string(date(arrival_at)) = landing_date",
            shows=("landing_date", "arrival_at"),
        ),
    )


def bronze_lines() -> Suite:
    """Lines are numbered from 1, and belong to a sealed file."""
    return (
        *at_least(1, "line_number"),
        rule(
            "line has no newline within",
            "NOT contains(line, X'0A')",
            shows=("length(line) AS num_bytes",),
        ),
        *of_sealed_files("bronze/lines"),
    )
