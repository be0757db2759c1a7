"""What a table of the lake is: its name, grain, key, columns, and what may be forgotten of it."""

from dataclasses import dataclass
from typing import Final

from pyspark.sql.types import (
    ArrayType,
    DataType,
    DateType,
    IntegerType,
    StringType,
    StructField,
    StructType,
)

PARTITION: Final = "arrival_date"


def required(name: str, kind: DataType, comment: str) -> StructField:
    """Declare a column that is never null."""
    return StructField(name, kind, nullable=False, metadata={"comment": comment})


def optional(name: str, kind: DataType, comment: str) -> StructField:
    """Declare a column that is null where the log does not say."""
    return StructField(name, kind, nullable=True, metadata={"comment": comment})


def array_of(*fields: StructField) -> ArrayType:
    """Declare an array of structs without null elements.

    Delta keeps NOT NULL only of top-level columns: which fields of an element are never null is
    said by how they are declared here, and kept by the makers and their checks.
    """
    relaxed = [StructField(f.name, _relaxed(f.dataType), metadata=f.metadata) for f in fields]
    return ArrayType(StructType(relaxed), containsNull=False)


def _relaxed(kind: DataType) -> DataType:
    return ArrayType(kind.elementType) if isinstance(kind, ArrayType) else kind


def columns(*fields: StructField, partition: str = "the UTC day on which it arrived") -> StructType:
    """Declare a table's columns behind the partition column, which every table has first."""
    return StructType([required(PARTITION, DateType(), partition), *fields])


USER_ID: Final = required("user_id", StringType(), "the user, as the log names him")
ITEM_NO: Final = required(
    "item_no", IntegerType(), "the item's permanent dense number (silver/items)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One table of the lake. Partitioned by ``arrival_date``, readable without Spark."""

    path: str
    """Folder below ``lake/``, asset key, and name everywhere: ``silver/events``."""
    purpose: str
    """What it is there for, in a sentence or two: what somebody who sees it first asks."""
    grain: str
    """What one row stands for, in words."""
    key: tuple[str, ...]
    """Columns that name a row within its partition; no two rows share them."""
    schema: StructType
    """Columns in order, each with a comment that gives unit and range."""
    volatile: tuple[str, ...] = ()
    """Columns that a rerun may change: run ids, wall times, costs."""
    retention_days: int | None = None
    """Days that are kept, then forgotten (``etl.upkeep``); None keeps all. A week more than anybody
    reads at the least, which a test checks."""
    is_touched_only: bool = False
    """Whether a partition holds only the keys touched on its day, with all alive every 7th day."""

    @property
    def layer(self) -> str:
        """The first part of the path."""
        return self.path.split("/", 1)[0]

    @property
    def name(self) -> str:
        """The second part of the path."""
        return self.path.split("/", 1)[1]

    @property
    def column_names(self) -> list[str]:
        """The columns in order, the partition first."""
        return list(self.schema.names)

    @property
    def described(self) -> str:
        """What one row is, its key, and what there is to know of a day's rows."""
        said = [f"One row: {self.grain}.", f"Key: {', '.join(self.key)}."]
        if self.is_touched_only:
            said.append("Holds the keys touched on its day; every 7th day all that are alive.")
        if self.retention_days:
            said.append(f"Kept {self.retention_days} days, then forgotten.")
        if self.volatile:
            said.append(f"A rerun may change: {', '.join(self.volatile)}.")
        return " ".join(said)

    def comment(self, column: str) -> str:
        """What ``column`` holds, with unit and range."""
        return str(self.schema[column].metadata["comment"])
