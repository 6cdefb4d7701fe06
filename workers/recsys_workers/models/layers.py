"""What several architectures are made of: masks of attention, initial weights, scores by the item table.

Shapes are in the suffixes: B batch, T length, D hidden size, V items, N as many states as are asked for.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

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


class NextItem(nn.Module):
    """A causal model that may be asked at every position: inner products with the item table, and a bias an item."""

    item_embedding: nn.Embedding
    output_bias: nn.Parameter

    def hidden_states(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """The state after each position, [B, T, D]; only the last max_length positions are meaningful."""
        raise NotImplementedError

    def loss(self, history_BT: Tensor, target_BT: Tensor) -> Tensor:  # noqa: N803
        """Mean cross-entropy over all items at every position with a target (0 means none)."""
        wanted_BT = target_BT != 0
        logits_NV = self.logits(self.hidden_states(history_BT)[wanted_BT])
        return functional.cross_entropy(logits_NV, target_BT[wanted_BT] - 1)

    def logits(self, states_ND: Tensor) -> Tensor:  # noqa: N803
        """Scores of items 1 to n_items, in that order, for each state."""
        return states_ND @ self.item_embedding.weight[1:].T + self.output_bias

    def forward(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """Scores [B, n_items] of the item that comes after the history; column i belongs to item index i + 1."""
        return self.logits(self.hidden_states(history_BT)[:, -1])
