"""Item-based neighbours, as a floor that needs no training (Sarwar et al., WWW 2001): ItemKNN of the papers' tables.

Two items are as similar as the cosine between the sets of users who had them in the training data. An item scores, for
a history, the sum of its similarities to those of its NEIGHBOURS most similar items that are in the history; how often
a user had an item does not count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recsys_workers.data.interactions import Indices
from recsys_workers.data.split import Examples
from recsys_workers.evaluate.metrics import Values

NEIGHBOURS = 100
"""How many neighbours an item has, at most; the last ones of equal similarity are those of lower index."""

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Neighbourhoods:
    """For each item index j, in `items` and `similarities` from `starts[j]` on: what has j as a neighbour."""

    starts: Positions
    items: Positions
    similarities: Values

    def scores(self, history: Indices) -> Values:
        """The score of each item index (0 is padding) after a history; 0 for what has no neighbour in it."""
        spans = [slice(self.starts[item], self.starts[item + 1]) for item in np.unique(history)]
        items = np.concatenate([self.items[span] for span in spans])
        similarities = np.concatenate([self.similarities[span] for span in spans])
        summed: Values = np.bincount(items, weights=similarities, minlength=len(self.starts) - 1).astype(np.float64)
        return summed


def neighbourhoods(training: Sequence[Indices], n_items: int, neighbours: int = NEIGHBOURS) -> Neighbourhoods:
    """Find the neighbours of every item. Time grows with the sum over users of the squared number of their items."""
    sets = [np.unique(sequence).astype(np.int64) for sequence in training]
    lengths = np.array([len(items) for items in sets], dtype=np.int64)
    flat = np.concatenate(sets)
    first_of_user = np.concatenate([[0], np.cumsum(lengths)])
    counts = np.bincount(flat, minlength=n_items + 1)
    by_item = np.argsort(flat, kind="stable")
    user_of = np.repeat(np.arange(len(sets)), lengths)[by_item]
    first_of_item = np.concatenate([[0], np.cumsum(counts)])

    def nearest() -> Iterator[tuple[Positions, Positions, Values]]:
        for item in np.flatnonzero(counts):
            users = user_of[first_of_item[item] : first_of_item[item + 1]]
            both = np.concatenate([flat[first_of_user[user] : first_of_user[user + 1]] for user in users])
            others, together = np.unique(both[both != item], return_counts=True)
            similar = together / np.sqrt(counts[item] * counts[others])
            best = np.argsort(-similar, kind="stable")[:neighbours]
            yield others[best], np.full(len(best), item), similar[best]

    neighbour, item, similarity = (np.concatenate(parts) for parts in zip(*nearest(), strict=True))
    order = np.argsort(neighbour, kind="stable")
    starts = np.searchsorted(neighbour[order], np.arange(n_items + 2)).astype(np.int64)
    return Neighbourhoods(starts, item[order], similarity[order])


def ranks(training: Sequence[Indices], examples: Examples, n_items: int, *, exclude_seen: bool) -> Values:
    """The rank of each example's target when items are ordered by their score after the whole history.

    By the rules of recsys_workers.evaluate.metrics, as for recsys_workers.evaluate.popularity.
    """
    near = neighbourhoods(training, n_items)
    found = np.empty(len(examples.targets))
    for row, (history, target) in enumerate(zip(examples.histories, examples.targets, strict=True)):
        scores = near.scores(history)
        at_least = scores >= scores[target]
        at_least[0] = False
        if exclude_seen:
            at_least[history] = False
        # Each rank counts its target, which is at least as good as itself, unless it is excluded.
        found[row] = at_least.sum() if at_least[target] else np.inf
    return found
