"""Interactions as a stream of blocks in row order, for data that need not fit in memory.

A block is a table of some rows of one file: Arrow has the ids as text, the time as 64 bits, and what became of the row.
`ray.data` makes them, in as many processes as there are CPUs, in the order of the files; the memory is that of a few
blocks, whatever the dataset's size.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]

from recsys_workers.data.cleaning import Cleaning, inside
from recsys_workers.data.errors import InvalidData, StoreUnreachable
from recsys_workers.data.files import DatasetFile, telling_of
from recsys_workers.data.parts import PARTS, kinds_of_times
from recsys_workers.data.raw import SPLIT, TIMESTAMP
from recsys_workers.data.readers import Empty, values_of
from recsys_workers.data.split_column import TRAIN, WrongParts, coded
from recsys_workers.data.times import NANOSECONDS, Kinds, NotTimes
from recsys_workers.data.types import Mistyped

KEPT, INCOMPLETE, OUTSIDE, WRONG, UNREACHED = range(5)
"""What became of a row: it stays, lacks a value, is outside the time window; or it says what ended the reading."""
ENDED = {WRONG: InvalidData, UNREACHED: StoreUnreachable}
NOTHING, WHOLE, FRACTIONS, TIMED = range(4)
"""What the times of a part are: all missing, int64, float64, or nanoseconds since 1970."""
SCHEMA = pa.schema(
    [
        ("user", pa.string()),
        ("item", pa.string()),
        ("time", pa.int64()),
        ("kind", pa.int8()),
        ("fate", pa.int8()),
        ("file", pa.int32()),
        ("part", pa.int8()),
    ]
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read."""

    files: Sequence[DatasetFile]
    file_format: str
    roles: Mapping[str, str]
    cleaning: Cleaning
    types: Mapping[str, str] = field(default_factory=dict)
    """Of columns, by their names."""

    @property
    def paths(self) -> list[Path]:
        """Of the files."""
        return [file.path for file in self.files]

    def kinds_of_times(self, path: Path) -> Kinds:
        """What the cells of the column with the role Timestamp are, of one of the files."""
        return kinds_of_times(path, self.file_format, self.roles[TIMESTAMP])


def of_file(wanted: Wanted, number: int) -> Iterator[pa.Table]:
    """The blocks of one of the files. What ended the reading of it is a block too, the last one."""
    try:
        yield from _of_file(wanted, number)
    except (InvalidData, StoreUnreachable) as error:
        fate = WRONG if isinstance(error, InvalidData) else UNREACHED
        columns = [[str(error)], [None], [0], [NOTHING], [fate], [number], [TRAIN]]
        yield pa.table(columns, schema=SCHEMA)


def _of_file(wanted: Wanted, number: int) -> Iterator[pa.Table]:
    file, roles = wanted.files[number], wanted.roles
    empty = {role: Empty() for role in roles}
    mistyped = {role: Mistyped(name, wanted.types.get(name)) for role, name in roles.items()}
    wrong = WrongParts()
    for raw in PARTS[wanted.file_format](file.path, roles):
        for role, values in mistyped.items():
            values.look(raw, role)
        try:
            columns = values_of(raw, roles)
        except NotTimes as error:
            raise wanted.kinds_of_times(file.path).refusal(file.path, roles[TIMESTAMP]) from error
        for role, found in empty.items():
            found.count(raw, columns[role])
        if SPLIT in columns:
            text, columns[SPLIT] = columns[SPLIT], coded(columns[SPLIT])
            wrong.count(raw, text, columns[SPLIT])
        with telling_of(wanted.paths, roles.values()):
            block = _block(columns, wanted.cleaning, number)
        yield block
    for values in mistyped.values():
        values.refuse(file.path)
    if wanted.cleaning.missing != "Drop":
        for role, found in empty.items():
            found.refuse(file.path, roles[role])
    if SPLIT in roles:
        wrong.refuse(file.path, roles[SPLIT])


def _block(columns: Mapping[str, pa.ChunkedArray], cleaning: Cleaning, number: int) -> pa.Table:
    user, item, time, *more = (column.combine_chunks() for column in columns.values())
    part = more[0] if more else pa.repeat(pa.scalar(TRAIN, pa.int8()), len(user))
    kind = _kind(time)
    fate = np.where(_absent(user) | _absent(item) | _absent(time) | _absent(part), INCOMPLETE, KEPT)
    if kind == TIMED:
        time = time.cast(pa.int64())
    numbers = time.fill_null(0).to_numpy()
    if "timeWindow" in cleaning.document() and (fate == KEPT).any():
        within = inside(numbers, cleaning, timed=kind == TIMED)
        fate[(fate == KEPT) & ~within] = OUTSIDE
    rows = len(numbers)
    return pa.table(
        [user, item, numbers.view(np.int64), np.full(rows, kind), fate, np.full(rows, number), part], schema=SCHEMA
    )


def _kind(time: pa.Array) -> int:
    if time.null_count == len(time):
        return NOTHING
    if time.type == NANOSECONDS:
        return TIMED
    return WHOLE if time.type == pa.int64() else FRACTIONS


def _absent(column: pa.Array) -> npt.NDArray[np.bool_]:
    absent: npt.NDArray[np.bool_] = column.is_null().to_numpy(zero_copy_only=False)
    return absent


def in_this_process(wanted: Wanted) -> Iterator[pa.Table]:
    """All blocks in row order, without Ray."""
    for number in range(len(wanted.files)):
        yield from of_file(wanted, number)
