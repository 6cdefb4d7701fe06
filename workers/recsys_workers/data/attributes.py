"""What items are: for each item the values of its attributes, as numbers that a model has a vector for.

Of each attribute the values that enough items have get a number; all others, and having none, share one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ItemAttributes:
    """Item index i has `values[starts[i]:starts[i + 1]]`, each with its weight; index 0, the padding, has none.

    Values are below `n_values`. An item's weights of one attribute sum to 1, whatever number of values it has of it.
    """

    values: Positions
    weights: Floats
    starts: Positions
    n_values: int

    @property
    def n_items(self) -> int:
        """How many items it tells of."""
        return len(self.starts) - 2


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """One attribute in pairs: the item `items[p]` (from 1) has the value `words[codes[p]]`. A pair may come again."""

    name: str
    items: Positions
    codes: Positions
    words: Sequence[str]
    least: int
    """How many items must have a value for it to have a number of its own."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of one attribute."""

    name: str
    values: int
    """Those with a number of their own."""
    rare: int
    """Those that share the one number with all that are rare or absent."""
    without: int
    """Items that have none of the values with a number of their own."""


def coded(n_items: int, attributes: Sequence[Attribute]) -> tuple[ItemAttributes, list[Counted]]:
    """The attributes of items 1 to `n_items`, one attribute's numbers after the other's, and what was counted."""
    found, first = [], 0
    counted = []
    for attribute in attributes:
        pairs = np.unique(np.stack([attribute.items, attribute.codes]), axis=1)
        held = np.bincount(pairs[1], minlength=len(attribute.words))
        frequent = np.flatnonzero(held >= max(1, attribute.least))
        number = np.zeros(len(held), dtype=np.int64)
        number[frequent] = np.arange(1, len(frequent) + 1)
        items, values = np.unique(np.stack([pairs[0], number[pairs[1]]]), axis=1)
        own = np.unique(items[values > 0])
        bare = np.setdiff1d(np.arange(1, n_items + 1), items)
        items = np.concatenate([items, bare])
        values = np.concatenate([values, np.zeros(len(bare), dtype=np.int64)])
        weights = 1 / np.bincount(items, minlength=n_items + 1)[items]
        found.append((items, first + values, weights))
        first += len(frequent) + 1
        rare = int(np.count_nonzero(held)) - len(frequent)
        counted.append(Counted(attribute.name, len(frequent), rare, n_items - len(own)))
    items, values, weights = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((values, items))
    starts = np.searchsorted(items[order], np.arange(n_items + 2))
    return ItemAttributes(values[order], weights[order].astype(np.float32), starts.astype(np.int64), first), counted
