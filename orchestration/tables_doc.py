"""Writes docs/tables.md from the declarations: ``python -m orchestration.tables_doc``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from etl import tables
from etl.tables import Table

PATH: Final = Path(__file__).parents[1] / "docs" / "tables.md"
_LAYERS: Final = {
    "bronze": "What arrived, word for word.",
    "silver": "Lines read, typed, counted once; what could not be read, and why.",
    "features": "What is known of users, items and their pairs at the end of a day.",
    "retrieval": "What each source learned.",
    "similar": "Items like an item.",
    "candidates": "What is worth ranking for each user tonight.",
    "examples": "What rankers learn from.",
    "rankers": "Fitted rankers, how they measured, who serves.",
    "slates": "What users are shown.",
    "proposals": "What sources would have proposed to those who came.",
    "reports": "How slates fared, and what sources brought.",
    "data_quality": "What was checked.",
    "publications": "What readers were given.",
}


def text() -> str:
    """Write every table with its columns; tables that differ by surface only are written once."""
    parts = [
        "# Tables",
        "Written by `python -m orchestration.tables_doc` from `etl/tables`; a test keeps it true. "
        "Every table is partitioned by its first column, `arrival_date`.",
    ]
    layers = dict.fromkeys(table.layer for table in tables.ALL)
    for layer in layers:
        parts += [f"## {layer}", _LAYERS[layer]]
        seen: set[str] = set()
        for table in (t for t in tables.ALL if t.layer == layer):
            if table.grain not in seen:
                seen.add(table.grain)
                parts.append(_table(table))
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    twins = [t for t in tables.ALL if t.layer == table.layer and t.grain == table.grain]
    head = f"### {', '.join(twin.path for twin in twins)}"
    said = [head, _purposes(twins), table.described]
    rows = ["| column | type | what it holds |", "|---|---|---|"]
    for field in table.schema:
        kind = field.dataType.simpleString()
        shown = kind if len(kind) <= _LONGEST_TYPE else kind.split("<")[0] + "<…>"
        null = "" if not field.nullable else ", may be null"
        comment = table.comment(field.name).replace("|", "\\|")
        rows.append(f"| {field.name} | {shown.replace('|', '')}{null} | {comment} |")
    return "\n\n".join([*said, "\n".join(rows)])


def _purposes(twins: Sequence[Table]) -> str:
    if len({twin.purpose for twin in twins}) == 1:
        return twins[0].purpose
    return "\n".join(f"- {twin.path}: {twin.purpose}" for twin in twins)


_LONGEST_TYPE: Final = 40


if __name__ == "__main__":
    PATH.write_text(text())
