"""Whether a column holds values of the type that schema.columns gives it, before anything is made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.raw import RawFile, plain

TEXT, INTEGER, NUMBER, BOOLEAN, TIME = TYPES = ("Text", "Integer", "Number", "Boolean", "Time")
WRITTEN = {
    TEXT: "",
    INTEGER: r"^\s*[+-]?[0-9]+\s*$",
    NUMBER: r"(?i)^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?\s*$|^\s*nan\s*$",
    BOOLEAN: r"(?i)^\s*(true|false|0|1)\s*$",
    TIME: r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?$",
}
"""What a value of each type looks like in a format that has text only. Whether there is such a day, others find out."""
SHOWN = 60
"""How many characters of a wrong value a message shows."""


def types_of(columns: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """{column name: type} of a RecModel's schema.columns, of those that have one; raises InvalidData."""
    found = {str(column["name"]): str(column["type"]) for column in columns if column.get("type") is not None}
    for name, kind in found.items():
        if kind not in TYPES:
            raise InvalidData(f"schema.columns: {name!r} has the type {kind}: use {', '.join(TYPES)}.")
    return found


@dataclass(slots=True)
class Mistyped:
    """Which values of a column of a file are not of its type; parts of the file may be looked at one after the other.

    Whole numbers are numbers; numbers without fractions that a file has as floats, because one is missing, are whole; 0
    and 1 are booleans. An empty value is of any type.
    """

    name: str
    """What the file calls the column."""
    wanted: str | None
    """None: any."""
    rows: int = 0
    wrong: int = 0
    first: str = ""

    def look(self, raw: RawFile, key: str) -> None:
        """Look at a part, which calls the column `key`; raises InvalidData where the whole column is of another."""
        column = plain(raw.table[key])
        self.rows += len(column)
        if self.wanted is None or pa.types.is_null(column.type):
            return
        wrong = _wrong(column, self.wanted)
        if wrong is None:
            raise InvalidData(
                f"{raw.path}: the column {self.name!r} holds {column.type} in {self.rows} rows, and schema.columns "
                f"gives it the type {self.wanted}: write it so, or change the type."
            )
        count = pc.sum(wrong).as_py() or 0
        if count and not self.wrong:
            row = pc.index(wrong, True).as_py()
            self.first = f"{str(column[row].as_py())[:SHOWN]!r} in {raw.place(row)}"
        self.wrong += count

    def refuse(self, path: Path) -> None:
        """Raise InvalidData when there was any."""
        if self.wrong:
            raise InvalidData(
                f"{path}: the column {self.name!r} holds {self.first}, which is not of the type {self.wanted}; so do "
                f"{self.wrong} of its {self.rows} rows. Correct them, or change the column's type in schema.columns."
            )


def require(raw: RawFile, key: str, name: str, wanted: str | None) -> None:
    """Raise InvalidData unless all values of the column are of that type; None asks for nothing.

    `name` is what the file calls the column, `key` what `raw` does.
    """
    found = Mistyped(name, wanted)
    found.look(raw, key)
    found.refuse(raw.path)


def _wrong(column: pa.ChunkedArray, wanted: str) -> pa.ChunkedArray | None:
    """Which values are not of the type; None when the column's own type says that none can be."""
    kind = column.type
    right = pc.is_valid(column)
    if any(fits(kind) for fits in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)):
        text = column.cast(pa.string())
        right = pc.or_(pc.match_substring_regex(text, WRITTEN[wanted]), pc.equal(pc.utf8_trim_whitespace(text), ""))
    elif pa.types.is_boolean(kind):
        if wanted != BOOLEAN:
            return None
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        if wanted != TIME:
            return None
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = column.cast(pa.float64(), safe=False)
        if wanted == INTEGER:
            right = pc.or_(pc.equal(pc.floor(numbers), numbers), pc.is_nan(numbers))
        elif wanted == BOOLEAN:
            right = pc.or_(pc.is_in(numbers, pa.array([0.0, 1.0])), pc.is_nan(numbers))
        elif wanted != NUMBER:
            return None
    else:
        return None
    return pc.and_(pc.is_valid(column), pc.invert(pc.fill_null(right, False)))
