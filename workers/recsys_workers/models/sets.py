"""What the architectures of the task Retrieval are made of: a history as a set of items.

Shapes are in the suffixes: B batch, T length, V items.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class CountsItems(Protocol):
    """A model that wants to know how often each item is a target, before its training begins."""

    def count(self, counts_V: Tensor) -> None:  # noqa: N803
        """Take the counts, float [n_items]; entry i belongs to item index i + 1."""
        ...


def as_set(history_BT: Tensor) -> tuple[Tensor, Tensor]:  # noqa: N803
    """The items of each history in the order of their index [B, T], and where each stands for the first time.

    Sorted, any order of a history is the same input, to the last bit. Padding is marked nowhere, and an item that
    comes again is marked once.
    """
    ordered_BT = history_BT.sort(dim=1).values
    before_BT = torch.cat([torch.zeros_like(ordered_BT[:, :1]), ordered_BT[:, :-1]], dim=1)
    return ordered_BT, ordered_BT != before_BT


def only_target(target_BT: Tensor) -> Tensor:  # noqa: N803
    """The targets [B], which stand at the last position; ValueError when there is one at another position."""
    if target_BT[:, :-1].any():
        raise ValueError("A set has no positions: targets may stand at the last one only.")
    return target_BT[:, -1]
