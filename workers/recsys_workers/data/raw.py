"""What the reader of each format gives: some columns as the file has them, and how to name one of its rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]

from recsys_workers.data.errors import InvalidData

TIMESTAMP = "Timestamp"
IDS = ("User", "Item")
ROLES = (*IDS, TIMESTAMP)
"""What interactions have; another table has other columns, and readers take any."""
SPLIT = "Split"
"""What they have besides for the protocol ByColumn."""
ATTRIBUTE = "attribute "
"""Roles that begin so may have lists in their cells."""
CATEGORY = "category "
"""Roles that begin so have text in their cells, whole numbers or booleans, and no numbers with fractions."""


@dataclass(frozen=True, slots=True)
class RawFile:
    """One file as it is: the columns are named by their role, in the order that was asked, in whatever types it has.

    A missing value is null. `place` names a row (from 0) as the user finds it in the file: `line 3`, `row 2`.
    """

    path: Path
    table: pa.Table
    place: Callable[[int], str]
    whole: int | None = None
    """How many rows the file has, where this is a part of it and that is known."""

    @property
    def rows(self) -> int:
        """How many rows a message may say that the file has."""
        return self.table.num_rows if self.whole is None else self.whole


Reader = Callable[[Path, Mapping[str, str]], RawFile]
"""(path, {role: column}) → the file; raises InvalidData.

Text files give everything but the timestamp as text; JSON lines take ids of the roles in IDS only as ids, and give
cells of attributes as lists of text.
"""


NAME_ANOTHER = "Name one of these there, or write the column into the file."


def shifted(place: Callable[[int], str], before: int) -> Callable[[int], str]:
    """Names the rows of a part, which so many rows of the file stand before."""
    return lambda row: place(row + before)


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column, or a part of it, without a dictionary."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def require_column(path: Path, header: Sequence[str], name: str, count_rows: Callable[[], int]) -> None:
    """Raise InvalidData unless the header has this column once; only then the rows below it are counted."""
    count = header.count(name)
    if count == 1:
        return
    found = f"{', '.join(header)} ({count_rows()} rows)"
    if not count:
        raise InvalidData(f"{path} has no column {name!r}, which schema.columns names: it has {found}. {NAME_ANOTHER}")
    raise InvalidData(
        f"{path} has {count} columns {name!r}, of which one is wanted: it has {found}. Rename the others."
    )
