"""POST /predict of a model of rows: what a client may send, and a sentence about the first thing that is wrong."""

import difflib
import json
import math
from typing import Any

import numpy as np

from recsys_workers.calendars import LONGEST_SECONDS, UNITS, Calendar, seconds_of_number, seconds_of_text
from recsys_workers.preprocessing import OF_NUMBERS, Column, Columns, Numeric, Preprocessing, optional
from recsys_workers.serve.contract import describe
from recsys_workers.serve.refusal import Refused, bad_request
from recsys_workers.spelling import text_of
from recsys_workers.tfidf import Text

MAX_ROWS = 1000
MAX_TEXT = 1024


def parse(body: bytes, fitted: Preprocessing) -> tuple[Columns, int]:
    """The columns of `{"rows": [{column: value}, …]}` and how many rows; raises Refused (400) naming the field.

    Every column that the model was trained on must be in every row. null, or a column that is left out, is a missing
    value, which only columns may have whose `missing` in the schema says what becomes of it.
    """
    rows = _rows(body)
    names = [column.name for column in fitted.columns]
    known = frozenset(names)
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise _wrong(f"rows[{index}]", row, "an object of column: value")
        if unknown := next((name for name in row if name not in known), None):
            raise _unknown(f"rows[{index}]", unknown, names)
    columns: dict[str, Any] = {}
    for column in fitted.columns:
        values = [_value(row, index, column) for index, row in enumerate(rows)]
        columns[column.name] = np.array(values, dtype=np.float64) if isinstance(column, OF_NUMBERS) else values
    return columns, len(rows)


def _value(row: dict[str, Any], index: int, column: Column) -> float | str | None:
    """A row's value of a column, as `Preprocessing.apply` takes it."""
    value, place = row.get(column.name), f"rows[{index}].{column.name}"
    numeric = isinstance(column, OF_NUMBERS)
    # As in the training data, where an empty cell is a missing value.
    if value is None or (value == "" and not isinstance(column, Numeric)):
        _require_optional(place, name_given=column.name in row, missing=optional(column))
        return math.nan if numeric else None
    if isinstance(column, Numeric):
        return _number(value, place)
    if isinstance(column, Calendar):
        return _time(value, place, column)
    return _text(value, place, longest=None if isinstance(column, Text) else MAX_TEXT)


def _rows(body: bytes) -> list[Any]:
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise bad_request("MalformedJSON", f"The body is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise bad_request("InvalidValue", f"The body is {describe(document)}, but must be an object.")
    if unknown := next((name for name in document if name != "rows"), None):
        shown = unknown[:64]
        raise bad_request("UnknownField", f"{shown} is not a field of the request: the field is rows.", shown)
    if "rows" not in document:
        raise bad_request("MissingField", "rows is missing.", "rows")
    rows = document["rows"]
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
        raise _wrong("rows", rows, f"a list of 1 to {MAX_ROWS} rows")
    return rows


def _number(value: object, place: str) -> float:
    # bool is an int: true is 1 and false 0, as in the training data.
    if not isinstance(value, int | float):
        raise _wrong(place, value, "a number, true or false")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise bad_request("InvalidValue", f"{place} is too large: it must be a finite number.", place)
    return number


def _time(value: object, place: str, column: Calendar) -> float:
    wanted = f"an ISO 8601 date or time, or a number of {column.unit.lower()} since 1970"
    seconds: int | None = None
    if isinstance(value, str):
        seconds = seconds_of_text(value)
    elif not isinstance(value, bool) and isinstance(value, int | float):
        # What is beyond any time is not divided: it may be too large for it.
        near = abs(value) <= (LONGEST_SECONDS + 1) * UNITS[column.unit]
        seconds = seconds_of_number(value, column.unit) if near else LONGEST_SECONDS + 1
    if seconds is None:
        raise _wrong(place, value, wanted)
    if abs(seconds) > LONGEST_SECONDS:
        told = f"{place} is too far from 1970: it must be {wanted}, from 1677-09-22 to 2262-04-10."
        raise bad_request("InvalidValue", told, place)
    return float(seconds)


def _text(value: object, place: str, longest: int | None) -> str:
    try:
        text = text_of(value)
    except ValueError as error:
        raise bad_request("InvalidValue", f"{place} is too long for a category.", place) from error
    if text is None or (isinstance(value, str) and longest is not None and len(value) > longest):
        wanted = "a string" if longest is None else f"a string of at most {longest} characters"
        raise _wrong(place, value, f"{wanted}, a whole number, true or false")
    return text


def _require_optional(place: str, *, name_given: bool, missing: bool) -> None:
    if missing:
        return
    if name_given:
        raise bad_request(
            "InvalidValue", f"{place} is empty, but the model was trained on rows where it is not.", place
        )
    raise bad_request("MissingField", f"{place} is missing.", place)


def _unknown(place: str, name: str, known: list[str]) -> Refused:
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"the columns are {', '.join(known)}."
    return bad_request("UnknownField", f"{place}.{name[:64]} is no column of the model: {hint}", f"{place}.{name[:64]}")


def _wrong(place: str, found: object, wanted: str) -> Refused:
    return bad_request("InvalidValue", f"{place} is {describe(found)}, but must be {wanted}.", place)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
