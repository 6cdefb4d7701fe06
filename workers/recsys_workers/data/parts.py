"""Reading a file part by part, for tables that are too large for the memory. The parts together are the file.

A text file is cut between rows, and each part is parsed as a file of its own with the same header, so what a cell
holds is found out by the same rules. A column may have another type in each part, where the whole would have one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet

from recsys_workers.data import delimited, json_lines
from recsys_workers.data.errors import reached
from recsys_workers.data.parquet import damaged, opened, row_of, unreadable
from recsys_workers.data.quotes import header_of, line_ends, opened_text, whole_lines, whole_rows
from recsys_workers.data.raw import TIMESTAMP, RawFile, plain, shifted
from recsys_workers.data.times import Kinds

TEXT_BYTES = 4 << 20
"""Of text in a part, about."""
ROWS = 1 << 16
"""Of Parquet in a part."""
SAMPLE_BYTES = 1 << 20
"""Of the beginning of a text file: by the lines in it the number of rows is estimated."""

Parts = Callable[[Path, Mapping[str, str]], Iterator[RawFile]]


def parquet_parts(path: Path, roles: Mapping[str, str]) -> Iterator[RawFile]:
    """The rows of a Parquet file."""
    before = 0
    with opened(path, roles) as file:
        batches = file.iter_batches(batch_size=ROWS, columns=list(roles.values()))
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise damaged(path, list(roles.values()), error) from error
            if batch is None:
                return
            table = pa.Table.from_batches([batch]).select(list(roles.values())).rename_columns(list(roles))
            yield RawFile(path, table, shifted(row_of, before), file.metadata.num_rows)
            before += len(batch)


def recbole_parts(path: Path, roles: Mapping[str, str]) -> Iterator[RawFile]:
    """The rows of a RecBole atomic file."""
    return _text_parts(path, roles, delimited.read_recbole, quoted=False)


def csv_parts(path: Path, roles: Mapping[str, str]) -> Iterator[RawFile]:
    """The rows of a CSV."""
    return _text_parts(path, roles, delimited.read_csv, quoted=True)


def json_parts(path: Path, roles: Mapping[str, str]) -> Iterator[RawFile]:
    """The rows of JSON lines."""
    return json_lines.parts(path, roles)


PARTS: Mapping[str, Parts] = {
    "RecBole": recbole_parts,
    "CSV": csv_parts,
    "Parquet": parquet_parts,
    "JSONLines": json_parts,
}


def kinds_of_times(path: Path, file_format: str, name: str) -> Kinds:
    """What the cells of the column of times are, of the whole file."""
    kinds = Kinds()
    for raw in PARTS[file_format](path, {TIMESTAMP: name}):
        kinds.count(raw, plain(raw.table[TIMESTAMP]))
    return kinds


def rows_of(path: Path, file_format: str) -> int:
    """How many rows a file has: exactly of Parquet, about so many of text, of which only the beginning is read.

    A line has from 20 bytes (ids of few digits) to hundreds (long ids and columns that nobody reads).
    """
    if file_format != "Parquet":
        with reached(path), path.open("rb") as stream:
            sample = stream.read(SAMPLE_BYTES)
        return path.stat().st_size * sample.count(b"\n") // max(1, len(sample))
    try:
        return int(parquet.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from error


def _text_parts(
    path: Path, roles: Mapping[str, str], read: delimited.ReadDelimited, *, quoted: bool
) -> Iterator[RawFile]:
    """`quoted` is whether cells in quotes may hold line breaks."""
    before = 0
    with opened_text(path) as stream:
        header = header_of(stream, path, quoted=quoted)
        line = 1 + line_ends(header)
        body = whole_rows(stream, TEXT_BYTES, path, line) if quoted else whole_lines(stream, TEXT_BYTES)
        lines: bytes | None = next(body, b"")
        while lines is not None:
            raw = read(path, roles, BytesIO(header + lines))
            yield replace(raw, place=shifted(raw.place, before))
            before += raw.table.num_rows
            lines = next(body, None)
