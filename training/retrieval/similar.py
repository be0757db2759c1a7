"""Makes similar/<surface>: for an item, the items most like it, from every source that knows.

Today co-visitation alone knows neighbours; each later source that learns some is added here.
"""

from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

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
    table = SIMILAR[surface.name]
    own = covisitation.where(F.col("surface") == surface.name)
    total = F.aggregate("neighbours", F.lit(0.0), lambda sum_, n: sum_ + n["weight"])
    shared = own.withColumn("total", total)
    nearest = F.transform(
        F.slice("neighbours", 1, NUM_NEIGHBOURS),
        lambda n: F.struct(
            n["item_no"].alias("item_no"),
            (n["weight"] / F.col("total")).alias("score"),
            F.lit(SOURCE_CODES["covisitation"]).cast("byte").alias("source"),
        ),
    )
    return shared.withColumn("neighbours", nearest).select(table.column_names)
