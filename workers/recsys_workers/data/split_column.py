"""The column with the role Split, which says for each row whether it trains, validates or tests."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.raw import RawFile

PARTS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)


def coded(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """TRAIN, VALIDATION or TEST as int8, null for any other text and for none."""
    return pc.index_in(text, value_set=pa.array(PARTS)).cast(pa.int8())


def wrong_part(place: str, name: str, value: str | None, wrong: int, rows: int) -> InvalidData:
    """What to raise where so many of the rows have no part: the first of them, the column's name, what it holds."""
    return InvalidData(
        f"{place}: the column {name!r} holds {value!r}, and another value than {', '.join(PARTS)} in {wrong} of "
        f"{rows} rows: write one of these three."
    )


@dataclass(slots=True)
class WrongParts:
    """Which cells of the column hold what is no part; a file may be counted in pieces, one after the other."""

    rows: int = 0
    wrong: int = 0
    value: str = ""
    first: str = ""

    def count(self, raw: RawFile, text: pa.ChunkedArray, codes: pa.ChunkedArray) -> None:
        """Count those of a piece, whose column and codes these are."""
        self.rows += len(text)
        wrong = pc.and_(text.is_valid(), codes.is_null())
        count = pc.sum(wrong).as_py() or 0
        if count and not self.wrong:
            row = pc.index(wrong, True).as_py()
            self.value, self.first = text[row].as_py(), raw.place(row)
        self.wrong += count

    def refuse(self, path: Path, name: str) -> None:
        """Raise InvalidData when there is any."""
        if self.wrong:
            raise wrong_part(f"{path}, {self.first}", name, self.value, self.wrong, self.rows)
