"""Splitting by global time: two moments cut the rows of all users at once, so that nothing is learned from the future.

Rows before the first cut train, those from it to the second validate, those from the second on test: see
recsys_workers.data.cut. Rows of one timestamp are all on one side of a cut.
"""

from dataclasses import dataclass

import numpy as np

from recsys_workers.data.cut import Told, WithoutHistory, counted, cut
from recsys_workers.data.interactions import Interactions
from recsys_workers.data.selection import nth
from recsys_workers.data.split import Positions, Split
from recsys_workers.data.times import written

ADVICE = "Change evaluation.byTime of the RecModel, use the protocol LeaveOneOut, or add data."


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where the rows were cut, as the timestamps are written."""

    validation_from: str
    test_from: str


def by_time(
    interactions: Interactions, validation_percent: int, test_percent: int
) -> tuple[Split, Cuts, WithoutHistory]:
    """Split so that the latest `test_percent` % of the rows test and the `validation_percent` % before them validate.

    A cut is the time of the row at that share in the order of time. Raises InvalidData when a part is empty.
    """
    time, count = interactions.times, len(interactions.times)
    validation_cut = nth(time, count * (100 - validation_percent - test_percent) // 100)
    test_cut = nth(time, count * (100 - test_percent) // 100)
    before, until = _rows_before(interactions, validation_cut), _rows_before(interactions, test_cut)
    first, second = (written(moment.item(), timed=interactions.timed) for moment in (validation_cut, test_cut))
    told = Told(
        f"ByTime cuts the {count} rows at {first} and {second}: {before.sum()} lie before, {(until - before).sum()} "
        f"between for validation, {count - until.sum()} after for the test",
        f"no user has two rows before {first}",
        "too many rows have one timestamp",
        ADVICE,
    )
    split, without = cut(interactions, before, until, told)
    return split, Cuts(first, second), without


def _rows_before(interactions: Interactions, moment: np.int64 | np.float64) -> Positions:
    """How many rows of each user are before the moment; they are the user's first ones."""
    return counted(interactions.offsets, lambda rows: interactions.times[rows] < moment)
