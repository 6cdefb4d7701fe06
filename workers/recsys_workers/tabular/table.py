"""The rows of a run in memory that is a file's: what is asked of them reads a column, or some rows of it, at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]

from recsys_workers.data.categories import canonical
from recsys_workers.preprocessing import Floats
from recsys_workers.tabular.schema import TableSchema

Rows = npt.NDArray[np.int64]
AT_ONCE, BYTES = 1 << 16, 64 << 20
"""Rows of which more than a column is held at a time: at most so many, and of wide ones as many as take these bytes."""
SCORED_TOGETHER = 1024
"""Rows that a graph is given together. Pieces are whole ones of these, so that they change no bit of its outputs."""


@dataclass(frozen=True, slots=True)
class Times:
    """The timestamps of all rows; `found` and `timed` as `time` in recsys_workers.data.readers.Columns."""

    found: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    absent: npt.NDArray[np.bool_]
    """Where there is none."""
    timed: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A file that has rows; `name` names one of them (from 0) as the user finds it in the file."""

    path: Path
    rows: int
    name: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of all files in their order. `columns` are float64 (null is missing) or strings, by name.

    Calendar columns are whole seconds since 1970 in UTC.
    """

    schema: TableSchema
    columns: pa.Table
    times: Times | None
    """None without a timestamp."""
    places: Sequence[Place]
    """To name a row by."""
    carried: Mapping[str, int] = field(default_factory=dict)
    """By column with missing: ForwardFill, how many rows took the value of one before; see tabular.filling."""

    def __len__(self) -> int:
        return int(self.columns.num_rows)

    def numbers(self, name: str) -> Floats:
        """A column of numbers, NaN where nothing is."""
        found: Floats = self.columns[name].to_numpy().astype(np.float64, copy=False)
        return found

    def text(self, name: str, row: int) -> str | None:
        """A cell of a column of text, None where nothing is."""
        found: str | None = self.columns[name][row].as_py()
        return found

    def coded(self, name: str) -> tuple[Rows, list[str]]:
        """A column of text as places in the list of its distinct texts, and -1 where nothing is."""
        return codes_of(self.columns[name])

    def codes(self, name: str) -> Rows:
        """A column of text as numbers, the same for the same text, or category, and -1 where nothing is."""
        return self.same(name, self.columns[name])

    def same(self, name: str, column: pa.ChunkedArray) -> Rows:
        """`codes` of some rows of the column."""
        return codes_of(canonical(column) if name in self.schema.categories else column)[0]

    def distinct(self, name: str, rows: Rows) -> int:
        """How many texts, or categories, a column has in these rows, where none is missing."""
        return int(np.count_nonzero(np.bincount(self.codes(name)[rows])))

    def taken(self, names: Sequence[str], rows: Rows) -> pa.Table:
        """Some rows of some columns. The rows rise, so that each piece of a column gives its own."""
        chosen = self.columns.select(names)
        batches = chosen.to_batches()
        starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
        cuts = np.searchsorted(rows, starts).tolist()
        return pa.Table.from_batches(
            [
                batch.take(pa.array(rows[first:end] - start))
                for batch, start, (first, end) in zip(batches, starts, pairwise(cuts), strict=False)
                if first < end
            ],
            chosen.schema,
        )

    def bytes_a_row(self, names: Sequence[str]) -> int:
        """What the cells of some columns take, in the mean of all rows."""
        return int(self.columns.select(names).nbytes) // max(1, len(self))

    def place(self, row: int) -> str:
        """The file of a row, and where in it."""
        for file in self.places:
            if row < file.rows:
                return f"{file.path}, {file.name(row)}"
            row -= file.rows
        raise IndexError(row)


def codes_of(column: pa.ChunkedArray) -> tuple[Rows, list[str]]:
    """See Table.coded."""
    chunks = column.dictionary_encode().chunks  # each with the dictionary of the whole column
    codes = pa.chunked_array([chunk.indices for chunk in chunks], pa.int32())
    return codes.fill_null(-1).to_numpy().astype(np.int64), chunks[0].dictionary.to_pylist() if chunks else []


def pieces(rows: Rows, width: int = 1) -> Iterator[Rows]:
    """The rows, or positions, so many at a time as may be held with all their columns; `width` is a row's bytes."""
    count = min(AT_ONCE, max(1, BYTES // max(1, width) // SCORED_TOGETHER) * SCORED_TOGETHER)
    for start in range(0, len(rows), count):
        yield rows[start : start + count]
