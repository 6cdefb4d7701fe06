"""Parquet files. Only the columns that the schema names are read, whatever else is in them."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.raw import RawFile, require_column


def read_parquet(path: Path, roles: Mapping[str, str]) -> RawFile:
    """Read a Parquet file; pages that carry a checksum are verified."""
    wanted = list(roles.values())
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            for name in wanted:
                require_column(path, file.schema_arrow.names, name)
            table = file.read(columns=wanted).select(wanted)
    except (pa.ArrowException, OSError) as error:
        raise InvalidData(f"{path} cannot be read as Parquet: {str(error).rstrip('.')}. Write it anew.") from error
    return RawFile(path, table.rename_columns(list(roles)), lambda row: f"row {row + 1}")
