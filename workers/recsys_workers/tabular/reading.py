"""Reading a table of rows: each column in the type of its role, or a sentence about the first wrong value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.calendars import LONGEST_SECONDS, UNITS, seconds_of_numbers
from recsys_workers.data.categories import TEXTS, as_text
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import DatasetFile
from recsys_workers.data.raw import TIMESTAMP, RawFile, plain
from recsys_workers.data.readers import READERS
from recsys_workers.data.times import NANOSECONDS, comparable, time_or_number
from recsys_workers.data.types import require
from recsys_workers.preprocessing import REGRESSION, Floats
from recsys_workers.tabular.schema import CALENDAR, NUMERIC, TableSchema

NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)


@dataclass(frozen=True, slots=True)
class Times:
    """The timestamps of all rows; `found` and `timed` as `time` in recsys_workers.data.readers.Columns."""

    found: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    absent: npt.NDArray[np.bool_]
    """Where there is none."""
    timed: bool


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of all files in their order. `columns` are float64 (null is missing) or strings, by name.

    Calendar columns are whole seconds since 1970 in UTC.
    """

    schema: TableSchema
    columns: pa.Table
    times: Times | None
    """None without a timestamp."""
    places: Sequence[RawFile]
    """The files that have rows, to name a row by."""
    carried: Mapping[str, int] = field(default_factory=dict)
    """By column with missing: ForwardFill, how many rows took the value of one before; see tabular.filling."""

    def __len__(self) -> int:
        return int(self.columns.num_rows)

    def numbers(self, name: str) -> Floats:
        """A column of numbers, NaN where nothing is."""
        found: Floats = self.columns[name].to_numpy().astype(np.float64)
        return found

    def texts(self, name: str) -> list[str | None]:
        """A column of text, None where nothing is."""
        found: list[str | None] = self.columns[name].to_pylist()
        return found

    def codes(self, name: str) -> npt.NDArray[np.int64]:
        """A column of text as numbers, the same for the same text, and -1 where nothing is."""
        encoded = self.columns[name].combine_chunks().dictionary_encode()
        found: npt.NDArray[np.int64] = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
        return found

    def place(self, row: int) -> str:
        """The file of a row, and where in it."""
        for file in self.places:
            if row < file.table.num_rows:
                return f"{file.path}, {file.place(row)}"
            row -= file.table.num_rows
        raise IndexError(row)


def read(files: Sequence[DatasetFile], file_format: str, schema: TableSchema) -> Table:
    """Read the schema's columns of every file; raises InvalidData for a column that is missing or of another type."""
    named = {TIMESTAMP if name == schema.timestamp else f"column {name}": name for name in schema.columns}
    raws = [READERS[file_format](file.path, named) for file in files]
    raws = [raw for raw in raws if raw.table.num_rows]
    if not raws:
        raise InvalidData(f"The dataset {', '.join(str(file.path) for file in files)} has no rows.")
    for raw in raws:
        for key, name in named.items():
            require(raw, key, name, schema.types.get(name))
    seen = {feature.name for feature in schema.features}
    columns = {
        name: _joined(raws, key, name, schema) for key, name in named.items() if key != TIMESTAMP or name in seen
    }
    return Table(schema, pa.table(columns), _times(raws, schema.timestamp), raws)


def _times(raws: Sequence[RawFile], name: str | None) -> Times | None:
    if name is None:
        return None
    columns = [(raw.path, time_or_number(raw, name)) for raw in raws]
    absent = np.concatenate([column.is_null().to_numpy() for _, column in columns])
    filled = [(path, pc.fill_null(column, pa.scalar(0, column.type))) for path, column in columns]
    found = pa.chunked_array([chunk for made in comparable(filled, name) for chunk in made.chunks]).to_numpy()
    return Times(found, absent, timed=columns[0][1].type == NANOSECONDS)


def _joined(raws: Sequence[RawFile], key: str, name: str, schema: TableSchema) -> pa.ChunkedArray:
    numeric = {feature.name for feature in schema.features if feature.role == NUMERIC} | {schema.weight}
    if schema.objective == REGRESSION:
        numeric.add(schema.label)
    units = {feature.name: feature.unit for feature in schema.features if feature.role == CALENDAR}
    if name in units:
        return pa.chunked_array([_seconds(raw, key, name, units[name]) for raw in raws])
    read_as = as_number if name in numeric else as_text
    return pa.chunked_array([chunk for raw in raws for chunk in read_as(raw, key, name).chunks])


def _seconds(raw: RawFile, key: str, name: str, unit: str) -> pa.Array:
    """The column as whole seconds since 1970, null where nothing is; raises InvalidData for what is no time."""
    column = time_or_number(raw, name, key)
    absent = column.is_null().to_numpy()
    if column.type == NANOSECONDS:
        column, unit = column.cast(pa.int64()), "Nanoseconds"
    numbers = pc.fill_null(column, pa.scalar(0, column.type)).to_numpy()
    outside = np.abs(numbers.astype(np.float64)) > LONGEST_SECONDS * float(UNITS[unit])
    if outside.any():
        row = int(outside.argmax())
        raise InvalidData(
            f"{raw.path}: the column {name!r} holds {column[row]} in {raw.place(row)}, and in {outside.sum()} of its "
            f"{len(column)} rows what is no time from 1677-09-22 to 2262-04-10 where numbers count {unit}: correct it, "
            f"or give the column another unit of {', '.join(UNITS)}."
        )
    return pa.array(seconds_of_numbers(numbers, unit), mask=absent)


def as_number(raw: RawFile, key: str, name: str) -> pa.ChunkedArray:
    """The column as float64, null where it is empty or NaN; raises InvalidData for text that is no number."""
    column = plain(raw.table[key])
    if any(fits(column.type) for fits in TEXTS):
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
        try:
            column = text.cast(pa.float64())
        except pa.ArrowInvalid as error:
            row, count = _not_numbers(text)
            raise InvalidData(
                f"{raw.path}: the column {name!r} holds {text[row].as_py()[:60]!r} in {raw.place(row)}, which is no "
                f"number; so do {count} of its {len(text)} rows. Correct them, or give the column the role Categorical."
            ) from error
    elif not (any(fits(column.type) for fits in NUMBERS) or pa.types.is_null(column.type)):
        raise InvalidData(f"{raw.path}: the column {name!r} holds {column.type} in {len(column)} rows, and no numbers.")
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    column = column.cast(pa.float64(), safe=False)
    infinite = pc.is_inf(column)
    if pc.any(infinite).as_py():
        row = pc.index(infinite, True).as_py()
        raise InvalidData(
            f"{raw.path}: the column {name!r} holds {column[row]} in {raw.place(row)}, and in "
            f"{pc.sum(infinite).as_py()} of its {len(column)} rows: numbers must be finite."
        )
    return pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)


def _not_numbers(text: pa.ChunkedArray) -> tuple[int, int]:
    """The first row that is no number, and how many rows are none."""
    wrong = []
    for row, value in enumerate(text.to_pylist()):
        try:
            float("0" if value is None else value)
        except ValueError:
            wrong.append(row)
    return (wrong[0], len(wrong)) if wrong else (0, len(text))
