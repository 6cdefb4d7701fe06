"""Times as the files have them, made comparable: nanoseconds since 1970 in UTC, or numbers as they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.calendars import LONGEST_SECONDS
from recsys_workers.data.categories import TEXTS
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.raw import TIMESTAMP, RawFile, plain

NANOSECONDS = pa.timestamp("ns")
TAKEN = (
    *TEXTS,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_null,
    pa.types.is_timestamp,
    pa.types.is_date,
)
TIMES = "a number, or an ISO 8601 time from 1677-09-22 to 2262-04-10"
WRITTEN_AS = (pa.int64(), pa.float64(), *(pa.timestamp(unit, zone) for zone in (None, "UTC") for unit in ("s", "ns")))
"""What text is tried as, in this order, which is that of Arrow's CSV reader."""
NUMBER = r"^([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|0x[0-9a-fA-F]+|(?i:[+-]?nan))$"
CLOCK = r"([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d(\.\d{1,9})?)?)?(Z|[+-]\d\d(:?\d\d)?)?"
MOMENT = rf"^\d{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([ T]{CLOCK})?$"
"""What text may look like that Arrow takes as one of WRITTEN_AS; it refuses some days, such as February 30."""
OFFSET = r"[ T]\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"
LARGEST = 2**63 - 1
EXACT = 2**53
"""Up to here a whole number is the same as a fraction of 64 bits."""


class NotTimes(InvalidData):
    """A column that does not hold numbers or times; what its cells are is told of this part of a file."""


@dataclass(slots=True)
class Cells:
    """Those of a column that have something in common."""

    count: int = 0
    first: str = ""
    """What it holds and where it stands."""

    def add(self, raw: RawFile, column: pa.ChunkedArray, chosen: pa.ChunkedArray) -> None:
        """Count those of a part, whose column this is, that are `chosen`."""
        count = pc.sum(chosen).as_py() or 0
        if count and not self.first:
            row = pc.index(chosen, True).as_py()
            value = column[row]
            shown = repr(value.as_py()[:60]) if _is_text(column) else value.cast(pa.string())
            self.first = f"{shown} in {raw.place(row)}"
        self.count += count


@dataclass(slots=True)
class Kinds:
    """What the cells of a column of a file are; parts of the file may be counted one after the other."""

    rows: int = 0
    numbers: int = 0
    times: int = 0
    wrong: Cells = field(default_factory=Cells)
    """Neither TIMES nor empty."""
    hint: str = ""
    """What else to know of the first of them."""
    inexact: Cells = field(default_factory=Cells)
    """Whole numbers beyond EXACT."""

    def count(self, raw: RawFile, column: pa.ChunkedArray) -> None:
        """Count those of a part, whose column this is."""
        self.rows += len(column)
        found = _parsed(column) if _is_text(column) else column
        if _is_text(found):
            numbers, times = _numbers_and_times(found)
            self.numbers += pc.sum(numbers).as_py() or 0
            self.times += pc.sum(times).as_py() or 0
            self._refuse(raw, column, pc.and_(found.is_valid(), pc.invert(pc.or_(numbers, times))))
            return
        filled = len(found) - found.null_count
        if pa.types.is_timestamp(found.type) or pa.types.is_date(found.type):
            self.times += filled
            self._refuse(raw, column, _outside(found), "Times further away can be given as numbers.")
            return
        self.numbers += filled
        if pa.types.is_floating(found.type):
            self._refuse(raw, column, pc.is_inf(found.cast(pa.float64())), "Numbers must be finite.")
        elif found.type == pa.uint64():
            self._refuse(raw, column, _beyond(found, LARGEST), f"Numbers go up to {LARGEST}.")
            self.inexact.add(raw, column, _beyond(found, EXACT))
        elif pa.types.is_integer(found.type):
            whole = found.cast(pa.int64())
            self.inexact.add(raw, column, pc.or_(_beyond(whole, EXACT), pc.less(whole, -EXACT)))

    def _refuse(self, raw: RawFile, column: pa.ChunkedArray, chosen: pa.ChunkedArray, hint: str = "") -> None:
        none_yet = not self.wrong.count
        self.wrong.add(raw, column, chosen)
        if none_yet and self.wrong.count:
            self.hint = f" {hint}" if hint else ""

    def refusal(self, path: Path, name: str) -> NotTimes:
        """What to raise for the file."""
        if self.wrong.count:
            neither = f"in {self.wrong.count} of its {self.rows} rows what is neither"
            told = f"it holds {self.wrong.first}, and {neither}. Correct them, or leave such rows out.{self.hint}"
        elif self.numbers and self.times:
            told = f"of its {self.rows} rows {self.numbers} hold a number and {self.times} a time."
        else:
            told = f"its {self.rows} rows hold numbers that do not go together, such as 0x1F and 0.5."
        return NotTimes(f"{path}: the column {name!r} must hold {TIMES}: {told}")

    def refusal_beside_fractions(self, path: Path, name: str) -> InvalidData:
        """What to raise for a file with whole numbers that would be others if they were fractions."""
        return InvalidData(
            f"{path}: the column {name!r} holds {self.inexact.first}, and in {self.inexact.count} of its {self.rows} "
            f"rows whole numbers beyond {EXACT}, which are not exact beside the fractions in other files: write whole "
            "numbers in all files, or count in a larger unit."
        )


