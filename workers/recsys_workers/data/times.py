"""Times as the files have them, made comparable: nanoseconds since 1970 in UTC, or numbers as they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.calendars import LONGEST_SECONDS
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.raw import TIMESTAMP, RawFile, plain

NANOSECONDS = pa.timestamp("ns")
TIMES = "a number, or an ISO 8601 time from 1677-09-22 to 2262-04-10"
WRITTEN_AS = (pa.int64(), pa.float64(), *(pa.timestamp(unit, zone) for zone in (None, "UTC") for unit in ("s", "ns")))
"""What text is tried as, in this order, which is that of Arrow's CSV reader."""
NUMBER = r"^([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|0x[0-9a-fA-F]+|(?i:[+-]?inf|[+-]?infinity|[+-]?nan))$"
CLOCK = r"([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d(\.\d{1,9})?)?)?(Z|[+-]\d\d(:?\d\d)?)?"
MOMENT = rf"^\d{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([ T]{CLOCK})?$"
"""What text may look like that Arrow takes as one of WRITTEN_AS; it refuses some days, such as February 30."""
OFFSET = r":\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"


class NotTimes(InvalidData):
    """A column of text that is neither all numbers nor all times; what its cells are is told of this part of a file."""


@dataclass(slots=True)
class Kinds:
    """What the cells of a column of a file are; parts of the file may be counted one after the other."""

    rows: int = 0
    numbers: int = 0
    times: int = 0
    neither: int = 0
    first: str = ""
    """The first cell that is neither, and where it stands."""
    refused: str = ""
    """What Arrow says of the first part that it takes as none of WRITTEN_AS."""

    def count(self, raw: RawFile, column: pa.ChunkedArray) -> None:
        """Count those of a part, whose column this is."""
        self.rows += len(column)
        filled = len(column) - column.null_count
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            moments = pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)
            self.times += filled if moments else 0
            self.numbers += 0 if moments else filled
            return
        text = _texts(column)
        numbers, times = (pc.match_substring_regex(text, pattern).fill_null(False) for pattern in (NUMBER, MOMENT))
        neither = pc.and_(text.is_valid(), pc.invert(pc.or_(numbers, times)))
        self.numbers += pc.sum(numbers).as_py() or 0
        self.times += pc.sum(times).as_py() or 0
        if pc.any(neither).as_py() and not self.first:
            row = pc.index(neither, True).as_py()
            self.first = f"{text[row].as_py()[:60]!r} in {raw.place(row)}"
        self.neither += pc.sum(neither).as_py() or 0
        if not self.refused:
            try:
                text.cast(NANOSECONDS)
            except pa.ArrowInvalid as error:
                self.refused = str(error)

    def refusal(self, path: Path, name: str) -> NotTimes:
        """What to raise for the file."""
        if self.neither:
            told = f"it holds {self.first}, and in {self.neither} of its {self.rows} rows what is neither"
        elif self.numbers and self.times:
            told = f"of its {self.rows} rows {self.numbers} hold a number and {self.times} a time"
        else:
            told = f"{self.refused}, and in {self.rows} rows there may be more"
        return NotTimes(f"{path}: the column {name!r} must hold {TIMES}: {told}.")


def time_or_number(raw: RawFile, name: str, key: str = TIMESTAMP) -> pa.ChunkedArray:
    """The column as timestamp[ns] when the file has times, else as int64 or float64; null where nothing is.

    A reader may find a unit a file: whole seconds, nanoseconds where there are fractions, days where there are dates.
    `name` is what the file calls the column, `key` what `raw` does.
    """
    column = plain(raw.table[key])
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = _parsed(column)
    kind = column.type
    if pa.types.is_string(kind):
        kinds = Kinds()
        kinds.count(raw, column)
        raise kinds.refusal(raw.path, name)
    if pa.types.is_integer(kind):
        return _cast(column, pa.int64(), raw.path, name)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _nanoseconds(column, raw, name)
    if pa.types.is_time(kind):
        example = next(value for value in column if value.is_valid)
        raise InvalidData(
            f"{raw.path}: the column {name!r} holds times of the day without a date, such as {example}, "
            f"in {raw.rows} rows, which give no order: it must hold {TIMES}."
        )
    if not (pa.types.is_floating(kind) or pa.types.is_null(kind)):
        raise InvalidData(f"{raw.path}: the column {name!r} holds {kind} in {raw.rows} rows: it must hold {TIMES}.")
    return _finite(_cast(column, pa.float64(), raw.path, name), raw, name)


