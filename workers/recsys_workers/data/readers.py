"""Reading interaction files into columns. Each format has its reader; what follows is the same for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.data import categories
from recsys_workers.data.delimited import read_csv, read_recbole
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import DatasetFile
from recsys_workers.data.ids import as_text
from recsys_workers.data.json_lines import read_json_lines
from recsys_workers.data.parquet import read_parquet
from recsys_workers.data.parts import kinds_of_times
from recsys_workers.data.raw import IDS, ROLES, SPLIT, TIMESTAMP, RawFile, Reader
from recsys_workers.data.split_column import WrongParts, coded
from recsys_workers.data.times import NANOSECONDS, comparable, time_or_number
from recsys_workers.data.types import require

READERS: Mapping[str, Reader] = {
    "RecBole": read_recbole,
    "CSV": read_csv,
    "Parquet": read_parquet,
    "JSONLines": read_json_lines,
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The interactions of all files in row order. Ids are strings."""

    user: pa.ChunkedArray
    item: pa.ChunkedArray
    time: pa.ChunkedArray
    """int64, or float64 where numbers have fractions."""
    timed: bool
    """Whether `time` counts nanoseconds since 1970 in UTC; else they are the file's own numbers."""
    incomplete: int
    """How many rows were left out because one of their values is missing."""
    part: pa.ChunkedArray | None = None
    """int8, as in recsys_workers.data.split_column; None where no column says it."""


def roles_of(columns: Sequence[Mapping[str, str]], *, split: bool = False) -> dict[str, str]:
    """{role: column name} of a RecModel's schema.columns, in the order of ROLES; every role exactly once.

    Without `split` a column with the role Split may be there, and is not read.
    """
    wanted = (*ROLES, SPLIT) if split else ROLES
    roles: dict[str, str] = {}
    for column in columns:
        if column["role"] not in (*ROLES, SPLIT):
            known = ", ".join((*ROLES, SPLIT))
            raise InvalidData(f"schema.columns: {column['name']!r} has role {column['role']!r}; roles are {known}.")
        if column["role"] in roles:
            raise InvalidData(
                f"schema.columns gives the role {column['role']} to both {roles[column['role']]!r} and "
                f"{column['name']!r}: give it to one."
            )
        roles[column["role"]] = column["name"]
    missing = [role for role in wanted if role not in roles]
    if missing:
        raise InvalidData(f"schema.columns has no column with role {' or '.join(missing)}: add it.")
    return {role: roles[role] for role in wanted}


def read_columns(
    files: Sequence[DatasetFile],
    file_format: str,
    roles: Mapping[str, str],
    *,
    types: Mapping[str, str] | None = None,
    drop_incomplete: bool = False,
) -> Columns:
    """Read the columns of the roles from every file, one file after the other in the order given.

    Raises InvalidData; also for a missing value, unless rows with one are to be dropped. Times are nanoseconds since
    1970 in UTC (a time without an offset is taken as UTC), whatever precision a file has; numbers stay as they are, so
    all files must have the one or all the other.
    """
    incomplete = 0
    tables = []
    for file in files:
        raw = READERS[file_format](file.path, roles)
        for role in roles:
            require(raw, role, roles[role], (types or {}).get(roles[role]))
        table, dropped = _table(raw, roles, drop_incomplete=drop_incomplete)
        incomplete += dropped
        if table.num_rows:
            tables.append((file.path, table))
    if not tables:
        raise nothing_read(files, roles, incomplete)
    timed = tables[0][1]["Timestamp"].type == NANOSECONDS
    name = roles[TIMESTAMP]
    of_files = [(path, table[TIMESTAMP]) for path, table in tables]
    times = comparable(of_files, name, lambda path: kinds_of_times(path, file_format, name))
    whole = pa.concat_tables(
        table.set_column(2, "Timestamp", time) for (_, table), time in zip(tables, times, strict=True)
    )
    part = whole[SPLIT] if SPLIT in roles else None
    return Columns(whole["User"], whole["Item"], whole["Timestamp"], timed, incomplete, part)


def nothing_read(files: Sequence[DatasetFile], roles: Mapping[str, str], incomplete: int) -> InvalidData:
    """What to raise when the files have no row, or none but `incomplete` ones."""
    named = ", ".join(str(file.path) for file in files)
    if incomplete:
        return InvalidData(
            f"The dataset {named} has no row with a value in each of the columns {', '.join(roles.values())}: "
            f"cleaning.missing dropped all {incomplete} rows."
        )
    return InvalidData(f"The dataset {named} has no rows.")


def _table(raw: RawFile, roles: Mapping[str, str], *, drop_incomplete: bool) -> tuple[pa.Table, int]:
    """The file's columns as in `Columns`, but that times are still timestamp[ns]; and how many rows were dropped."""
    columns = values_of(raw, roles)
    if not drop_incomplete:
        for role, column in columns.items():
            empty = Empty()
            empty.count(raw, column)
            empty.refuse(raw.path, roles[role])
    if SPLIT in columns:
        text, wrong = columns[SPLIT], WrongParts()
        columns[SPLIT] = coded(text)
        wrong.count(raw, text, columns[SPLIT])
        wrong.refuse(raw.path, roles[SPLIT])
    table = pa.table(columns)
    whole = table.drop_null()
    return whole, table.num_rows - whole.num_rows


def values_of(raw: RawFile, roles: Mapping[str, str]) -> dict[str, pa.ChunkedArray]:
    """The columns of a file, or of a part of it, by role, in the order of ROLES; null where a cell is empty.

    Ids and what the column with the role Split holds are text, times are timestamp[ns] or numbers.
    """
    columns = {role: as_text(raw, role, roles[role]) for role in IDS}
    columns[TIMESTAMP] = time_or_number(raw, roles[TIMESTAMP])
    if SPLIT in roles:
        columns[SPLIT] = categories.as_text(raw, SPLIT, roles[SPLIT])
    return columns


@dataclass(slots=True)
class Empty:
    """Which cells of a column of a file are empty; parts of the file may be counted one after the other."""

    rows: int = 0
    cells: int = 0
    first: str = ""

    def count(self, raw: RawFile, column: pa.ChunkedArray) -> None:
        """Count those of a part, whose column this is."""
        self.rows += len(column)
        if column.null_count:
            self.first = self.first or raw.place(pc.index(column.is_null(), True).as_py())
            self.cells += column.null_count

    def refuse(self, path: Path, name: str) -> None:
        """Raise InvalidData when there is any."""
        if self.cells:
            raise InvalidData(
                f"{path}: the column {name!r} is empty in {self.cells} of {self.rows} rows, the first is {self.first}: "
                "fill it, or drop such rows with cleaning.missing: Drop."
            )
