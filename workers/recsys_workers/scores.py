"""How a version's scores are spread, in the same buckets where it is evaluated and where it serves.

What clients ask for differs in k, and a longer list has lower scores: so only the first items of a list count.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

BUCKETS = (-20, -10, -5, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 50)
"""Upper bounds, each of its own bucket; one more bucket holds what is above the last."""
FIRST = 10
"""How many items of a list count, from the best one."""

LABELS = (*(f"{bound:.1f}" for bound in BUCKETS), "+Inf")
"""The bounds as Prometheus' label `le` has them."""


def cumulative(lists: npt.NDArray[np.float32]) -> dict[str, int]:
    """How many of the first scores of each list are at most each bound, by the bound's label.

    `lists` is [users, K], each best first. Excluded items (-inf) are no scores; neither is NaN.
    """
    first = lists[:, :FIRST]
    ordered = np.sort(first[np.isfinite(first)])
    at_most = np.searchsorted(ordered, BUCKETS, side="right").tolist()
    return dict(zip(LABELS, (*at_most, len(ordered)), strict=True))


def document(counts: Mapping[str, int]) -> dict[str, Any]:
    """The part `scores` of evaluation.json."""
    return {"first": FIRST, "atMost": dict(counts)}


def parse(found: object) -> dict[str, int] | None:
    """The counts in the part `scores` of an evaluation.json; None where there are none in just these buckets.

    A version that was evaluated before there were any, or with other buckets, has nothing to compare with.
    """
    if not isinstance(found, dict) or found.get("first") != FIRST:
        return None
    counts = found.get("atMost")
    if not isinstance(counts, dict) or tuple(counts) != LABELS:
        return None
    values = list(counts.values())
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return None
    rising = all(low <= high for low, high in zip([0, *values], values, strict=False))
    return dict(counts) if rising else None
