"""Cleaning and ordering interactions that need not fit in memory; the result is that of `clean` and `in_order`.

Rows come as blocks. Their ids become numbers, and the numbers go to the disk, where they are dealt out to shards: see
recsys_workers.data.shards. The memory holds what grows with users and items: the ids, and some numbers for each.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]

from recsys_workers.data.blocks import ENDED, FRACTIONS, INCOMPLETE, KEPT, NOTHING, OUTSIDE, TIMED, WHOLE, Wanted
from recsys_workers.data.cleaning import Dropped, nothing_left, outside_told
from recsys_workers.data.files import telling_of
from recsys_workers.data.interactions import Interactions, id_order
from recsys_workers.data.raw import SPLIT, TIMESTAMP
from recsys_workers.data.readers import nothing_read
from recsys_workers.data.shards import Codes, Rows, Shard, Shards
from recsys_workers.data.times import as_fractions, numbers_and_times


def interactions(
    blocks: Iterable[pa.Table], wanted: Wanted, scratch: Path, items: Path
) -> tuple[list[Dropped], Interactions]:
    """What each rule of the cleaning dropped, and the sequences, whose arrays of rows lie on the disk.

    The items are left in the file `items` (NumPy's format), all else in the folder `scratch`, which has to stay as long
    as the times are used. Raises InvalidData as the functions do that have all in memory, and OSError when a disk is
    full.
    """
    read = _Read(scratch)
    read.take(blocks)
    cleaning = wanted.cleaning
    total = int(read.fates.sum())
    if not read.whole:
        raise nothing_read(wanted.files, wanted.roles, total)
    kind = read.one_kind(wanted)
    dropped = [Dropped("missing", int(read.fates[INCOMPLETE]))] if cleaning.missing == "Drop" else []
    asked = cleaning.document()
    if "timeWindow" in asked:
        dropped.append(Dropped("timeWindow", int(read.fates[OUTSIDE])))
        if not read.fates[KEPT]:
            with telling_of(wanted.paths, wanted.roles.values()):
                raise nothing_left(total, dropped, outside_told(np.array(read.span), timed=kind == TIMED))
    shards = Shards(read.rows_by_rank(kind), scratch)
    if "duplicates" in asked:
        dropped.append(Dropped("duplicates", shards.drop_duplicates(last=cleaning.duplicates == "KeepLast")))
    least_user, least_item = cleaning.min_user_interactions or 0, cleaning.min_item_interactions or 0
    if least_user or least_item:
        dropped.append(Dropped("minInteractions", *shards.keep_core(least_user, least_item)))
    if not shards.count:
        with telling_of(wanted.paths, wanted.roles.values()):
            raise nothing_left(total, dropped, "")
    found = shards.in_order(items, timed=kind == TIMED)
    return dropped, found if SPLIT in wanted.roles else replace(found, parts=None)


class _Ids:
    """Numbers for ids in the order in which they come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def codes(self, column: pa.ChunkedArray) -> Codes:
        encoded = column.combine_chunks().dictionary_encode()
        known = [self.numbers.setdefault(text, len(self.numbers)) for text in encoded.dictionary.to_pylist()]
        codes: Codes = np.array(known, dtype=np.int32)[encoded.indices.to_numpy()]
        return codes

    def ranked(self) -> tuple[list[str], Codes]:
        """All ids in their order, and for each number the place of its id there."""
        ordered = id_order(list(self.numbers))
        rank = np.empty(len(ordered), dtype=np.int32)
        rank[[self.numbers[text] for text in ordered]] = np.arange(len(ordered))
        return ordered, rank


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows of one file and one kind of time that follow each other on the disk."""

    file: int
    kind: int
    rows: int


class _Read:
    """The rows of all blocks that stay, on the disk, in order: the numbers of their ids, 64 bits of time, the part."""

    def __init__(self, folder: Path) -> None:
        self.user, self.item, self.time, self.part = (
            folder / f"{name}.read" for name in ("user", "item", "time", "part")
        )
        self.users, self.items = _Ids(), _Ids()
        self.pieces: list[_Piece] = []
        self.kinds: dict[int, set[int]] = {}
        """Of each file, what its times are, those of rows that do not stay included."""
        self.whole: set[int] = set()
        """The files that have a row with all values."""
        self.fates = np.zeros(OUTSIDE + 1, dtype=np.int64)
        self.span: list[int | float] = []
        """The first and the last time of rows with all values."""

    def take(self, blocks: Iterable[pa.Table]) -> None:
        """Read them to the end; raises what one of them holds that is of ENDED."""
        with (
            self.user.open("wb") as user,
            self.item.open("wb") as item,
            self.time.open("wb") as time,
            self.part.open("wb") as part,
        ):
            for block in blocks:
                for file, kind, table in _uniform(block):
                    kept = self._counted(table, file, kind)
                    user.write(self.users.codes(kept["user"]).tobytes())
                    item.write(self.items.codes(kept["item"]).tobytes())
                    time.write(kept["time"].to_numpy().tobytes())
                    part.write(kept["part"].to_numpy().tobytes())

    def _counted(self, table: pa.Table, file: int, kind: int) -> pa.Table:
        fate = table["fate"].to_numpy()
        if fate[0] in ENDED:
            raise ENDED[fate[0]](table["user"][0].as_py())
        self.fates += np.bincount(fate, minlength=OUTSIDE + 1)
        self.kinds.setdefault(file, set()).add(kind)
        whole = fate != INCOMPLETE
        if whole.any():
            self.whole.add(file)
            time = table["time"].to_numpy()[whole].view(np.float64 if kind == FRACTIONS else np.int64)
            ends = [*self.span, time.min().item(), time.max().item()]
            self.span = [min(ends), max(ends)]
        kept = table.filter(pa.array(fate == KEPT))
        self.pieces.append(_Piece(file, kind, kept.num_rows))
        return kept

    def one_kind(self, wanted: Wanted) -> int:
        """TIMED, WHOLE, or FRACTIONS when any file has some; raises InvalidData where some have times, some numbers."""
        files, name = wanted.files, wanted.roles[TIMESTAMP]
        of_file = {number: self._kind(number) for number in sorted(self.whole)}
        for number, kind in of_file.items():
            if kind == NOTHING:
                path = files[number].path
                raise wanted.kinds_of_times(path).refusal(path, name)
        timed = [number for number, kind in of_file.items() if kind == TIMED]
        numbered = [number for number, kind in of_file.items() if kind != TIMED]
        if timed and numbered:
            raise numbers_and_times(files[timed[0]].path, files[numbered[0]].path, name)
        kind = max(of_file.values())
        if kind == FRACTIONS:
            self._all_fractions(wanted, of_file)
        return kind

    def _kind(self, number: int) -> int:
        """Of a file as a whole; NOTHING where it has times and numbers."""
        kinds = self.kinds[number] - {NOTHING}
        return NOTHING if len(kinds) > 1 and TIMED in kinds else max(kinds)

    def _all_fractions(self, wanted: Wanted, of_file: dict[int, int]) -> None:
        first = 0
        for piece in self.pieces:
            if piece.kind == WHOLE and piece.rows:
                bits = np.memmap(self.time, np.int64, "r+", first * 8, (piece.rows,))
                if of_file[piece.file] == WHOLE:
                    path, name = wanted.files[piece.file].path, wanted.roles[TIMESTAMP]
                    numbers = as_fractions(pa.chunked_array([bits]), path, name, wanted.kinds_of_times).to_numpy()
                else:  # as a reader does that sees the whole file
                    numbers = np.asarray(bits).astype(np.float64)
                bits[:] = numbers.view(np.int64)
            first += piece.rows

    def rows_by_rank(self, kind: int) -> Rows:
        """The rows, with the place of each id among all of them in their order instead of its number."""
        user_ids, user_rank = self.users.ranked()
        item_ids, item_rank = self.items.ranked()
        dtype: Any = np.float64 if kind == FRACTIONS else np.int64

        def pieces(size: int) -> Iterator[Shard]:
            for first in range(0, int(self.fates[KEPT]), size):
                user, item = (np.fromfile(path, np.int32, size, offset=first * 4) for path in (self.user, self.item))
                time = np.fromfile(self.time, dtype, size, offset=first * 8)
                part = np.fromfile(self.part, np.int8, size, offset=first)
                yield Shard(user_rank[user], item_rank[item], time, part)

        return Rows(user_ids, item_ids, int(self.fates[KEPT]), np.dtype(dtype), pieces)


def _uniform(block: pa.Table) -> Iterator[tuple[int, int, pa.Table]]:
    """The block's rows as long as their file and kind are the same, since blocks may have been joined on their way."""
    both: npt.NDArray[np.int64] = block["file"].to_numpy().astype(np.int64) * (TIMED + 1) + block["kind"].to_numpy()
    cuts = [0, *(np.flatnonzero(np.diff(both)) + 1).tolist(), len(both)]
    for start, end in pairwise(cuts):
        if end > start:
            file, kind = divmod(int(both[start]), TIMED + 1)
            yield file, kind, block.slice(start, end - start)