def comparable(columns: Sequence[tuple[Path, pa.ChunkedArray]], name: str) -> list[pa.ChunkedArray]:
    """The files' columns in one type; raises InvalidData where some have times and others numbers of unknown unit."""
    timed = [path for path, column in columns if column.type == NANOSECONDS]
    numbered = [path for path, column in columns if column.type != NANOSECONDS]
    if timed and numbered:
        raise numbers_and_times(timed[0], numbered[0], name)
    if timed or all(column.type == pa.int64() for _, column in columns):
        return [column.cast(pa.int64()) for _, column in columns]
    return [_cast(column, pa.float64(), path, name) for path, column in columns]


def numbers_and_times(timed: Path, numbered: Path, name: str) -> InvalidData:
    """What to raise for a file with times and one with numbers."""
    return InvalidData(
        f"The column {name!r} holds ISO 8601 times in {timed} but numbers in {numbered}, "
        "which cannot be ordered together: write it the same way in all files."
    )


def times_and_numbers(path: Path, name: str) -> InvalidData:
    """What to raise for a file with both."""
    return InvalidData(f"{path}: the column {name!r} holds ISO 8601 times but also numbers: it must hold {TIMES}.")


def as_fractions(numbers: pa.Array, path: Path, name: str) -> pa.Array:
    """Whole numbers as float64, because other files have fractions; raises InvalidData where one would be another."""
    return _cast(numbers, pa.float64(), path, name)


def bound(value: str | int, field: str, *, timed: bool) -> int | float:
    """A limit in the numbers of the column: nanoseconds when it holds times (`timed`), else the number itself."""
    column = _parsed(pa.chunked_array([pa.array([str(value)])]))
    fitting = (pa.types.is_timestamp,) if timed else (pa.types.is_integer, pa.types.is_floating)
    if not any(fits(column.type) for fits in fitting):
        found, wanted = ("numbers", "a number") if not timed else ("times", "an ISO 8601 time")
        raise InvalidData(f"{field} is {value}, but the column of timestamps holds {found}: write {wanted}.")
    if not timed:
        number: int | float = column[0].as_py()
        return number
    try:
        nanoseconds: int = column.cast(NANOSECONDS).cast(pa.int64())[0].as_py()
    except pa.ArrowInvalid as error:
        raise InvalidData(f"{field} is {value}: it must be {TIMES}.") from error
    return nanoseconds


def written(time: int | float, *, timed: bool) -> str:
    """A value of the column for people: an ISO 8601 time in UTC, or the number."""
    if not timed:
        return repr(time)
    moment: str = pa.scalar(time, pa.int64()).cast(NANOSECONDS).cast(pa.timestamp("us"), safe=False).as_py().isoformat()
    return f"{moment}Z"


def _parsed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as numbers or times, or as it is where it is neither; "" is null."""
    text = _texts(column)
    for wanted in WRITTEN_AS:
        try:
            return text.cast(wanted)
        except pa.ArrowInvalid:
            continue
    return _with_and_without_offset(text)


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = column.cast(pa.string())
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _with_and_without_offset(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times of which only some name an offset, or the text as it is where it is something else."""
    offset = pc.match_substring_regex(text, OFFSET)
    nothing = pa.scalar(None, pa.string())
    try:
        named = pc.if_else(offset, text, nothing).cast(pa.timestamp("ns", "UTC"))
        bare = pc.if_else(offset, nothing, text).cast(NANOSECONDS)
    except pa.ArrowInvalid:
        return text
    return pc.coalesce(named.cast(NANOSECONDS), bare)


def _nanoseconds(column: pa.ChunkedArray, raw: RawFile, name: str) -> pa.ChunkedArray:
    try:
        return column.cast(NANOSECONDS)
    except pa.ArrowInvalid as error:
        moments = column.cast(pa.timestamp("s"), safe=False)
        seconds = moments.cast(pa.int64())
        outside = pc.or_(pc.less(seconds, -LONGEST_SECONDS), pc.greater(seconds, LONGEST_SECONDS))
        row = pc.index(outside, True).as_py()
        raise InvalidData(
            f"{raw.path}: the column {name!r} holds {moments[row].cast(pa.string())} in {raw.place(row)}: it "
            f"must hold {TIMES}. Correct that row or leave it out; times further away can be given as numbers."
        ) from error


def _finite(column: pa.ChunkedArray, raw: RawFile, name: str) -> pa.ChunkedArray:
    """NaN is a missing value; an infinite one is no time."""
    infinite = pc.is_inf(column)
    if pc.any(infinite).as_py():
        row = pc.index(infinite, True).as_py()
        raise InvalidData(
            f"{raw.path}: the column {name!r} holds {column[row]} in {raw.place(row)}: it must hold {TIMES}."
        )
    return pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)


def _cast(column: pa.ChunkedArray, wanted: pa.DataType, path: Path, name: str) -> pa.ChunkedArray:
    try:
        return column.cast(wanted)
    except pa.ArrowInvalid as error:
        raise InvalidData(f"{path}: the column {name!r} must hold {TIMES}: {error}.") from error
