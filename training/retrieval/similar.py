"""Makes similar/<surface>: for an item, the items most like it, from every source that knows.

Today co-visitation alone knows neighbours; each later source that learns some is added here.
"""

from typing import Final

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl.arrow import flat_lists, lists_of, places_in_runs, run_starts
from etl.features.buckets import by_batch
from etl.surfaces import Surface
from etl.tables import SIMILAR
from etl.tables.retrieval import SOURCE_CODES

NUM_NEIGHBOURS: Final = 50


def build(covisitation: DataFrame, *, surface: Surface) -> DataFrame:
    """Keep each item's nearest neighbours, scored by their share of its onward visits.

    Args:
        covisitation: Rows of ``tables.RETRIEVAL_COVISITATION`` of the days to make.
        surface: For which surface.

    Returns:
        Rows of ``tables.SIMILAR[surface.name]``.
    """
    schema = SIMILAR[surface.name].schema
    own = covisitation.where(F.col("surface") == surface.name)
    return by_batch(own.select(*schema.names), kernel=_nearest, schema=schema)


def _nearest(rows: pa.Table) -> pa.Table:
    """Keep the first of each list, largest weight first, with their shares of its whole weight."""
    row, elements = flat_lists(rows.column("neighbours"))
    weight = elements.field("weight").to_numpy()
    share = weight / np.bincount(row, weight, rows.num_rows)[row]
    kept = places_in_runs(run_starts(row)) < NUM_NEIGHBOURS
    fields = {
        "item_no": elements.field("item_no").filter(pa.array(kept)),
        "score": pa.array(share[kept]),
        "source": pa.array(np.full(kept.sum(), SOURCE_CODES["covisitation"], np.int8)),
    }
    nearest = pa.StructArray.from_arrays(list(fields.values()), list(fields))
    lists = lists_of(row[kept], rows.num_rows, nearest)
    return rows.drop_columns("neighbours").append_column("neighbours", lists)
