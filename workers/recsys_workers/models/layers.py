"""What several architectures are made of: masks of attention, and initial weights.

Shapes are in the suffixes: B batch, T length.
"""

import torch
from torch import Tensor, nn

MASKED = -1e9
"""Added to attention logits of keys that must not be seen. Finite, so that a row with no visible key stays finite;
its softmax weight underflows to exactly 0 in every other row, so padding changes no score."""


def causal_mask(usable_BT: Tensor, length: int) -> Tensor:  # noqa: N803
    """What is added to the logits [B, 1, T, T]: each position sees the usable ones up to itself. T is `length`."""
    visible_TT = torch.ones(length, length, dtype=torch.bool, device=usable_BT.device).tril()
    return torch.where(visible_TT[None, None] & usable_BT[:, None, None, :], 0.0, MASKED)


def initialize(module: nn.Module) -> None:
    """Small normal weights, no bias, and zeros for padding; for `nn.Module.apply`."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        with torch.no_grad():
            module.weight[module.padding_idx].zero_()
