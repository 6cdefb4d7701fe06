"""Rows on the pod's disk, in a file without a name, which is gone with the process: written in parts, then mapped."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]

Number = TypeVar("Number", np.int64, np.float64)


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


def on_disk(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """The same numbers, of which there is at least one; nobody can change them."""
    kinds = pa.schema([("values", pa.from_numpy_dtype(values.dtype))])
    with scratch(kinds) as made:
        made.add(pa.table([values], schema=kinds))
        found: npt.NDArray[Number] = made.mapped()["values"].chunk(0).to_numpy()
    return found
