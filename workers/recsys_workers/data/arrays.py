"""Arrays of equally many rows, in NumPy's format a file each: written piece by piece, mapped where they are large."""

import mmap
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from recsys_workers.manifest import replaced

MAPPED_BYTES = 32 << 20
"""Arrays that are larger are mapped into the memory instead of being read."""


def write(folder: Path, name: str, rows: int, pieces: Iterable[Mapping[str, npt.NDArray[Any]]]) -> None:
    """Write the arrays whose next rows each piece has, so many rows altogether; each file replaces what is there.

    Raises OSError when the disk is full.
    """
    streams: dict[str, BinaryIO] = {}
    with ExitStack() as stack:
        for piece in pieces:
            for array, part in piece.items():
                if array not in streams:
                    streams[array] = stack.enter_context(replaced(folder / _file(name, array)))
                    _begin(streams[array], rows, part)
                streams[array].write(np.ascontiguousarray(part).data)


def read(folder: Path, name: str, array: str) -> npt.NDArray[Any]:
    """An array as it was written; see `loaded`."""
    return loaded(folder / _file(name, array))


def loaded(path: Path) -> npt.NDArray[Any]:
    """The array in a file. Whoever changes it changes no file."""
    found: npt.NDArray[Any] = np.load(path, mmap_mode="c" if path.stat().st_size > MAPPED_BYTES else None)
    return np.asarray(found)


def read_in_any_order(array: npt.NDArray[Any]) -> None:
    """Tell the kernel that rows of an array are wanted in any order; without effect on one that is not mapped.

    Where the memory has no room for the array, each row else brings 128 KiB with it that have gone again before another
    one of them is wanted (MADV_RANDOM of madvise(2)).
    """
    base = array.base
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_RANDOM)


def read_if_any(folder: Path, name: str, array: str) -> npt.NDArray[Any] | None:
    """See `read`; None where nothing was written."""
    return read(folder, name, array) if (folder / _file(name, array)).exists() else None


def _begin(file: BinaryIO, rows: int, part: npt.NDArray[Any]) -> None:
    shape = (rows, *part.shape[1:])
    header = {"descr": np.lib.format.dtype_to_descr(part.dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _file(name: str, array: str) -> str:
    return f"{name}-{array}.npy"
