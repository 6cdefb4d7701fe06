"""SASRec (Kang and McAuley, ICDM 2018, arXiv 1808.09781): a causal transformer over a user's item history.

Differences from the paper: layer norm before each sublayer, full softmax cross-entropy over all items instead of
sampled negatives (arXiv 2309.07602 finds that it decides the quality), and positions counted from the end of the
window, so that scores do not depend on how far a history is padded.

Shapes are in the suffixes: B batch, T length, D hidden size, H heads, V items.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_workers.models.common import SAMPLES, SEQUENCE_RULES, SEQUENCE_SAME_AS, SEQUENCES, TRANSFORMER
from recsys_workers.models.declaration import Declaration, Rule
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.practice import PRACTICE, PRACTICE_RULES

MASKED = -1e9
"""Added to attention logits of keys that must not be seen. Finite, so that a row with no visible key stays finite;
its softmax weight underflows to exactly 0 in every other row, so padding changes no score."""

DECLARATION = Declaration(
    architecture="SASRec",
    description="SASRec (Kang and McAuley, 2018, arXiv 1808.09781): a causal transformer with full cross-entropy.",
    parameters=(*TRANSFORMER, *SEQUENCES, SAMPLES, *PRACTICE),
    rules=(Rule("hiddenSize", "a multiple of", "heads"), *SEQUENCE_RULES, *PRACTICE_RULES),
    same_as=SEQUENCE_SAME_AS,
)


class Block(nn.Module):
    """Self-attention and a feed-forward layer, each after a layer norm and around a residual connection."""

    def __init__(self, hidden_size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.query_key_value = nn.Linear(hidden_size, 3 * hidden_size)
        self.attention_output = nn.Linear(hidden_size, hidden_size)
        self.feed_forward_norm = nn.LayerNorm(hidden_size)
        self.feed_forward = nn.Sequential(
            nn.Linear(hidden_size, 4 * hidden_size), nn.GELU(), nn.Linear(4 * hidden_size, hidden_size)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BTD: Tensor, mask_B1TT: Tensor) -> Tensor:  # noqa: N803
        length, hidden_size = x_BTD.shape[1], x_BTD.shape[2]
        projected = self.query_key_value(self.attention_norm(x_BTD))
        split = projected.reshape(-1, length, 3, self.heads, hidden_size // self.heads).permute(2, 0, 3, 1, 4)
        query_BHTE, key_BHTE, value_BHTE = split[0], split[1], split[2]
        logits_BHTT = query_BHTE @ key_BHTE.transpose(2, 3) * (hidden_size // self.heads) ** -0.5 + mask_B1TT
        weights_BHTT = self.dropout(torch.softmax(logits_BHTT, dim=-1))
        mixed_BTD = (weights_BHTT @ value_BHTE).permute(0, 2, 1, 3).reshape(-1, length, hidden_size)
        x_BTD = x_BTD + self.dropout(self.attention_output(mixed_BTD))
        output_BTD: Tensor = x_BTD + self.dropout(self.feed_forward(self.feed_forward_norm(x_BTD)))
        return output_BTD


class SASRec(nn.Module):
    """Scores every item as the next one after a history of item indices (1 to n_items, 0 is padding on the left)."""

    DECLARATION = DECLARATION

    def __init__(self, n_items: int, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        hidden_size = hyperparameters.integer("hiddenSize")
        dropout = hyperparameters.number("dropout")
        self.max_length = hyperparameters.integer("maxLength")
        self.item_embedding = nn.Embedding(n_items + 1, hidden_size, padding_idx=0)
        self.position_embedding = nn.Embedding(self.max_length, hidden_size)
        self.blocks = nn.ModuleList(
            Block(hidden_size, hyperparameters.integer("heads"), dropout)
            for _ in range(hyperparameters.integer("layers"))
        )
        self.output_norm = nn.LayerNorm(hidden_size)
        self.output_bias = nn.Parameter(torch.zeros(n_items))
        self.dropout = nn.Dropout(dropout)
        self.apply(_initialize)

    def hidden_states(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """The state after each position, [B, T, D]; only the last max_length positions are meaningful."""
        length = history_BT.shape[1]
        from_the_end_T = torch.arange(length - 1, -1, -1, device=history_BT.device)
        position_TD = self.position_embedding(from_the_end_T.clamp(max=self.max_length - 1))
        x_BTD = self.dropout(self.item_embedding(history_BT) + position_TD)
        visible_TT = torch.ones(length, length, dtype=torch.bool, device=history_BT.device).tril()
        usable_BT = (history_BT != 0) & (from_the_end_T < self.max_length)
        visible_B1TT = visible_TT[None, None] & usable_BT[:, None, None, :]
        mask_B1TT = torch.where(visible_B1TT, 0.0, MASKED)
        for block in self.blocks:
            x_BTD = block(x_BTD, mask_B1TT)
        normed: Tensor = self.output_norm(x_BTD)
        return normed

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


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        with torch.no_grad():
            module.weight[module.padding_idx].zero_()
