"""Arrays of equally many rows, in NumPy's format a file each: written piece by piece, mapped where they are large."""

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import numpy as np
import numpy.typing as npt

MAPPED_BYTES = 32 << 20
"""Arrays that are larger are mapped into the memory instead of being read."""


def write(folder: Path, name: str, rows: int, pieces: Iterable[Mapping[str, npt.NDArray[Any]]]) -> None:
    """Write the arrays whose next rows each piece has, so many rows altogether; each file replaces what is there.

    The temporary names are nobody else's: an attempt that wakes up late puts nothing of another one in place. Raises
    OSError when the disk is full.
    """
    mine, open_files = uuid4().hex, dict[str, BinaryIO]()
    try:
        with ExitStack() as stack:
            for piece in pieces:
                for array, part in piece.items():
                    if array not in open_files:
                        open_files[array] = stack.enter_context(_partial(folder, name, array, mine).open("wb"))
                        _begin(open_files[array], rows, part)
                    open_files[array].write(np.ascontiguousarray(part).data)
            for file in open_files.values():
                file.flush()
                os.fsync(file.fileno())
        for array in open_files:
            _partial(folder, name, array, mine).replace(folder / _file(name, array))
    except BaseException:
        for array in open_files:
            with suppress(OSError):
                _partial(folder, name, array, mine).unlink(missing_ok=True)
        raise


def read(folder: Path, name: str, array: str) -> npt.NDArray[Any]:
    """An array as it was written. Whoever changes it changes no file."""
    path = folder / _file(name, array)
    found: npt.NDArray[Any] = np.load(path, mmap_mode="c" if path.stat().st_size > MAPPED_BYTES else None)
    return np.asarray(found)


def read_if_any(folder: Path, name: str, array: str) -> npt.NDArray[Any] | None:
    """See `read`; None where nothing was written."""
    return read(folder, name, array) if (folder / _file(name, array)).exists() else None


def _begin(file: BinaryIO, rows: int, part: npt.NDArray[Any]) -> None:
    shape = (rows, *part.shape[1:])
    header = {"descr": np.lib.format.dtype_to_descr(part.dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _file(name: str, array: str) -> str:
    return f"{name}-{array}.npy"


def _partial(folder: Path, name: str, array: str, mine: str) -> Path:
    return folder / f".{_file(name, array)}.{mine}.partial"
