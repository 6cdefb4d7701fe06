"""Rows on the pod's disk, in a file without a name, which is gone with the process: written in parts, then mapped."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import BinaryIO

import pyarrow as pa  # type: ignore[import-untyped]


class Scratch:
    """Takes rows of the columns `kinds`; raises OSError when the disk is full."""

    def __init__(self, file: BinaryIO, kinds: pa.Schema) -> None:
        self._file = file
        self._writer = pa.ipc.new_file(file, kinds)

    def add(self, rows: pa.Table) -> None:
        """Write some rows behind the others."""
        self._writer.write_table(rows.combine_chunks())

    def mapped(self) -> pa.Table:
        """All rows; none can be added any more. The memory is the file's, and lasts as long as the table."""
        self._writer.close()
        self._file.flush()
        content = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return pa.ipc.open_file(pa.py_buffer(content)).read_all()


@contextmanager
def scratch(kinds: pa.Schema) -> Iterator[Scratch]:
    """A new file."""
    with TemporaryFile(prefix="rows-") as file:
        yield Scratch(file, kinds)
