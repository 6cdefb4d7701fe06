"""Splitting by global time: two moments cut the rows of all users at once, so that nothing is learned from the future.

Rows before the first cut train, those from it to the second validate, those from the second on test. Each row after a
cut is a target whose history is everything that its user did before it, validation and earlier test rows included. Rows
of one timestamp are all on one side of a cut. A row without a history is no target: there is nothing to tell it from.
"""

from dataclasses import dataclass

import numpy as np

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.interactions import Interactions
from recsys_workers.data.split import Positions, Slices, Split, held_out
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
    ordered = np.sort(time)
    validation_cut = ordered[count * (100 - validation_percent - test_percent) // 100]
    test_cut = ordered[count * (100 - test_percent) // 100]
    starts = interactions.offsets[:-1]
    user = np.repeat(np.arange(len(starts)), np.diff(interactions.offsets))
    before, after = time < validation_cut, time >= test_cut
    between = ~before & ~after
    first, second = (written(cut.item(), timed=interactions.timed) for cut in (validation_cut, test_cut))
    told = (
        f"ByTime cuts the {count} rows at {first} and {second}: {before.sum()} lie before, {between.sum()} between "
        f"for validation, {after.sum()} after for the test"
    )
    training = np.bincount(user[before], minlength=len(starts))
    trained = np.flatnonzero(training > 1)
    if not len(trained):
        raise InvalidData(f"{told}. Nothing is left to train on: no user has two rows before {first}. {ADVICE}")
    rows: list[Positions] = []
    without: list[int] = []
    for part, name in ((between, "validation"), (after, "test")):
        if not part.any():
            raise InvalidData(f"{told}. Nothing is left for the {name}: too many rows have one timestamp. {ADVICE}")
        positions = np.flatnonzero(part)
        with_history = positions[positions > starts[user[positions]]]
        if not len(with_history):
            raise InvalidData(
                f"{told}. Nothing is left for the {name}: none of its {len(positions)} rows has an earlier one of "
                f"the same user. {ADVICE}"
            )
        rows.append(with_history)
        without.append(len(positions) - len(with_history))
    validation, test = (held_out(interactions.items, user[part], starts[user[part]], part) for part in rows)
    slices = Slices(interactions.items, starts[trained], starts[trained] + training[trained])
    return Split(slices, validation, test), Cuts(first, second, *without)
