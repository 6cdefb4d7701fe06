"""What is trained on and what is held out, as slices of all sequences; and the split that leaves one out.

Leave-one-out: each user's last item is the test, the one before it the validation, the rest is for training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.interactions import Indices, Interactions

Positions = npt.NDArray[np.int64]

SHORTEST = 3
"""Users with fewer interactions have nothing left to learn from after the split: they train only."""


@dataclass(frozen=True, slots=True, eq=False)
class Slices(Sequence[Indices]):
    """Parts of one array, without a copy of any: part i is `flat[starts[i]:ends[i]]`."""

    flat: Indices
    starts: Positions
    ends: Positions

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> Indices: ...

    @overload
    def __getitem__(self, index: slice) -> "Slices": ...

    def __getitem__(self, index: int | slice) -> "Indices | Slices":
        if isinstance(index, slice):
            return Slices(self.flat, self.starts[index], self.ends[index])
        return self.flat[self.starts[index] : self.ends[index]]


@dataclass(frozen=True, slots=True)
class Examples:
    """Ranking tasks: given the history (oldest first), the item `targets[i]` is the right answer for `users[i]`."""

    users: npt.NDArray[np.int64]
    histories: Sequence[Indices]
    targets: Indices


@dataclass(frozen=True, slots=True)
class HeldOut(Examples):
    """Examples cut out of all sequences: each target is the item that follows its history there."""

    histories: Slices


@dataclass(frozen=True, slots=True)
class Split:
    """The parts, all of them slices of one array; a test history contains the validation items that come before it."""

    training: Slices
    validation: HeldOut
    test: HeldOut


def held_out(flat: Indices, users: npt.NDArray[np.int64], starts: Positions, ends: Positions) -> HeldOut:
    """The examples whose history is `flat[start:end]` and whose target is `flat[end]`."""
    return HeldOut(users, Slices(flat, starts, ends), flat[ends])


def leave_one_out(interactions: Interactions) -> Split:
    """Split by users; raises InvalidData when no user is long enough to be evaluated, or nothing is left to train on.

    Training needs one item that follows another, so sequences of which less than two items are left are dropped.
    """
    starts, ends = interactions.offsets[:-1], interactions.offsets[1:]
    lengths = ends - starts
    evaluated = np.flatnonzero(lengths >= SHORTEST)
    if not len(evaluated):
        raise InvalidData(
            f"None of the {len(lengths)} users with together {lengths.sum()} rows has {SHORTEST} or more interactions "
            f"(the longest has {lengths.max()}): leave-one-out needs a test item, a validation item and a history. "
            f"Add interactions: at least one user must have {SHORTEST} or more."
        )
    left = lengths - np.where(lengths >= SHORTEST, 2, 0)
    trained = np.flatnonzero(left > 1)
    if not len(trained):
        raise InvalidData(
            f"Nothing is left to train on: the last 2 interactions of every user with {SHORTEST} or more "
            f"({len(evaluated)} users, the longest has {lengths.max()}) are held out for validation and test, and no "
            f"user has 2 others. Add interactions: at least one user must have {SHORTEST + 1} or more."
        )
    flat = interactions.items
    return Split(
        Slices(flat, starts[trained], starts[trained] + left[trained]),
        held_out(flat, evaluated, starts[evaluated], ends[evaluated] - 2),
        held_out(flat, evaluated, starts[evaluated], ends[evaluated] - 1),
    )
