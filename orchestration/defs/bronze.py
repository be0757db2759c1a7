"""Bronze: the sealed files of a day, and their lines word for word."""

from dataclasses import astuple

import dagster as dg
from pyspark.sql import DataFrame

from etl import tables
from etl.bronze import files, lines
from etl.bronze.files import SealedFile
from orchestration.reads import same_days
from orchestration.table_asset import Made, Night, table_asset


def _files(night: Night) -> Made:
    """Seal what lies in landing, or check that it is what was sealed."""
    table = tables.BRONZE_FILES
    known = [SealedFile(**row) for row in night.lake.files.made(table).to_pylist()]
    found = files.seal(
        night.workspace.home.landing,
        sealed=known,
        sealed_days=night.lake.made_days(table),
        days=night.days,
    )
    rows = night.lake.spark.createDataFrame([astuple(file) for file in found], table.schema)
    late = [f"{file.source}/{file.file_name}" for file in files.late_files(found)]
    said = {"num_files": len(found), "bytes_read": sum(file.num_bytes for file in found)}
    return Made(rows, said | ({"files_found_late": dg.MetadataValue.json(late)} if late else {}))


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
