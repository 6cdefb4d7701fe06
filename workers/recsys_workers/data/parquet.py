"""Parquet files. Only the columns that the schema names are read, whatever else is in them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.raw import RawFile, require_column


def read_parquet(path: Path, roles: Mapping[str, str]) -> RawFile:
    """Read a Parquet file; pages that carry a checksum are verified."""
    wanted = list(roles.values())
    with opened(path, roles) as file:
        try:
            table = file.read(columns=wanted).select(wanted)
        except (pa.ArrowException, OSError) as error:
            raise unreadable(path, error) from error
    return RawFile(path, table.rename_columns(list(roles)), row_of)


def row_of(row: int) -> str:
    """How a message names a row."""
    return f"row {row + 1}"


@contextmanager
def opened(path: Path, roles: Mapping[str, str]) -> Iterator[parquet.ParquetFile]:
    """The file, in which each of the columns is there once; raises InvalidData."""
    try:
        file = parquet.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from error
    with file:
        for name in roles.values():
            require_column(path, file.schema_arrow.names, name)
        yield file


def unreadable(path: Path, error: Exception) -> InvalidData:
    """What to raise for an error of Arrow."""
    return InvalidData(f"{path} cannot be read as Parquet: {str(error).rstrip('.')}. Write it anew.")
