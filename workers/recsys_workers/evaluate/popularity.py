"""The list of the most popular items, as a floor that needs no model: PopRec of the papers' tables."""

from collections.abc import Sequence

import numpy as np

from recsys_workers.data.interactions import Indices
from recsys_workers.data.split import Examples
from recsys_workers.evaluate.metrics import Values

TOGETHER = 10_000
"""Sequences that are counted at once."""


def ranks(training: Sequence[Indices], examples: Examples, n_items: int, *, exclude_seen: bool) -> Values:
    """The rank of each example's target when items are ordered by how often they occur in the training sequences.

    By the rules of recsys_workers.evaluate.metrics: all items are ranked, those of the history excluded if
    `exclude_seen`, ties count against the target, and a target that is excluded itself has the rank inf.
    """
    counts = np.zeros(n_items + 1, dtype=np.int64)
    for start in range(0, len(training), TOGETHER):
        counts += np.bincount(np.concatenate(training[start : start + TOGETHER]), minlength=n_items + 1)
    ordered = np.sort(counts[1:])
    at_least = n_items - np.searchsorted(ordered, counts[examples.targets], side="left")
    found: Values = at_least.astype(np.float64)
    if exclude_seen:
        for row, (history, target) in enumerate(zip(examples.histories, examples.targets, strict=True)):
            seen = np.unique(history)
            found[row] = np.inf if target in seen else found[row] - (counts[seen] >= counts[target]).sum()
    return found
