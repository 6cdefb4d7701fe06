"""Splitting each user's rows by shares, in the order of time: the last ones test, those before them validate.

RecBole calls this the split `RS` in the order `TO`, grouped by user (and rounds down, but to one row at least). Here
the rows that test, and those that test or validate, are their share of the user's rows rounded to the nearest whole
number, a half upwards, so neither is off by more than half a row; but the first row of a user always trains. See
recsys_workers.data.cut for the histories.
"""

import numpy as np

from recsys_workers.data.cut import Told, cut
from recsys_workers.data.interactions import Interactions
from recsys_workers.data.split import Positions, Split

ADVICE = "Change evaluation.byRatio of the RecModel, use the protocol LeaveOneOut, or add data."


def by_ratio(interactions: Interactions, validation_percent: int, test_percent: int) -> Split:
    """Split so that of each user's rows the last `test_percent` % test, the `validation_percent` % before validate.

    Raises InvalidData when a part is empty.
    """
    lengths = np.diff(interactions.offsets)
    held = np.minimum(_share(lengths, validation_percent + test_percent), lengths - 1)
    test = np.minimum(_share(lengths, test_percent), held)
    rows, longest = int(lengths.sum()), int(lengths.max())
    told = Told(
        f"ByRatio takes {test_percent} % of each user's rows for the test and {validation_percent} % for validation: "
        f"of the {rows} rows of {len(lengths)} users {rows - held.sum()} train, {(held - test).sum()} validate, "
        f"{test.sum()} test",
        f"no user, of whom the longest has {longest} rows, has two that are not held out",
        f"users have too few rows for such a share, the longest {longest}",
        ADVICE,
    )
    # The first row trains, so each that is held out has a history.
    split, _ = cut(interactions, lengths - held, lengths - test, told)
    return split


def _share(lengths: Positions, percent: int) -> Positions:
    """That share of each length, rounded to the nearest whole number, a half upwards."""
    return (lengths * percent + 50) // 100
