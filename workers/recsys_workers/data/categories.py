"""Categories are text, whatever type a file gives them; so are labels and the parts of a split.

Which texts are the same category recsys_workers.spelling says.
"""

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.raw import RawFile, plain
from recsys_workers.spelling import spelled

TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


def as_text(raw: RawFile, key: str, name: str) -> pa.ChunkedArray:
    """The column as strings, null where it is empty. Whole numbers are their digits, booleans true or false."""
    column = plain(raw.table[key])
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        column = _whole(raw, column, name)
    fitting = (*TEXTS, pa.types.is_integer, pa.types.is_boolean, pa.types.is_null)
    if not any(fits(column.type) for fits in fitting):
        raise InvalidData(
            f"{raw.path}: the column {name!r} holds {column.type} in {raw.rows} rows: categories and labels must be "
            "text, whole numbers or booleans."
        )
    column = column.cast(pa.string())
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def canonical(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Categories as strings, each as `spelled` spells it."""
    return pa.chunked_array([_canonical(chunk) for chunk in column.chunks], pa.string())


def _canonical(chunk: pa.Array) -> pa.Array:
    coded = chunk.dictionary_encode()
    texts = coded.dictionary.to_pylist()
    spellings = list(map(spelled, texts))
    return chunk if spellings == texts else pa.array(spellings, pa.string()).take(coded.indices)


def _whole(raw: RawFile, column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Whole numbers that pandas made floats, because one was missing, as integers; NaN is missing."""
    column = column.cast(pa.float64())
    column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise InvalidData(
            f"{raw.path}: the column {name!r} holds numbers with fractions in {raw.rows} rows, which are no "
            "categories: write text, or give numbers to learn from the role Numeric."
        ) from error
