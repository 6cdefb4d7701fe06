"""How what a run counts by (its items, categories, classes) stands in the version that it begins with. No torch.

A tensor of a network has dimensions along such an axis. Rows that the version has too keep what it learned, by their
names; the others are those of a new network.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recsys_workers.manifest import write_file

FILE = "axes.npz"
ITEMS, CATEGORIES, CLASSES = "items", "categories", "classes"
NEW = -1
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """`places[i]` is where the run's i-th stands among the `theirs` ones of the version, or NEW."""

    places: Places
    theirs: int

    def __len__(self) -> int:
        return len(self.places)

    @property
    def known(self) -> int:
        """How many the version has too."""
        return int((self.places != NEW).sum())


def by_name(theirs: Sequence[str], ours: Iterable[str]) -> Axis:
    """The axis of distinct names."""
    place = {name: index for index, name in enumerate(theirs)}
    return Axis(np.fromiter((place.get(name, NEW) for name in ours), dtype=np.int64), len(theirs))


def chained(axes: Iterable[Axis]) -> Axis:
    """One axis of several, one after the other."""
    parts, first = [np.zeros(0, dtype=np.int64)], 0
    for axis in axes:
        parts.append(np.where(axis.places == NEW, NEW, axis.places + first))
        first += axis.theirs
    return Axis(np.concatenate(parts), first)


def write(folder: Path, axes: Mapping[str, Axis]) -> None:
    """Lay them down in the run's folder for Ray's worker; replaces what is there."""
    arrays = {name: np.append(axis.places, axis.theirs) for name, axis in axes.items()}
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    write_file(folder / FILE, stream.getvalue())


def read(folder: Path) -> dict[str, Axis]:
    """What was laid down."""
    with np.load(folder / FILE) as arrays:
        return {name: Axis(arrays[name][:-1], int(arrays[name][-1])) for name in arrays.files}
