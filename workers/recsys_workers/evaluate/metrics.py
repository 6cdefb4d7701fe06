"""Ranking metrics with one right answer a user, over all items.

Tied scores count against the model: the target's rank is the number of returned items that score at least as high,
itself included. A NaN among a user's scores makes that user's metrics NaN, and so the mean. A target that is itself
excluded (an item that the user had before) is a miss, because it cannot be served either.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_workers.data.interactions import Indices
from recsys_workers.evaluate.scoring import Lists

Values = npt.NDArray[np.float64]
Z95 = 1.959963984540054
NAME = re.compile(r"(NDCG|HR|MRR)@([1-9][0-9]?|100)")
GAINS: Mapping[str, Callable[[Values], Values]] = {
    "NDCG": lambda ranks: 1 / np.log2(ranks + 1),
    "HR": np.ones_like,
    "MRR": np.reciprocal,
}
"""What a target at a rank (from 1) within the cutoff is worth."""


class UnknownMetric(ValueError):
    """A metric that does not exist; the message says which do."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over users with its standard error and 95 % confidence interval (normal over users)."""

    name: str
    value: float
    standard_error: float

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.value - Z95 * self.standard_error

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.value + Z95 * self.standard_error

    def as_strings(self) -> dict[str, str]:
        """{name, value, low, high} for the manifest and the status."""
        return {"name": self.name, "value": text(self.value), "low": text(self.low), "high": text(self.high)}


def parse(name: str) -> tuple[str, int]:
    """The kind (NDCG, HR or MRR) and the cutoff k of a metric's name; raises UnknownMetric."""
    found = NAME.fullmatch(name)
    if found is None:
        raise UnknownMetric(f"The metric {name!r} does not exist: use NDCG@k, HR@k or MRR@k with k from 1 to 100.")
    return found[1], int(found[2])


def target_ranks(lists: Lists, targets: Indices, n_items: int) -> Values:
    """Each user's rank of the target, from 1; inf when it is not returned, NaN when any score is.

    When the list is cut (K < n_items) and the target ties with its last entry, the ties beyond the cut are unknown
    and the target counts as not returned.
    """
    found = (lists.items == targets[:, None]) & ~np.isneginf(lists.scores)
    score = np.where(found, lists.scores, -np.inf).max(axis=1)
    returned = found.any(axis=1)
    ranks: Values = (lists.scores >= score[:, None]).sum(axis=1).astype(np.float64)
    cut = (ranks == lists.scores.shape[1]) & (lists.scores.shape[1] < n_items)
    ranks[~returned | cut] = np.inf
    ranks[np.isnan(lists.scores).any(axis=1)] = np.nan
    return ranks


def values(name: str, ranks: Values) -> Values:
    """The metric of each user: HR@k 1, NDCG@k 1 / log2(rank + 1), MRR@k 1 / rank up to rank k; else 0."""
    kind, k = parse(name)
    gain = np.where(np.isnan(ranks), np.nan, GAINS[kind](ranks))
    return np.where(ranks > k, 0.0, gain)


def estimate(name: str, per_target: Values, users: npt.NDArray[np.int64] | None = None) -> Estimate:
    """The mean over targets and its standard error over users (0 for a single user).

    `users` says whose target each one is; each has another user when it is absent. What a user's targets have in common
    makes their mean less certain than so many independent ones: the error is that of a ratio of sums over users
    (Cochran, Sampling Techniques, 1977, chapter 6), which is the usual one where each user has one target.
    """
    mean = float(per_target.mean())
    residuals = per_target - mean
    if users is not None:
        residuals = np.bincount(np.unique(users, return_inverse=True)[1], weights=residuals).astype(np.float64)
    count = len(residuals)
    if count == 1:
        return Estimate(name, mean, 0.0)
    spread = math.sqrt(count / (count - 1) * float(residuals @ residuals)) / len(per_target)
    return Estimate(name, mean, spread)


def text(number: float) -> str:
    """A number as a string of at most six significant digits; NaN is `NaN`. The CRDs take no `+` in an exponent."""
    return "NaN" if math.isnan(number) else f"{number:.6g}".replace("e+", "e")
