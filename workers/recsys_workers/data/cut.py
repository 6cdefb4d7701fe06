"""Cutting each user's rows in two places, in the order of time: the first rows train, the next validate, the last test.

Each row that is held out is a target whose history is everything that its user did before it, validation and earlier
test rows included. A row without a history is no target: there is nothing to tell it from.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.interactions import TOGETHER, Interactions
from recsys_workers.data.split import HeldOut, Positions, Slices, Split, held_out


@dataclass(frozen=True, slots=True)
class Told:
    """What is said where a part is empty."""

    cuts: str
    """How the rows were cut, and how many that put into each part."""
    untrained: str
    """Why no user has two rows to train on."""
    empty: str
    """Why no row validates, or tests."""
    advice: str


@dataclass(frozen=True, slots=True)
class WithoutHistory:
    """How many rows of each part that is held out are no targets."""

    validation: int
    test: int

    def document(self) -> dict[str, int]:
        """In the manifest's `protocol`."""
        return {"validationWithoutHistory": self.validation, "testWithoutHistory": self.test}


def cut(
    interactions: Interactions, validation_from: Positions, test_from: Positions, told: Told
) -> tuple[Split, WithoutHistory]:
    """The split where so many rows of each user stand before its first validation row, and its first test row.

    Raises InvalidData when a part is empty.
    """
    starts, lengths = interactions.offsets[:-1], np.diff(interactions.offsets)
    trained = np.flatnonzero(validation_from > 1)
    if not len(trained):
        raise InvalidData(f"{told.cuts}. Nothing is left to train on: {told.untrained}. {told.advice}")
    parts: list[HeldOut] = []
    without: list[int] = []
    for begin, end, name in ((validation_from, test_from, "validation"), (test_from, lengths, "test")):
        rows = int((end - begin).sum())
        if not rows:
            raise InvalidData(f"{told.cuts}. Nothing is left for the {name}: {told.empty}. {told.advice}")
        user, place = _each(np.maximum(begin, 1), end)
        if not len(user):
            raise InvalidData(
                f"{told.cuts}. Nothing is left for the {name}: none of its {rows} rows has an earlier one of "
                f"the same user. {told.advice}"
            )
        parts.append(held_out(interactions.items, user, starts[user], starts[user] + place))
        without.append(rows - len(user))
    slices = Slices(interactions.items, starts[trained], starts[trained] + validation_from[trained])
    return Split(slices, *parts), WithoutHistory(*without)


def spans(offsets: Positions) -> Iterator[tuple[int, int]]:
    """Users, from the first to before the second, that have about TOGETHER rows; all users, in their order."""
    user = 0
    while user < len(offsets) - 1:
        end = max(user + 1, int(np.searchsorted(offsets, offsets[user] + TOGETHER, side="right")) - 1)
        yield user, end
        user = end


def counted(offsets: Positions, chosen: Callable[[slice], npt.NDArray[np.bool_]]) -> Positions:
    """How many rows of each user are chosen; `chosen` is asked about some rows at a time."""
    found = []
    for user, end in spans(offsets):
        mask = chosen(slice(offsets[user], offsets[end]))
        found.append(np.add.reduceat(mask, offsets[user:end] - offsets[user], dtype=np.int64))
    return np.concatenate(found)


def _each(begin: Positions, end: Positions) -> tuple[Positions, Positions]:
    """Each place from `begin[user]` to before `end[user]`, and its user, in their order."""
    counts = np.maximum(end - begin, 0)
    user = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    return user, begin[user] + number
