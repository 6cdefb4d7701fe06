"""Leave-one-out: each user's last item is the test, the one before it the validation, the rest is for training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.interactions import Indices, Interactions

SHORTEST = 3
"""Users with fewer interactions have nothing left to learn from after the split: they train only."""


@dataclass(frozen=True, slots=True)
class Examples:
    """One ranking task a user: given the history (oldest first), the item `targets[i]` is the right answer."""

    users: npt.NDArray[np.int64]
    histories: Sequence[Indices]
    targets: Indices


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of leave-one-out. The test histories contain the validation items, which come before the test items."""

    training: Sequence[Indices]
    validation: Examples
    test: Examples


def leave_one_out(interactions: Interactions) -> Split:
    """Split by users; raises InvalidData when no user is long enough to be evaluated, or nothing is left to train on.

    Training needs one item that follows another, so sequences of which less than two items are left are dropped.
    """
    lengths = np.diff(interactions.offsets)
    evaluated = np.flatnonzero(lengths >= SHORTEST)
    if not len(evaluated):
        raise InvalidData(
            f"No user has {SHORTEST} or more interactions (the longest has {lengths.max()}): leave-one-out needs a "
            "test item, a validation item and a history."
        )
    held_out = np.where(lengths >= SHORTEST, 2, 0)
    training = [
        interactions.sequence(user)[: length - held]
        for user, (length, held) in enumerate(zip(lengths, held_out, strict=True))
        if length - held > 1
    ]
    if not training:
        raise InvalidData(
            f"Nothing is left to train on: the last 2 interactions of every user with {SHORTEST} or more "
            f"({len(evaluated)} users, the longest has {lengths.max()}) are held out for validation and test, and no "
            f"user has 2 others. Add interactions: at least one user must have {SHORTEST + 1} or more."
        )
    return Split(training, _examples(interactions, evaluated, 2), _examples(interactions, evaluated, 1))


def _examples(interactions: Interactions, users: npt.NDArray[np.int64], from_the_end: int) -> Examples:
    sequences = [interactions.sequence(user) for user in users]
    targets = np.array([sequence[-from_the_end] for sequence in sequences], dtype=np.int32)
    return Examples(users, [sequence[:-from_the_end] for sequence in sequences], targets)
