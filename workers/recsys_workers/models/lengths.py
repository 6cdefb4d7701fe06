"""A batch of histories in groups of like length, each with no more padding than its longest needs.

Most histories are far shorter than the longest of their batch, and a processor would spend most of its time on padding.

Shapes are in the suffixes: B batch, T length; those of a group are its own.
"""

import torch
from torch import Tensor

GROUPS = 4
"""On a CPU. More spare more padding, and cost more for starting each operation than they spare."""


def by_length(history_BT: Tensor) -> tuple[Tensor, list[Tensor]]:  # noqa: N803
    """The batch's rows in the order of the groups, [B], and the histories of each group, left-padded to its longest.

    As many histories each, shortest first. On other devices than a CPU, and in a graph that is compiled, all are one.
    """
    size = len(history_BT)
    if history_BT.device.type != "cpu" or torch.compiler.is_compiling():
        return torch.arange(size, device=history_BT.device), [history_BT]
    length_B = history_BT.shape[1] - (history_BT != 0).int().argmax(dim=1)
    order_B = torch.argsort(length_B, stable=True)
    parts = torch.tensor_split(order_B, min(GROUPS, size))
    return order_B, [history_BT[rows_B, -int(length_B[rows_B[-1]]) :] for rows_B in parts]
