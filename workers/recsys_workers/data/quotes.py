"""Where the rows of a text file begin: in a CSV a cell in quotes may hold line breaks, and empty lines are no rows.

A quote opens a cell only at the cell's beginning, and two of them inside are one, as Arrow reads it. A carriage return
without a line feed ends a line too.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import SEEK_CUR, BytesIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from recsys_workers.data.errors import InvalidData, reached

CLOSED = re.compile(rb'(?:[^"]++|(?<=[,\r\n])"[^"]*+(?:""[^"]*+)*+"|(?<![,\r\n])")*+')
"""Text of which each cell in quotes is whole, behind a line break; it ends before a quote that nothing closes."""
LONGEST = 16 << 20
"""Bytes of a row: where more stand behind a quote, it was forgotten to close it."""


def is_open(lines: bytes, *, before: bool = False) -> bool:
    """Whether a cell in quotes goes on behind these whole lines; `before` is whether one does in front of them."""
    if b'"' not in lines:
        return before
    text = (b'\n"' if before else b"\n") + lines
    found = CLOSED.match(text)
    return found is None or found.end() < len(text)


@contextmanager
def opened_text(path: Path) -> Iterator[BinaryIO]:
    """A text file behind the mark of UTF-8 that some programs begin it with; inside it is as in `reached`."""
    with reached(path), path.open("rb") as stream:
        if stream.read(len(BOM_UTF8)) != BOM_UTF8:
            stream.seek(0)
        yield stream


def header_of(stream: BinaryIO, path: Path, *, quoted: bool) -> bytes:
    """The row that names the columns, or an empty line, with which the stream begins and behind which it is left.

    Raises InvalidData for a quote in it that nothing closes.
    """
    text = stream.readline()
    rows = _up_to_row_end(text, stream, path, 1) if quoted else text
    size, inside = 0, False
    for line in rows.splitlines(keepends=True):
        size, inside = size + len(line), quoted and is_open(line, before=inside)
        if not inside:
            break
    stream.seek(size - len(rows), SEEK_CUR)
    return rows[:size]


def line_ends(text: bytes) -> int:
    """How many lines end in it."""
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")


def whole_lines(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Whole lines, about so many bytes of them at a time."""
    while text := stream.read(size):
        yield text + stream.readline()


def whole_rows(stream: BinaryIO, size: int, path: Path, line: int = 1) -> Iterator[bytes]:
    """Whole rows of a CSV, about so many bytes of them at a time; the stream begins with this line of the file.

    Raises InvalidData for a quote that nothing closes.
    """
    for text in whole_lines(stream, size):
        rows = _up_to_row_end(text, stream, path, line)
        line += line_ends(rows)
        yield rows


def first_lines(lines: Iterable[bytes], *, quoted: bool) -> Iterator[int]:
    """The number of the line in which each row begins, from 1 on; the first row of a file is its header.

    A line that is given may have carriage returns in it.
    """
    inside = False
    for number, line in enumerate((line for text in lines for line in text.splitlines(keepends=True)), 1):
        if not inside and line.strip(b"\r\n"):
            yield number
        inside = quoted and is_open(line, before=inside)


def _up_to_row_end(text: bytes, stream: BinaryIO, path: Path, line: int) -> bytes:
    """These whole lines, of which the first is this one of the file, with those of the stream that end the last row."""
    lines, more, inside = [text], 0, is_open(text)
    while inside:
        found = stream.readline()
        more += len(found)
        if not found or more > LONGEST:
            *_, begin = first_lines(BytesIO(text), quoted=True)
            raise InvalidData(
                f"{path} cannot be read as CSV: the row that begins in line {line + begin - 1} has a cell that "
                "begins with a quote, which no other one closes: close it, or put the cell in quotes, and write "
                "each quote in it twice."
            )
        lines.append(found)
        inside = is_open(found, before=True)
    return b"".join(lines)


def line_of(path: Path, row: int, *, quoted: bool) -> int:
    """The line, from 1 on, in which a row below the header begins, from 0 on; that of the last where there is none."""
    with opened_text(path) as stream:
        return max(islice(first_lines(stream, quoted=quoted), row + 2), default=1)


def rows_below_header(path: Path, *, quoted: bool) -> int:
    """How many rows a file has."""
    with opened_text(path) as stream:
        return max(0, sum(1 for _ in first_lines(stream, quoted=quoted)) - 1)
