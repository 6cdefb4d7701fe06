"""Ids are text, whatever type a file gives them: the whole number 5 is the id that a CSV writes as 5."""

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.raw import RawFile, plain

LONGEST = 256
"""Characters: a client may send no longer one (`recsys_workers.serve.contract`)."""
FITTING = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_integer,
    pa.types.is_null,
)


def as_text(raw: RawFile, role: str, name: str) -> pa.ChunkedArray:
    """The column of this role as strings, null where it is empty; `name` is what the file calls it."""
    column = plain(raw.table[role])
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        example = next((value.as_py() for value in column if value.is_valid), None)
        raise InvalidData(
            f"{raw.path}: the column {name!r} holds {kind} numbers, such as {example}, in {raw.rows} rows, which are "
            "no ids: 5 and 5.0 would be two. Write whole numbers or text (pandas makes floats of whole numbers beside "
            "missing ones: convert the column with astype('Int64'))."
        )
    if not any(fits(kind) for fits in FITTING):
        raise InvalidData(
            f"{raw.path}: the column {name!r} holds {kind} in {raw.rows} rows: ids must be text or whole numbers."
        )
    column = column.cast(pa.string())
    long = pc.greater(pc.utf8_length(column), LONGEST)
    if pc.any(long).as_py():
        row = pc.index(long, True).as_py()
        raise InvalidData(
            f"{raw.path}: the column {name!r} holds an id of {len(column[row].as_py())} characters in "
            f"{raw.place(row)}, {column[row].as_py()[:60]!r}…, and {pc.sum(long).as_py()} of its {raw.rows} rows hold "
            f"more than {LONGEST}, which no client may send: shorten them."
        )
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
