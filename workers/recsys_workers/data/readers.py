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


@dataclass(frozen=True, slots=True)
class Columns:
    """The interactions of all files in row order. Ids are strings; `time` is int64 or float64."""

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
    """Read the three columns of every file, one file after the other in the order given."""
    tables = [_read_file(file.path, file_format, roles) for file in files]
    types = {table.schema.field("Timestamp").type for table in tables}
    if len(types) > 1:
        tables = [
            table.set_column(2, "Timestamp", _cast(table["Timestamp"], pa.float64(), "a number", files[0].path, roles))
            for table in tables
        ]
    table = pa.concat_tables(tables)
    if table.num_rows == 0:
        raise InvalidData(f"The dataset {', '.join(str(file.path) for file in files)} has a header but no rows.")
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
    return table.set_column(2, "Timestamp", _as_number(table["Timestamp"], path, roles))


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


def _as_number(column: pa.ChunkedArray, path: Path, roles: Mapping[str, str]) -> pa.ChunkedArray:
    if pa.types.is_integer(column.type) or pa.types.is_temporal(column.type):
        unit = pa.timestamp("us") if pa.types.is_date(column.type) else None
        return (column.cast(unit) if unit else column).cast(pa.int64())
    return _cast(column, pa.float64(), "a number or an ISO 8601 time", path, roles)


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
