"""Parquet files. Only the columns that the schema names are read, whatever else is in them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet

from recsys_workers.data.errors import InvalidData, StoreUnreachable, not_given, reached
from recsys_workers.data.raw import RawFile, require_column


def read_parquet(path: Path, roles: Mapping[str, str]) -> RawFile:
    """Read a Parquet file; pages that carry a checksum are verified."""
    wanted = list(roles.values())
    with opened(path, roles) as file:
        try:
            table = file.read(columns=wanted).select(wanted)
        except (pa.ArrowException, OSError) as error:
            raise damaged(path, wanted, error) from error
    return RawFile(path, table.rename_columns(list(roles)), row_of)


def row_of(row: int) -> str:
    """How a message names a row."""
    return f"row {row + 1}"


@contextmanager
def opened(path: Path, roles: Mapping[str, str]) -> Iterator[parquet.ParquetFile]:
    """The file, in which each of the columns is there once; raises InvalidData and StoreUnreachable."""
    try:
        file = parquet.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from error
    with file:
        for name in roles.values():
            require_column(path, file.schema_arrow.names, name, lambda: file.metadata.num_rows)
        yield file


def damaged(path: Path, names: Sequence[str], error: Exception) -> InvalidData | StoreUnreachable:
    """What to raise when Arrow has opened the file and cannot read it: its `error`, and in which of the columns."""
    with reached(path), parquet.ParquetFile(path, page_checksum_verification=True) as file:
        rows = file.metadata.num_rows
        for name in names:
            try:
                for _ in file.iter_batches(columns=[name]):
                    pass
            except (pa.ArrowException, OSError) as found:
                return unreadable(path, found, f"the column {name!r} of its {rows} rows is damaged: ")
    return unreadable(path, error, f"of its {rows} rows some are damaged: ")


def unreadable(path: Path, error: Exception, what: str = "") -> InvalidData | StoreUnreachable:
    """What to raise for an error of Arrow."""
    told = f"{path} cannot be read as Parquet: {what}{str(error).rstrip('.')}. Write it anew."
    return not_given(path, error) or InvalidData(told)
