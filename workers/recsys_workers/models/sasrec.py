"""SASRec (Kang and McAuley, ICDM 2018, arXiv 1808.09781): a causal transformer over a user's item history.

Differences from the paper: layer norm before each sublayer, full softmax cross-entropy over all items instead of
sampled negatives (arXiv 2309.07602 finds that it decides the quality), and positions counted from the end of the
window, so that scores do not depend on how far a history is padded.

Shapes are in the suffixes: B batch, T length, D hidden size, H heads, V items.
"""

import torch
from torch import Tensor, nn

from recsys_workers.models.common import SAMPLES, SEQUENCE_RULES, SEQUENCE_SAME_AS, SEQUENCES, TRANSFORMER
from recsys_workers.models.declaration import Declaration, Rule
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.items import NextItem
from recsys_workers.models.layers import Dropout, causal_mask, initialize
from recsys_workers.models.practice import PRACTICE, PRACTICE_RULES

DECLARATION = Declaration(
    architecture="SASRec",
    description="SASRec (Kang and McAuley, 2018, arXiv 1808.09781): a causal transformer with full cross-entropy.",
    parameters=(*TRANSFORMER, *SEQUENCES, SAMPLES, *PRACTICE),
    rules=(Rule("hiddenSize", "a multiple of", "heads"), *SEQUENCE_RULES, *PRACTICE_RULES),
    same_as=SEQUENCE_SAME_AS,
    attributes=True,
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
        self.dropout = Dropout(dropout)

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


class SASRec(NextItem):
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
        self.dropout = Dropout(dropout)
        self.apply(initialize)

    def hidden_states(self, history_BT: Tensor, table_VD: Tensor) -> Tensor:  # noqa: N803
        length = history_BT.shape[1]
        from_the_end_T = torch.arange(length - 1, -1, -1, device=history_BT.device)
        position_TD = self.position_embedding(from_the_end_T.clamp(max=self.max_length - 1))
        x_BTD = self.dropout(self.embedded(history_BT, table_VD) + position_TD)
        usable_BT = (history_BT != 0) & (from_the_end_T < self.max_length)
        mask_B1TT = causal_mask(usable_BT, length)
        for block in self.blocks:
            x_BTD = block(x_BTD, mask_B1TT)
        normed: Tensor = self.output_norm(x_BTD)
        return normed
