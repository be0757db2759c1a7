"""How a table is shown in Dagster's UI: its group, its kinds, its words, its columns.

What a table is stands in ``etl.tables``; what a day of it holds, its step says (``table_asset``).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from etl import tables
from etl.tables import Table

OWNER: Final = "team:recommendations"
_LAYERS: Final = tuple(dict.fromkeys(table.layer for table in tables.ALL))
_FITTED_WITH: Final = {
    tables.RANKERS["gbdt"]: "xgboost",
    tables.RANKERS["lambdamart"]: "xgboost",
    tables.RANKERS["wide_deep"]: "pytorch",
    tables.RANKERS["deep"]: "pytorch",
    tables.RANKERS["ensemble"]: "pytorch",
    tables.RETRIEVAL_FITS["sasrec"]: "pytorch",
    tables.RETRIEVAL_FITS["two_tower"]: "pytorch",
}
_FITTED: Final = frozenset((*tables.RANKERS.values(), *tables.RETRIEVAL_FITS.values()))


def words(table: Table, windows: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Say of a table what every declaration of an asset takes: group, owner, description, columns.

    Dagster orders groups by name: with the number of its layer before it, the list goes as the data
    flows.

    Args:
        table: The table.
        windows: By path of a table that it is made of, which days of that.
    """
    reads = [f"- {path}: {window}" for path, window in (windows or {}).items()]
    return {
        "group_name": f"{_LAYERS.index(table.layer) + 1:02d}_{table.layer}",
        "owners": [OWNER],
        "description": f"{table.purpose}\n\n{table.described}",
        "metadata": {
            "key": ", ".join(table.key),
            **({"reads": dg.MetadataValue.md("\n".join(reads))} if reads else {}),
            "dagster/column_schema": column_schema(table),
        },
    }


def kinds(table: Table) -> set[str]:
    """Name what a table is made with and kept as."""
    made_with = _FITTED_WITH.get(table, "python") if table in _FITTED else "spark"
    return {made_with, "deltalake"}


def column_schema(table: Table) -> dg.TableSchema:
    """Say a table's columns to the UI: name, type, what it holds."""
    columns = [
        dg.TableColumn(
            name=field.name,
            type=field.dataType.simpleString(),
            description=as_markdown(table.comment(field.name)),
            constraints=dg.TableColumnConstraints(nullable=field.nullable),
        )
        for field in table.schema
    ]
    return dg.TableSchema(columns=columns)


def as_markdown(text: str) -> str:
    """Keep the signs of a plain text that the UI would take for markup: ``<day>`` would vanish."""
    return re.sub(r"([<*])", r"\\\1", text)
