"""Bronze: the sealed files of a day, and their lines word for word."""

from collections.abc import Collection
from dataclasses import astuple
from typing import Final

import dagster as dg
from pyspark.sql import DataFrame

from etl import tables
from etl.bronze import files, lines
from etl.bronze.files import SealedFile
from orchestration.reads import same_days
from orchestration.table_asset import Made, Night, table_asset

BUILT_OF_LINES: Final = (
    tables.SILVER_ITEMS,
    tables.SILVER_IMPRESSIONS,
    tables.SILVER_OUTCOMES,
    tables.FEATURES_USER_DAILY,
)
"""What is first made of a day once its lines are balanced: before, its files may be mended."""


def _files(night: Night) -> Made:
    """Seal what lies in landing, or check that it is what was sealed."""
    table = tables.BRONZE_FILES
    made_days = night.lake.made_days(table)
    known = [SealedFile(**row) for row in night.lake.files.made(table).to_pylist()]
    found = files.seal(
        night.workspace.home.landing,
        sealed=known,
        sealed_days=made_days,
        days=night.days,
        open_days=made_days.difference(*map(night.lake.made_days, BUILT_OF_LINES)),
    )
    rows = night.lake.spark.createDataFrame([astuple(file) for file in found], table.schema)
    changed = [f"{file.source}/{file.file_name}" for file in known if _is_gone(file, found, night)]
    late = [f"{file.source}/{file.file_name}" for file in files.late_files(found)]
    said = {"num_files": len(found), "bytes_read": sum(file.num_bytes for file in found)}
    shown = {"files_found_late": late, "files_sealed_anew": changed}
    told = {what: dg.MetadataValue.json(names) for what, names in shown.items() if names}
    return Made(rows, said | told)


def _is_gone(file: SealedFile, found: Collection[SealedFile], night: Night) -> bool:
    """Tell whether a file that was sealed for a day is not, or not like that, part of it now."""
    return file.arrival_date in night.days and file not in found


def _lines(night: Night, files: DataFrame) -> DataFrame:
    """Split the sealed files at newlines."""
    return lines.build(files, landing=str(night.workspace.home.landing))


bronze_files = table_asset(tables.BRONZE_FILES, _files)
bronze_lines = table_asset(
    tables.BRONZE_LINES,
    _lines,
    reads={
        "files": same_days(tables.BRONZE_FILES),
    },
)
