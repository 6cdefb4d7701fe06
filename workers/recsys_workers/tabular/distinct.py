"""Which rows of a column have the same value, and how many values there are, a piece of the rows at a time.

The texts of a Text column need not fit in memory: each is known by 16 bytes, its BLAKE2b digest.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]

from recsys_workers.data.categories import canonical
from recsys_workers.preprocessing import Floats
from recsys_workers.tabular.schema import TEXT, Feature
from recsys_workers.tabular.table import Rows, Table, pieces

DIGEST = 16
"""Bytes; that two texts of a billion have the same is less likely than one in 10^20."""
Digests = npt.NDArray[np.bytes_]


def counted(table: Table, feature: Feature, rows: Rows) -> tuple[int, int]:
    """How many values a column has in these rows, and in how many of them none."""
    if table.columns.schema.field(feature.name).type == pa.float64():
        column = table.taken([feature.name], rows)[feature.name]
        return _of_numbers(column.drop_null().to_numpy()), int(column.null_count)
    known, missing = [], 0
    for column in _parts(table, feature.name, rows):
        missing += int(column.null_count)
        texts = column.drop_null()
        known.append(np.unique(_digests(texts)) if feature.role == TEXT else canonical(texts).unique())
    if feature.role == TEXT:
        return len(np.unique(np.concatenate(known))), missing
    return len(pa.chunked_array(known, pa.string()).unique()), missing


def same_texts(table: Table, name: str, rows: Rows) -> Rows:
    """A column of text in some rows, one at least, as numbers from 0 on, equal where the texts are, or nothing is."""
    found = np.concatenate([_digests(column) for column in _parts(table, name, rows)])
    return np.unique(found, return_inverse=True)[1]


def _parts(table: Table, name: str, rows: Rows) -> Iterator[pa.ChunkedArray]:
    for some in pieces(rows, table.bytes_a_row([name])):
        yield table.taken([name], some)[name]


def _digests(column: pa.ChunkedArray) -> Digests:
    """Each text's digest, and zeros where nothing is."""
    texts = column.cast(pa.binary()).to_pylist()
    each = (bytes(DIGEST) if text is None else hashlib.blake2b(text, digest_size=DIGEST).digest() for text in texts)
    return np.frombuffer(b"".join(each), dtype=f"S{DIGEST}")


def _of_numbers(known: Floats) -> int:
    ordered = np.sort(known.view(np.int64))
    return int(np.count_nonzero(np.diff(ordered))) + bool(len(ordered))
