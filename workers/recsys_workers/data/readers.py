"""Reading interaction files into columns: RecBole atomic files (tab separated, `name:type` headers) and CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from pyarrow import csv

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import DatasetFile

DELIMITERS = {"RecBole": "\t", "CSV": ","}
ROLES = ("User", "Item", "Timestamp")
NANOSECONDS = pa.timestamp("ns")
LONGEST_SECONDS = (2**63 - 1) // 10**9
"""How far from 1970 a time may be, to be counted in nanoseconds by 64 bits."""
TIMES = "a number, or an ISO 8601 time from 1677-09-22 to 2262-04-10"


@dataclass(frozen=True, slots=True)
class Columns:
    """The interactions of all files in row order. Ids are strings; `time` is int64 (of times: ns) or float64."""

    user: pa.ChunkedArray
    item: pa.ChunkedArray
    time: pa.ChunkedArray


def roles_of(columns: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """{role: column name} of a RecModel's schema.columns; every role exactly once."""
    roles: dict[str, str] = {}
    for column in columns:
        if column["role"] not in ROLES:
            raise InvalidData(f"schema.columns: {column['name']!r} has role {column['role']!r}; roles are {ROLES}.")
        if column["role"] in roles:
            raise InvalidData(
                f"schema.columns gives the role {column['role']} to both {roles[column['role']]!r} and "
                f"{column['name']!r}: give it to one."
            )
        roles[column["role"]] = column["name"]
    missing = [role for role in ROLES if role not in roles]
    if missing:
        raise InvalidData(f"schema.columns has no column with role {' or '.join(missing)}: add it.")
    return roles


def read_columns(files: Sequence[DatasetFile], file_format: str, roles: Mapping[str, str]) -> Columns:
    """Read the three columns of every file, one file after the other in the order given.

    Raises InvalidData. Times are nanoseconds since 1970 in UTC (a time without an offset is taken as UTC), whatever
    precision a file has; numbers stay as they are, so all files must have the one or all the other.
    """
    tables = [(file.path, _read_file(file.path, file_format, roles)) for file in files]
    filled = [(path, table) for path, table in tables if table.num_rows]
    if not filled:
        raise InvalidData(f"The dataset {', '.join(str(file.path) for file in files)} has a header but no rows.")
    times = _comparable([(path, table["Timestamp"]) for path, table in filled], roles)
    table = pa.concat_tables(
        table.set_column(2, "Timestamp", time) for (_, table), time in zip(filled, times, strict=True)
    )
    return Columns(table["User"], table["Item"], table["Timestamp"])


def _read_file(path: Path, file_format: str, roles: Mapping[str, str]) -> pa.Table:
    delimiter = DELIMITERS[file_format]
    header = _header(path, delimiter)
    bare = {name.partition(":")[0]: name for name in header} if file_format == "RecBole" else {}
    physical = {role: _column(path, header, bare, name) for role, name in roles.items()}
    try:
        table = csv.read_csv(
            path,
            parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False if file_format == "RecBole" else '"'),
            convert_options=csv.ConvertOptions(
                include_columns=[physical[role] for role in ROLES],
                column_types={physical["User"]: pa.string(), physical["Item"]: pa.string()},
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise InvalidData(f"{path} cannot be read as {file_format}: {error}.") from error
    table = table.rename_columns(list(ROLES))
    for role in ("User", "Item"):
        _require_filled(path, roles[role], pc.equal(table[role], ""))
    _require_filled(path, roles["Timestamp"], table["Timestamp"].is_null())
    return table.set_column(2, "Timestamp", _time_or_number(table["Timestamp"], path, roles))


def _header(path: Path, delimiter: str) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            line = stream.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidData(f"{path} cannot be read as text: {error}.") from error
    if not line:
        raise InvalidData(f"{path} is empty: its first line must name the columns.")
    return [name.strip('"') if delimiter == "," else name for name in line.split(delimiter)]


def _column(path: Path, header: Sequence[str], bare: Mapping[str, str], name: str) -> str:
    if name in header:
        return name
    if name in bare:
        return bare[name]
    found = ", ".join(header)
    raise InvalidData(f"{path} has no column {name!r}, which schema.columns names: it has {found}.")


def _require_filled(path: Path, column: str, empty: pa.ChunkedArray) -> None:
    count = pc.sum(empty).as_py() or 0
    if count:
        first = pc.index(empty, True).as_py() + 2
        raise InvalidData(f"{path}: the column {column!r} is empty in {count} rows, the first is line {first}.")


def _time_or_number(column: pa.ChunkedArray, path: Path, roles: Mapping[str, str]) -> pa.ChunkedArray:
    """The column as timestamp[ns] when the file has times, else as int64 or float64.

    pyarrow infers a unit a file: whole seconds, nanoseconds where there are fractions, days where there are dates.
    """
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _nanoseconds(column, path, roles)
    if pa.types.is_time(column.type):
        raise InvalidData(
            f"{path}: the column {roles['Timestamp']!r} holds times of the day without a date, such as {column[0]}, "
            f"which give no order: it must hold {TIMES}."
        )
    return _cast(column, pa.float64(), TIMES, path, roles)


def _nanoseconds(column: pa.ChunkedArray, path: Path, roles: Mapping[str, str]) -> pa.ChunkedArray:
    try:
        return column.cast(NANOSECONDS)
    except pa.ArrowInvalid as error:
        moments = column.cast(pa.timestamp("s"))
        seconds = moments.cast(pa.int64())
        outside = pc.or_(pc.less(seconds, -LONGEST_SECONDS), pc.greater(seconds, LONGEST_SECONDS))
        row = pc.index(outside, True).as_py()
        raise InvalidData(
            f"{path}: the column {roles['Timestamp']!r} holds {moments[row].cast(pa.string())} in line {row + 2}: it "
            f"must hold {TIMES}. Correct that row or leave it out; times further away can be given as numbers."
        ) from error


def _comparable(columns: Sequence[tuple[Path, pa.ChunkedArray]], roles: Mapping[str, str]) -> list[pa.ChunkedArray]:
    """The files' columns in one type; raises InvalidData where some have times and others numbers of unknown unit."""
    timed = [path for path, column in columns if column.type == NANOSECONDS]
    numbered = [path for path, column in columns if column.type != NANOSECONDS]
    if timed and numbered:
        raise InvalidData(
            f"The column {roles['Timestamp']!r} holds ISO 8601 times in {timed[0]} but numbers in {numbered[0]}, "
            "which cannot be ordered together: write it the same way in all files."
        )
    if timed or all(column.type == pa.int64() for _, column in columns):
        return [column.cast(pa.int64()) for _, column in columns]
    return [_cast(column, pa.float64(), "a number", path, roles) for path, column in columns]


def _cast(
    column: pa.ChunkedArray, wanted: pa.DataType, meaning: str, path: Path, roles: Mapping[str, str]
) -> pa.ChunkedArray:
    try:
        cast = column.cast(wanted)
    except pa.ArrowInvalid as error:
        raise InvalidData(f"{path}: the column {roles['Timestamp']!r} must hold {meaning}: {error}.") from error
    if pa.types.is_floating(wanted):
        _require_filled(path, roles["Timestamp"], pc.is_nan(cast))
    return cast
