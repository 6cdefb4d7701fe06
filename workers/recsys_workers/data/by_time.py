"""Splitting by global time: two moments cut the rows of all users at once, so that nothing is learned from the future.

Rows before the first cut train, those from it to the second validate, those from the second on test. Each row after a
cut is a target whose history is everything that its user did before it, validation and earlier test rows included. Rows
of one timestamp are all on one side of a cut. A row without a history is no target: there is nothing to tell it from.
"""

from dataclasses import dataclass

import numpy as np

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.interactions import TOGETHER, Interactions
from recsys_workers.data.selection import nth
from recsys_workers.data.split import HeldOut, Positions, Slices, Split, held_out
from recsys_workers.data.times import written

ADVICE = "Change evaluation.byTime of the RecModel, use the protocol LeaveOneOut, or add data."


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where the rows were cut, as the timestamps are written, and how many targets had no history."""

    validation_from: str
    test_from: str
    validation_without_history: int
    test_without_history: int


def by_time(interactions: Interactions, validation_percent: int, test_percent: int) -> tuple[Split, Cuts]:
    """Split so that the latest `test_percent` % of the rows test and the `validation_percent` % before them validate.

    A cut is the time of the row at that share in the order of time. Raises InvalidData when a part is empty.
    """
    time, count = interactions.times, len(interactions.times)
    validation_cut = nth(time, count * (100 - validation_percent - test_percent) // 100)
    test_cut = nth(time, count * (100 - test_percent) // 100)
    starts = interactions.offsets[:-1]
    lengths = np.diff(interactions.offsets)
    before, until = _rows_before(interactions, validation_cut), _rows_before(interactions, test_cut)
    first, second = (written(cut.item(), timed=interactions.timed) for cut in (validation_cut, test_cut))
    told = (
        f"ByTime cuts the {count} rows at {first} and {second}: {before.sum()} lie before, {(until - before).sum()} "
        f"between for validation, {(lengths - until).sum()} after for the test"
    )
    trained = np.flatnonzero(before > 1)
    if not len(trained):
        raise InvalidData(f"{told}. Nothing is left to train on: no user has two rows before {first}. {ADVICE}")
    parts: list[HeldOut] = []
    without: list[int] = []
    for begin, end, name in ((before, until, "validation"), (until, lengths, "test")):
        rows = int((end - begin).sum())
        if not rows:
            raise InvalidData(f"{told}. Nothing is left for the {name}: too many rows have one timestamp. {ADVICE}")
        user, place = _each(np.maximum(begin, 1), end)
        if not len(user):
            raise InvalidData(
                f"{told}. Nothing is left for the {name}: none of its {rows} rows has an earlier one of "
                f"the same user. {ADVICE}"
            )
        parts.append(held_out(interactions.items, user, starts[user], starts[user] + place))
        without.append(rows - len(user))
    slices = Slices(interactions.items, starts[trained], starts[trained] + before[trained])
    return Split(slices, *parts), Cuts(first, second, *without)


def _rows_before(interactions: Interactions, cut: np.int64 | np.float64) -> Positions:
    """How many rows of each user are before the cut; they are the user's first ones."""
    offsets, found = interactions.offsets, []
    user = 0
    while user < len(offsets) - 1:
        end = max(user + 1, int(np.searchsorted(offsets, offsets[user] + TOGETHER, side="right")) - 1)
        before = interactions.times[offsets[user] : offsets[end]] < cut
        found.append(np.add.reduceat(before, offsets[user:end] - offsets[user], dtype=np.int64))
        user = end
    return np.concatenate(found)


def _each(begin: Positions, end: Positions) -> tuple[Positions, Positions]:
    """Each place from `begin[user]` to before `end[user]`, and its user, in their order."""
    counts = np.maximum(end - begin, 0)
    user = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    return user, begin[user] + number
