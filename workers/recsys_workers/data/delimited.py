"""Text files with a header: RecBole atomic files (tab separated, `name:type` headers) and CSV."""

from collections.abc import Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Protocol

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import csv

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.raw import TIMESTAMP, RawFile, require_column


class ReadDelimited(Protocol):
    """Reads a file, or a part of it with the file's header."""

    def __call__(self, path: Path, roles: Mapping[str, str], part: BytesIO | None = None) -> RawFile: ...


def read_recbole(path: Path, roles: Mapping[str, str], part: BytesIO | None = None) -> RawFile:
    """Read a RecBole atomic file, whose header gives each name a type after a colon."""
    header = _header(path, "\t")
    bare = {name.partition(":")[0]: name for name in header}
    physical = {role: name if name in header else bare.get(name, name) for role, name in roles.items()}
    for role, name in physical.items():
        require_column(path, header, name if name in header else roles[role])
    return _read(path, "RecBole", physical, csv.ParseOptions(delimiter="\t", quote_char=False), part)


def read_csv(path: Path, roles: Mapping[str, str], part: BytesIO | None = None) -> RawFile:
    """Read a file with commas, and quotes where a cell holds one."""
    header = [name.strip('"') for name in _header(path, ",")]
    for name in roles.values():
        require_column(path, header, name)
    return _read(path, "CSV", roles, csv.ParseOptions(delimiter=",", quote_char='"'), part)


def recbole_types(path: Path) -> dict[str, str]:
    """What the header of a RecBole atomic file says of each column: token, token_seq, float or float_seq."""
    return {name: kind for name, _, kind in (column.partition(":") for column in _header(path, "\t"))}


def _read(
    path: Path,
    file_format: str,
    physical: Mapping[str, str],
    parse_options: csv.ParseOptions,
    part: BytesIO | None,
) -> RawFile:
    read = partial(
        csv.read_csv,
        parse_options=parse_options,
        convert_options=csv.ConvertOptions(
            include_columns=list(physical.values()),
            column_types={name: pa.string() for role, name in physical.items() if role != TIMESTAMP},
            strings_can_be_null=False,
        ),
    )
    try:
        table = _with_row_numbers(read, path if part is None else part)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise InvalidData(f"{path} cannot be read as {file_format}: {error}.") from error
    return RawFile(path, table.rename_columns(list(physical)), lambda row: f"line {row + 2}")


def _with_row_numbers(read: "partial[pa.Table]", source: Path | BytesIO) -> pa.Table:
    """Read with threads; what is wrong is read again without, because only then Arrow says in which row."""
    try:
        return read(source)
    except pa.ArrowInvalid:
        if isinstance(source, BytesIO):
            source.seek(0)
        return read(source, read_options=csv.ReadOptions(use_threads=False))


def _header(path: Path, delimiter: str) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            line = stream.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidData(f"{path} cannot be read as text: {error}.") from error
    if not line:
        raise InvalidData(f"{path} is empty: its first line must name the columns.")
    return line.split(delimiter)
