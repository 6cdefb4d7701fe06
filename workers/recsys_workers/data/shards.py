"""Interactions on the disk, dealt out to shards: each has all rows of some users, in the order of the rows.

A shard fits in memory. Duplicates and the order of rows are matters of one shard; for the least interactions only the
counts of all users and items are held.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_workers.data.cleaning import distinct
from recsys_workers.data.interactions import Interactions, PartCodes, id_order

SHARD_ROWS = 1_000_000
"""Rows of a shard, about, and of a piece that is dealt out at once; those of one user are never divided."""

Codes = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shard:
    """Some rows; user and item are places among the ids. Of a shard they are views of what is on the disk."""

    user: Codes
    item: Codes
    time: Numbers
    part: PartCodes
    """As in recsys_workers.data.split_column."""

    @property
    def columns(self) -> tuple[Codes, Codes, Numbers, PartCodes]:
        """All of them."""
        return self.user, self.item, self.time, self.part

    def at(self, rows: slice) -> "Shard":
        """Views of some of the rows."""
        return Shard(self.user[rows], self.item[rows], self.time[rows], self.part[rows])


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows. `pieces(size)` gives them, so many at a time."""

    user_ids: list[str]
    item_ids: list[str]
    count: int
    time: "np.dtype[Any]"
    pieces: Callable[[int], Iterator[Shard]]


def mapped(path: Path, kind: Any, count: int) -> Any:
    """A new array on the disk, which has room for it: else OSError is raised here, and no signal later."""
    array = np.lib.format.open_memmap(path, "w+", kind, (count,))
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return np.asarray(array)


class Shards:
    """The rows in a folder; rules make them less."""

    def __init__(self, rows: Rows, folder: Path) -> None:
        self.rows = rows
        self.folder = folder
        kinds = {"user": np.int32, "item": np.int32, "time": rows.time, "part": np.int8}
        self.all = Shard(**{name: mapped(folder / f"{name}.npy", kind, rows.count) for name, kind in kinds.items()})
        per_user = np.zeros(len(rows.user_ids), dtype=np.int64)
        for piece in rows.pieces(SHARD_ROWS):
            per_user += np.bincount(piece.user, minlength=len(per_user))
        before = np.concatenate([[0], np.cumsum(per_user)])
        firsts = np.searchsorted(before[:-1], np.arange(0, rows.count, SHARD_ROWS))
        self.first_users: Positions = np.append(np.unique(firsts), len(per_user))
        self.starts: Positions = before[self.first_users]
        self.lengths = self._dealt()

    def _dealt(self) -> Positions:
        filled = np.zeros(len(self.starts) - 1, dtype=np.int64)
        for piece in self.rows.pieces(SHARD_ROWS):
            shard = np.searchsorted(self.first_users, piece.user, side="right") - 1
            order = np.argsort(shard, kind="stable")
            ends = np.cumsum(np.bincount(shard, minlength=len(filled)))
            for number in np.unique(shard):
                rows = order[ends[number - 1] if number else 0 : ends[number]]
                place = slice(self.starts[number] + filled[number], self.starts[number] + filled[number] + len(rows))
                for column, values in zip(self.all.columns, piece.columns, strict=True):
                    column[place] = values[rows]
                filled[number] += len(rows)
        return filled

    @property
    def count(self) -> int:
        """How many rows are left."""
        return int(self.lengths.sum())

    def __iter__(self) -> Iterator[Shard]:
        for number, length in enumerate(self.lengths):
            yield self.all.at(slice(self.starts[number], self.starts[number] + length))

    def _keep(self, chosen: Callable[[Shard], Any]) -> int:
        """Keep the rows of each shard that are chosen, as positions in order or as a mask; how many that dropped."""
        before = self.count
        for number, shard in enumerate(self):
            kept = chosen(shard)
            for column in shard.columns:
                left = column[kept]
                column[: len(left)] = left
            self.lengths[number] = len(left)
        return before - self.count

    def drop_duplicates(self, *, last: bool) -> int:
        """Keep the first, or the last, of rows with the same user, item and time; how many that dropped."""
        return self._keep(lambda shard: distinct(shard.user, shard.item, shard.time, last=last))

    def keep_core(self, least_user: int, least_item: int) -> tuple[int, int]:
        """As recsys_workers.data.cleaning.core; how many rows that dropped, and how often was counted."""
        before = self.count
        for rounds in range(1, before + 2):
            if not self.count:
                return before, rounds
            users, items = self._counts()
            if not self._keep(partial(_frequent, users >= least_user, items >= least_item)):
                return before - self.count, rounds
        raise AssertionError("Each round drops a row.")

    def _counts(self) -> tuple[Positions, Positions]:
        """How many rows each user and each item has."""
        users, items = (np.zeros(len(ids), dtype=np.int64) for ids in (self.rows.user_ids, self.rows.item_ids))
        for shard in self:
            users += np.bincount(shard.user, minlength=len(users))
            items += np.bincount(shard.item, minlength=len(items))
        return users, items

    def in_order(self, items_file: Path, *, timed: bool) -> Interactions:
        """The sequences of those that are left: items in the file, times and parts in the folder."""
        users, items = self._counts()
        user_ids, user_index = _ordered(self.rows.user_ids, np.flatnonzero(users))
        item_ids, item_index = _ordered(self.rows.item_ids, np.flatnonzero(items))
        lengths = np.zeros(len(user_ids), dtype=np.int64)
        lengths[user_index[users > 0]] = users[users > 0]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        made = mapped(items_file, np.int32, self.count)
        times = mapped(self.folder / "times.npy", self.rows.time, self.count)
        parts = mapped(self.folder / "parts.npy", np.int8, self.count)
        for shard in self:
            user = user_index[shard.user]
            order = np.lexsort((shard.part, shard.time, user))
            place = _places(user[order], offsets)
            made[place] = item_index[shard.item[order]] + 1
            times[place] = shard.time[order]
            parts[place] = shard.part[order]
        last = offsets[1:] - 1
        tied = (lengths > 1) & (times[last] == times[np.maximum(last - 1, 0)])
        return Interactions(user_ids, item_ids, made, offsets, int(tied.sum()), times, timed, parts)


def _frequent(users: npt.NDArray[np.bool_], items: npt.NDArray[np.bool_], shard: Shard) -> npt.NDArray[np.bool_]:
    """Which rows are of such users and such items."""
    return users[shard.user] & items[shard.item]


def _ordered(ids: list[str], left: Positions) -> tuple[list[str], Positions]:
    """The ids that are left in their order, and for the place of each among all its index there.

    The order may be another than among all: that of numbers, once what is no number is gone.
    """
    remaining = [ids[place] for place in left.tolist()]
    ordered = id_order(remaining)
    index = np.zeros(len(ids), dtype=np.int64)
    if ordered == remaining:
        index[left] = np.arange(len(left))
    else:
        place_of = {text: place for place, text in enumerate(ordered)}
        index[left] = [place_of[text] for text in remaining]
    return ordered, index


def _places(user: Positions, offsets: Positions) -> Positions:
    """Where rows go that are sorted by user: those of one user follow each other from its offset on."""
    firsts = np.flatnonzero(np.diff(user, prepend=-1))
    counts = np.diff(firsts, append=len(user))
    places: Positions = np.arange(len(user)) + np.repeat(offsets[user[firsts]] - firsts, counts)
    return places
