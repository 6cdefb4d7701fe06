"""Every user's items in time order, as integers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]

from recsys_workers.data.readers import Columns

TOGETHER = 1_000_000
"""Rows that are counted at once."""
Indices = npt.NDArray[np.int32]
PartCodes = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Interactions:
    """All sequences, flat: user u's items are `items[offsets[u]:offsets[u + 1]]`, oldest first.

    Rows are ordered by (timestamp, row number), those with parts by (timestamp, part, row number). `items` holds item
    indices from 1 to len(item_ids): index i is `item_ids[i - 1]`; 0 is left for padding. Ids are in id order:
    numerically when all of them are whole numbers, else lexicographically.
    """

    user_ids: list[str]
    item_ids: list[str]
    items: Indices
    offsets: npt.NDArray[np.int64]
    tied_users: int
    """Users whose last timestamp occurs more than once: which of their items is the last is decided by row number."""
    times: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    """When each of `items` was, as in recsys_workers.data.readers.Columns."""
    timed: bool
    """Whether `times` are nanoseconds since 1970; else they are numbers of unknown unit."""
    parts: PartCodes | None = None
    """The part of each of `items`, as in recsys_workers.data.split_column, where a column says it."""

    def sequence(self, user: int) -> Indices:
        """The items of one user, oldest first."""
        return self.items[self.offsets[user] : self.offsets[user + 1]]

    def popularity(self) -> list[int]:
        """How many interactions each item has, in index order."""
        counts = np.zeros(len(self.item_ids) + 1, dtype=np.int64)
        for start in range(0, len(self.items), TOGETHER):
            counts += np.bincount(self.items[start : start + TOGETHER], minlength=len(counts))
        found: list[int] = counts[1:].tolist()
        return found


def in_order(columns: Columns) -> Interactions:
    """Sort the rows into sequences."""
    user_ids, user = _indexed(columns.user)
    item_ids, item = _indexed(columns.item)
    time = columns.time.to_numpy()
    part = None if columns.part is None else columns.part.to_numpy()
    number = np.arange(len(time))
    order = np.lexsort((number, time, user) if part is None else (number, part, time, user))
    lengths = np.bincount(user, minlength=len(user_ids))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    sorted_time = time[order]
    last = offsets[1:] - 1
    tied = (lengths > 1) & (sorted_time[last] == sorted_time[np.maximum(last - 1, 0)])
    items = (item[order] + 1).astype(np.int32)
    sorted_part = None if part is None else part[order]
    return Interactions(user_ids, item_ids, items, offsets, int(tied.sum()), sorted_time, columns.timed, sorted_part)


def id_order(ids: list[str]) -> list[str]:
    """Sort ids: as whole numbers when all are, else as text."""
    if all(text.isascii() and text.isdecimal() for text in ids):
        return sorted(ids, key=lambda text: (int(text), text))
    return sorted(ids)


def _indexed(column: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.int64]]:
    encoded = column.combine_chunks().dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    ordered = id_order(distinct)
    position = {text: index for index, text in enumerate(ordered)}
    rank = np.array([position[text] for text in distinct], dtype=np.int64)
    return ordered, rank[encoded.indices.to_numpy()]
