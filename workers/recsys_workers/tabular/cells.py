"""One column of a file, or of a part of it, as numbers or seconds; or a sentence about the first wrong value."""

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.calendars import LONGEST_SECONDS, UNITS, seconds_of_numbers
from recsys_workers.data.categories import TEXTS
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.raw import RawFile, plain
from recsys_workers.data.times import NANOSECONDS

NUMBER = r"(?i)^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$|^[+-]?(nan|inf|infinity)$"
"""What Arrow makes a number of."""
NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)


def as_seconds(raw: RawFile, name: str, unit: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """What `time_or_number` gave as whole seconds since 1970, null where nothing is, in float64.

    Raises InvalidData for what is no time.
    """
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
    return pa.chunked_array([pa.array(seconds_of_numbers(numbers, unit), mask=absent)])


def as_number(raw: RawFile, key: str, name: str) -> pa.ChunkedArray:
    """The column as float64, null where it is empty or NaN; raises InvalidData for text that is no number.

    true is 1 and false 0, as booleans and as text, however that is written.
    """
    column = plain(raw.table[key])
    if any(fits(column.type) for fits in TEXTS):
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
        try:
            column = _numbers(text)
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


def _numbers(text: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        return _without_booleans(text).cast(pa.float64())


def _without_booleans(text: pa.ChunkedArray) -> pa.ChunkedArray:
    lower = pc.utf8_lower(text)
    for word, digit in (("true", "1"), ("false", "0")):
        text = pc.if_else(pc.equal(lower, word), digit, text)
    return text


def _not_numbers(text: pa.ChunkedArray) -> tuple[int, int]:
    """The first row that is no number, and how many rows are none."""
    wrong = pc.invert(pc.match_substring_regex(_without_booleans(text), NUMBER))
    return pc.index(wrong, True).as_py(), pc.sum(wrong).as_py()