def time_or_number(raw: RawFile, name: str, key: str = TIMESTAMP) -> pa.ChunkedArray:
    """The column as timestamp[ns] when the file has times, else as int64 or float64; null where nothing is.

    A reader may find a unit a file: whole seconds, nanoseconds where there are fractions, days where there are dates.
    `name` is what the file calls the column, `key` what `raw` does.
    """
    column = plain(raw.table[key])
    found = _parsed(column) if _is_text(column) else column
    kind = found.type
    if pa.types.is_time(kind):
        example = next(value for value in found if value.is_valid)
        raise InvalidData(
            f"{raw.path}: the column {name!r} holds times of the day without a date, such as {example}, "
            f"in {raw.rows} rows, which give no order: it must hold {TIMES}."
        )
    if not any(fits(kind) for fits in TAKEN):
        raise InvalidData(f"{raw.path}: the column {name!r} holds {kind} in {raw.rows} rows: it must hold {TIMES}.")
    made = _as_wanted(found)
    if made is None:
        kinds = Kinds()
        kinds.count(raw, column)
        raise kinds.refusal(raw.path, name)
    return made


def comparable(
    columns: Sequence[tuple[Path, pa.ChunkedArray]], name: str, kinds: Callable[[Path], Kinds]
) -> list[pa.ChunkedArray]:
    """The files' columns in one type; raises InvalidData where some have times and others numbers of unknown unit.

    `kinds` is asked for the cells of a file that is refused.
    """
    timed = [path for path, column in columns if column.type == NANOSECONDS]
    numbered = [path for path, column in columns if column.type != NANOSECONDS]
    if timed and numbered:
        raise numbers_and_times(timed[0], numbered[0], name)
    if timed or all(column.type == pa.int64() for _, column in columns):
        return [column.cast(pa.int64()) for _, column in columns]
    return [as_fractions(column, path, name, kinds) for path, column in columns]


def numbers_and_times(timed: Path, numbered: Path, name: str) -> InvalidData:
    """What to raise for a file with times and one with numbers."""
    return InvalidData(
        f"The column {name!r} holds ISO 8601 times in {timed} but numbers in {numbered}, "
        "which cannot be ordered together: write it the same way in all files."
    )


def as_fractions(numbers: pa.ChunkedArray, path: Path, name: str, kinds: Callable[[Path], Kinds]) -> pa.ChunkedArray:
    """Numbers as float64, because other files have fractions; raises InvalidData where one would be another."""
    try:
        return numbers.cast(pa.float64())
    except pa.ArrowInvalid as error:
        raise kinds(path).refusal_beside_fractions(path, name) from error


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


def _as_wanted(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """As `time_or_number` gives it; None where a cell is wrong. NaN is a missing value; an infinite one is no time."""
    if _is_text(column):
        return None
    moments = pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)
    number = pa.int64() if pa.types.is_integer(column.type) else pa.float64()
    try:
        made = column.cast(NANOSECONDS if moments else number)
    except pa.ArrowInvalid:
        return None
    if made.type != pa.float64():
        return made
    if pc.any(pc.is_inf(made)).as_py():
        return None
    return pc.if_else(pc.is_nan(made), pa.scalar(None, pa.float64()), made)


def _numbers_and_times(text: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Which cells are a number, and which a time that can be one of NANOSECONDS."""
    numbers, moments = (pc.match_substring_regex(text, pattern).fill_null(False) for pattern in (NUMBER, MOMENT))
    refused = _refused(pa.chunked_array([pc.unique(text.filter(moments))]))
    return numbers, pc.and_(moments, pc.invert(pc.is_in(text, pa.array(refused, pa.string()))))


def _refused(moments: pa.ChunkedArray) -> list[str]:
    """Those that Arrow does not take."""
    if not _is_text(_with_and_without_offset(moments)):
        return []
    if len(moments) == 1:
        return [str(moments[0])]
    middle = len(moments) // 2
    return [*_refused(moments.slice(0, middle)), *_refused(moments.slice(middle))]


def _beyond(whole: pa.ChunkedArray, limit: int) -> pa.ChunkedArray:
    return pc.greater(whole, pa.scalar(limit, whole.type))


def _outside(moments: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which times are too far away for NANOSECONDS."""
    seconds = moments.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    return pc.or_(pc.less_equal(seconds, -LONGEST_SECONDS), pc.greater_equal(seconds, LONGEST_SECONDS))


def _is_text(column: pa.ChunkedArray) -> bool:
    return any(fits(column.type) for fits in TEXTS)
