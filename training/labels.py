"""What came of examples, as known by a given night.

Outcomes arrive late and are attributed once, on a day of their own. An example is stored with what
was known of it on the day it arrived; whoever learns from it or judges by it on a later night joins
what was attributed by then. A candidate of a log without impressions has no outcomes to wait for:
it keeps the label it was stored with.

Shapes: N examples, O outcomes.
"""

from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.silver.attribution import WINDOW_DAYS
from training.rankers.ranker import Batch

CANDIDATE: Final = "candidate"
"""The example_id of an example that no impression stands behind."""
OUTCOME_COLUMNS: Final = (
    "event_type",
    "watch_ms",
    "impression_source",
    "impression_event_id",
    "impression_position",
)
"""What is read of silver/outcomes."""
_CLICKS: Final = ("click", "view")
_CARTS: Final = ("cart", "order")


def example_ids(source: pa.Array, event_id: pa.Array, position: pa.Array) -> pa.Array:
    """Name impressions as examples do: source:event:position."""
    return pc.binary_join_element_wise(source, event_id, position.cast(pa.string()), ":")


def labels_of(
    example_id: pa.Array, outcome_id: pa.Array, outcomes: pa.Table
) -> dict[str, pa.Array]:
    """Say what came of each impression.

    A cart or an order is a click too, whichever of them was logged. An order is one that stands:
    orders less cancels of the same impression.

    Args:
        example_id: N names of impressions.
        outcome_id: O names of those that outcomes were attributed to; any other is passed over.
        outcomes: event_type and watch_ms of ``tables.SILVER_OUTCOMES``.

    Returns:
        Columns is_click, is_cart, is_order, is_hide and watch_ms of ``tables.EXAMPLES``.
    """
    place_O = pc.fill_null(pc.index_in(outcome_id, value_set=example_id), -1).to_numpy()
    kind = _whole(outcomes, "event_type")

    def num(*kinds: str) -> np.ndarray:
        is_meant = pc.is_in(kind, value_set=pa.array(kinds)).to_numpy(zero_copy_only=False)
        return np.bincount(place_O[is_meant & (place_O >= 0)], minlength=len(example_id))

    is_cart = num(*_CARTS) > 0
    return {
        "is_click": pa.array((num(*_CLICKS) > 0) | is_cart),
        "is_cart": pa.array(is_cart),
        "is_order": pa.array(num("order") > num("cancel")),
        "is_hide": pa.array(num("hide") > 0),
        "watch_ms": _watched(place_O, kind, _whole(outcomes, "watch_ms"), len(example_id)),
    }


def _watched(
    place_O: np.ndarray, kind: pa.Array, watch_ms: pa.Array, num_examples: int
) -> pa.Array:
    """Milliseconds of all watches together; null where there is none."""
    is_watch = pc.and_(pc.equal(kind, "watch"), watch_ms.is_valid())
    is_meant = (place_O >= 0) & is_watch.to_numpy(zero_copy_only=False)
    place, ms = place_O[is_meant], watch_ms.fill_null(0).to_numpy()[is_meant]
    summed = np.zeros(num_examples, np.int64)
    np.add.at(summed, place, ms)
    return pa.array(summed, mask=np.bincount(place, minlength=num_examples) == 0)


def as_known(examples: pa.Table, outcomes: pa.Table, durations: pa.Table) -> pa.Table:
    """Label examples by what was attributed so far, and add the share of a video watched.

    Args:
        examples: Rows of ``tables.EXAMPLES``.
        outcomes: ``OUTCOME_COLUMNS`` of ``tables.SILVER_OUTCOMES``, attributed by the night.
        durations: item_no and duration_ms of ``tables.SILVER_ITEMS`` as of the night.

    Returns:
        The examples, with ``watch_share`` behind their columns: float32, 0 … 1, null where the
        duration is not known.
    """
    is_candidate = pc.equal(examples.column("example_id"), CANDIDATE)
    if not pc.all(is_candidate).as_py():
        ids = example_ids(*(_whole(outcomes, name) for name in OUTCOME_COLUMNS[2:]))
        found = labels_of(_whole(examples, "example_id"), ids, outcomes)
        for name, known in found.items():
            told = pc.if_else(is_candidate, examples.column(name), known)
            examples = examples.set_column(examples.column_names.index(name), name, told)
    return examples.append_column("watch_share", _watch_share(examples, durations))


def _watch_share(examples: pa.Table, durations: pa.Table) -> pa.Array:
    place = pc.index_in(examples.column("item_no"), value_set=_whole(durations, "item_no"))
    duration = durations.column("duration_ms").take(place).cast(pa.float64())
    duration_N = duration.to_numpy()
    watched = pc.fill_null(examples.column("watch_ms"), 0).to_numpy()
    is_known = duration_N > 0
    share = np.divide(watched, duration_N, out=np.full(len(watched), np.nan), where=is_known)
    return pa.array(np.minimum(share, 1).astype(np.float32), mask=~is_known)


def maturity(batch: Batch, examples_date: date, night: date) -> float:
    """Tell how much of the time in which outcomes follow has passed: 0 … 1.

    Lines that arrive late come on top; most do not. What came of a candidate is known at once.
    """
    if not batch.given.has_positions:
        return 1.0
    return min(1.0, max(0, (night - examples_date).days) / WINDOW_DAYS)


def _whole(rows: pa.Table, name: str) -> pa.Array:
    return rows.column(name).combine_chunks()
