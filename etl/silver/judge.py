"""Reads one line of landing. Any bytes give exactly one verdict."""

from etl.silver import app_line, envelope_line
from etl.silver.verdict import Verdict, rejected
from etl.sources import app_log


def judge(line: bytes, *, source: str, arrival_us: int, is_cut_off: bool) -> Verdict:
    """Read one line: of the app's own log, or the envelope of a foreign one.

    Args:
        line: Its bytes, without the newline.
        source: The log it is of.
        arrival_us: When it reached us, microseconds of the epoch.
        is_cut_off: Whether its compressed file ended in it.
    """
    if is_cut_off:
        return rejected(line, "file_cut_off", "the compressed file ends here")
    if not line.strip():
        return rejected(line, "empty_line", "no characters")
    if source == app_log.SOURCE:
        return app_line.read(line, source=source, arrival_us=arrival_us)
    return envelope_line.read(line, source=source, arrival_us=arrival_us)
