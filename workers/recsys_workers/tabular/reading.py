"""Reading a table of rows part by part: each column in the type of its role, or a sentence about a wrong value.

What was read goes to the pod's disk, since it need not fit in memory; see recsys_workers.tabular.scratch.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.data.categories import as_text
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import DatasetFile
from recsys_workers.data.parts import PARTS, kinds_of_times
from recsys_workers.data.raw import CATEGORY, TIMESTAMP, RawFile
from recsys_workers.data.readers import READERS
from recsys_workers.data.times import NANOSECONDS, comparable, time_or_number
from recsys_workers.data.types import require
from recsys_workers.preprocessing import REGRESSION
from recsys_workers.tabular.cells import as_number, as_seconds
from recsys_workers.tabular.schema import CALENDAR, NUMERIC, TableSchema
from recsys_workers.tabular.scratch import on_disk, scratch
from recsys_workers.tabular.table import Place, Table, Times


class _SeveralKinds(Exception):
    """A file's times are of one kind in one part and of another in the next: only the whole column tells its own."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class _Part:
    """Some rows of a file; `times` is what `time_or_number` gives of the schema's Timestamp."""

    columns: pa.Table
    times: pa.ChunkedArray | None
    place: Callable[[int], str]


def read(files: Sequence[DatasetFile], file_format: str, schema: TableSchema) -> Table:
    """Read the schema's columns of every file; raises InvalidData for a column that is missing or of another type.

    Raises OSError when the disk is full.
    """
    whole: set[str] = set()
    while True:
        try:
            return _read(files, _Reader(file_format, schema, frozenset(whole)))
        except _SeveralKinds as found:
            whole.add(found.name)


def _read(files: Sequence[DatasetFile], reader: "_Reader") -> Table:
    places, times = [], []
    with scratch(reader.kinds) as laid_down:
        for file in files:
            rows, of_file, place = 0, [], None
            for part in reader.parts(file):
                laid_down.add(part.columns)
                rows += part.columns.num_rows
                of_file.append(part.times)
                place = place or part.place
            if place is not None:
                places.append(Place(file.path, rows, place))
                times.append((file.path, of_file))
        if not places:
            raise InvalidData(f"The dataset {', '.join(str(file.path) for file in files)} has no rows.")
        columns = laid_down.mapped()
    return Table(reader.schema, columns, _times(times, reader), places)


def _times(files: Sequence[tuple[Path, Sequence[Any]]], reader: "_Reader") -> Times | None:
    name = reader.schema.timestamp
    if name is None:
        return None
    columns = [(path, _one_kind(parts)) for path, parts in files]
    absent = np.concatenate([column.is_null().to_numpy() for _, column in columns])
    filled = [(path, pc.fill_null(column, pa.scalar(0, column.type))) for path, column in columns]
    made = comparable(filled, name, lambda path: kinds_of_times(path, reader.file_format, name))
    found = pa.chunked_array([chunk for column in made for chunk in column.chunks]).to_numpy()
    return Times(on_disk(found), absent, timed=columns[0][1].type == NANOSECONDS)


def _one_kind(parts: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """The parts of a file's times as one column; a part without any time takes the kind of the others."""
    kind = next((part.type for part in parts if part.null_count < len(part)), parts[0].type)
    same = [part if part.type == kind else pa.chunked_array([pa.nulls(len(part), kind)]) for part in parts]
    return pa.chunked_array([chunk for part in same for chunk in part.chunks], kind)


class _Reader:
    """Reads one file after the other; of the columns of times in `whole` each file's at once."""

    def __init__(self, file_format: str, schema: TableSchema, whole: frozenset[str]) -> None:
        self.file_format = file_format
        self.schema = schema
        self.whole = whole
        self.units = {feature.name: feature.unit for feature in schema.features if feature.role == CALENDAR}
        label = schema.label if schema.objective == REGRESSION else None
        numeric = {feature.name for feature in schema.features if feature.role == NUMERIC}
        self.numeric = numeric | {name for name in (schema.weight, label) if name is not None}
        self.named = {self._key(name): name for name in schema.columns}

    def _key(self, name: str) -> str:
        """What readers are to call the column."""
        if name == self.schema.timestamp:
            return TIMESTAMP
        return f"column {name}" if name in self.numeric or name in self.units else f"{CATEGORY}{name}"

    @property
    def kinds(self) -> pa.Schema:
        """The columns of the table; a Timestamp that no calendar is seen of is none."""
        kept = [name for key, name in self.named.items() if key != TIMESTAMP or name in self.units]
        numbers = self.numeric | self.units.keys()
        return pa.schema([(name, pa.float64() if name in numbers else pa.string()) for name in kept])

    def parts(self, file: DatasetFile) -> Iterator[_Part]:
        """The rows of a file; raises InvalidData as the whole file would, and _SeveralKinds."""
        keys = {name: key for key, name in self.named.items()}
        whole = {name: self._times(self._alone(file, keys[name]), keys[name]) for name in self.whole}
        kinds: dict[str, pa.DataType] = {}
        before = 0
        for raw in PARTS[self.file_format](file.path, self.named):
            rows = raw.table.num_rows
            if not rows:
                continue
            try:
                self._require(raw)
                times = {name: column.slice(before, rows) for name, column in whole.items()}
                times |= self._all_times(raw, but=self.whole)
                columns = self._columns(raw, times)
            except InvalidData:
                self._refuse(file)
                raise
            for name, column in times.items():
                if column.null_count < rows and kinds.setdefault(name, column.type) != column.type:
                    raise _SeveralKinds(name)
            before += rows
            yield _Part(columns, times.get(str(self.schema.timestamp)), raw.place)

    def _require(self, raw: RawFile) -> None:
        for key in raw.table.column_names:
            require(raw, key, self.named[key], self.schema.types.get(self.named[key]))

    def _times(self, raw: RawFile, key: str) -> pa.ChunkedArray:
        return time_or_number(raw, self.named[key], key)

    def _all_times(self, raw: RawFile, but: Collection[str] = ()) -> dict[str, pa.ChunkedArray]:
        """The columns of times, by their names, without some."""
        return {
            self.named[key]: self._times(raw, key)
            for key in raw.table.column_names
            if (key == TIMESTAMP or self.named[key] in self.units) and self.named[key] not in but
        }

    def _columns(self, raw: RawFile, times: Mapping[str, pa.ChunkedArray]) -> pa.Table:
        """Those of `kinds` that the file, or its part, was read with."""
        made = {}
        for key in raw.table.column_names:
            name = self.named[key]
            if name in self.units:
                made[name] = as_seconds(raw, name, self.units[name], times[name])
            elif key != TIMESTAMP:
                made[name] = (as_number if name in self.numeric else as_text)(raw, key, name)
        return pa.table(made)

    def _alone(self, file: DatasetFile, key: str) -> RawFile:
        """One column of a whole file."""
        return READERS[self.file_format](file.path, {key: self.named[key]})

    def _refuse(self, file: DatasetFile) -> None:
        """Raise InvalidData for what is wrong with a file, by all of its rows: one column after the other."""
        for key in self.named:
            self._require(self._alone(file, key))
        for key in self.named:
            raw = self._alone(file, key)
            self._columns(raw, self._all_times(raw))
