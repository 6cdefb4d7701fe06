"""Reading interaction files into columns. Each format has its reader; what follows is the same for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.data.delimited import read_csv, read_recbole
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import DatasetFile
from recsys_workers.data.ids import as_text
from recsys_workers.data.json_lines import read_json_lines
from recsys_workers.data.parquet import read_parquet
from recsys_workers.data.raw import ROLES, RawFile, Reader
from recsys_workers.data.times import comparable, time_or_number

READERS: Mapping[str, Reader] = {
    "RecBole": read_recbole,
    "CSV": read_csv,
    "Parquet": read_parquet,
    "JSONLines": read_json_lines,
}


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
    tables = [(file.path, _table(READERS[file_format](file.path, roles), roles)) for file in files]
    filled = [(path, table) for path, table in tables if table.num_rows]
    if not filled:
        raise InvalidData(f"The dataset {', '.join(str(file.path) for file in files)} has no rows.")
    times = comparable([(path, table["Timestamp"]) for path, table in filled], roles["Timestamp"])
    table = pa.concat_tables(
        table.set_column(2, "Timestamp", time) for (_, table), time in zip(filled, times, strict=True)
    )
    return Columns(table["User"], table["Item"], table["Timestamp"])


def _table(raw: RawFile, roles: Mapping[str, str]) -> pa.Table:
    """The file's columns in the types of `Columns`, but that times are still timestamp[ns]."""
    columns = [as_text(raw, role, roles[role]) for role in ROLES[:2]]
    columns.append(time_or_number(raw, roles["Timestamp"]))
    for role, column in zip(ROLES, columns, strict=True):
        _require_filled(raw, roles[role], column.is_null())
    return pa.table(columns, names=list(ROLES))


def _require_filled(raw: RawFile, name: str, empty: pa.ChunkedArray) -> None:
    count = pc.sum(empty).as_py() or 0
    if count:
        first = raw.place(pc.index(empty, True).as_py())
        raise InvalidData(
            f"{raw.path}: the column {name!r} is empty in {count} of {len(empty)} rows, the first is {first}."
        )
