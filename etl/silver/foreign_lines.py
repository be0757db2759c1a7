"""Reads the envelopes of foreign logs into columns."""

import numpy as np
import pyarrow as pa

from etl.silver.envelope_line import FIELDS, read
from etl.silver.verdict import Events, Judged, Rejected


def judged(lines: pa.RecordBatch) -> Judged:
    """Read rows of ``tables.BRONZE_LINES`` of foreign logs."""
    arrived = lines.column("arrival_at").cast(pa.int64())
    given = (lines.column("line"), lines.column("source"), arrived)
    rows = zip(*(column.to_pylist() for column in given), strict=True)
    found = [read(line, source=source, arrival_us=at) for line, source, at in rows]
    refused = {place: one for place, one in enumerate(found) if isinstance(one, Rejected)}
    events = [one for one in found if not isinstance(one, Rejected)]
    if not events:
        return Judged([], refused)
    columns = dict(zip(FIELDS, zip(*events, strict=True), strict=True))
    return Judged([Events(np.delete(np.arange(len(found)), list(refused)), columns)], refused)
