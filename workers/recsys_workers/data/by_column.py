"""Splitting as a column of the events says, the one with the role Split.

In the order of time the rows of a user must first train, then validate, then test: a model would learn from a user's
future else. Rows of one timestamp stand in that order. See recsys_workers.data.cut for the histories.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from recsys_workers.data.cut import Told, WithoutHistory, counted, cut, spans
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.interactions import Interactions, PartCodes
from recsys_workers.data.split import Split
from recsys_workers.data.split_column import PARTS, TEST, VALIDATION
from recsys_workers.data.times import written


def by_column(interactions: Interactions, column: str) -> tuple[Split, WithoutHistory]:
    """Split by the parts of the interactions, which they have of the column of this name.

    Raises InvalidData when a part is empty, and when a user's rows go back from one part to an earlier one.
    """
    parts, offsets = interactions.parts, interactions.offsets
    if parts is None:
        raise AssertionError("Interactions that are split by a column are read with it.")
    _require_forward(interactions, parts, column)
    before = counted(offsets, lambda rows: parts[rows] < VALIDATION)
    until = counted(offsets, lambda rows: parts[rows] < TEST)
    sizes = (before.sum(), (until - before).sum(), len(parts) - until.sum())
    told = Told(
        f"ByColumn splits the {len(parts)} rows by the column {column!r} into "
        + ", ".join(f"{size} {name}" for size, name in zip(sizes, PARTS, strict=True)),
        f"no user has two rows with {PARTS[0]}",
        "no row is in this part",
        "Change the column, or spec.evaluation of the RecModel.",
    )
    return cut(interactions, before, until, told)


@dataclass(slots=True)
class _Back:
    """Rows that go back to an earlier part than one before them of the same user."""

    rows: int = 0
    users: int = 0
    first: str = ""


def _require_forward(interactions: Interactions, parts: PartCodes, column: str) -> None:
    offsets, back = interactions.offsets, _Back()
    for user, end in spans(offsets):
        part = parts[offsets[user] : offsets[end]]
        # Numbers that rise from user to user: the greatest so far is the user's own.
        first = np.repeat(np.arange(end - user) * len(PARTS), np.diff(offsets[user : end + 1]))
        latest = np.maximum.accumulate(first + part) - first
        wrong = np.flatnonzero(part < latest)
        if len(wrong):
            back.first = back.first or _told(interactions, part, latest, user, int(wrong[0]))
            back.rows += len(wrong)
            back.users += len(np.unique(first[wrong]))
    if back.rows:
        raise InvalidData(
            f"ByColumn: {back.rows} of {len(parts)} rows, of {back.users} of {len(interactions.user_ids)} users, go "
            f"back to an earlier part than a row before them has: {back.first}. In the order of time the rows of a "
            f"user must be {', then '.join(PARTS)}, or a model would learn from the user's future: correct the column "
            f"{column!r}, or set evaluation.protocol of the RecModel to ByTime or ByRatio."
        )


def _told(interactions: Interactions, part: PartCodes, latest: Any, first_user: int, row: int) -> str:
    """The user and the two rows of a row that goes back, the number of which counts from the user `first_user` on."""
    begin = interactions.offsets[first_user]
    user = int(np.searchsorted(interactions.offsets, begin + row, side="right")) - 1
    earlier = row - 1 - int((part[:row][::-1] == latest[row]).argmax())
    times = interactions.times
    late, early = (written(times[begin + one].item(), timed=interactions.timed) for one in (row, earlier))
    return (
        f"the user {interactions.user_ids[user]!r} has a row with {PARTS[part[row]]} at {late} after one with "
        f"{PARTS[part[earlier]]} at {early}"
    )
