"""BSARec (Shin et al., AAAI 2024, arXiv 2312.10325): a transformer whose blocks mix attention with a frequency filter.

The filter splits the sequence of states along the time into low frequencies and the rest, and weighs the rest by a
learned beta; a block's output is alpha times the filter's and 1 - alpha times attention's. Scores are inner products
with the item table, without a bias, as in the paper.

The filter looks along the whole sequence, also ahead: with a target at every position it would see what it is asked
for. So there is a sample for each prefix, with one target after it. Its frequencies are those of max_length positions;
the low pass is then one matrix, of which a shorter history needs the last rows and columns.

Difference from the paper: before a history begins there is nothing, so states of padding are zeros. In the paper's code
they are made of the position alone, and take part in the filter. So nothing has to be computed for padding, which most
positions are: histories are trained in groups of like length.

Shapes are in the suffixes: B batch, T length, at most max_length, L the last positions that are asked for, D hidden
size, H heads, G the histories of a group, N all places of all groups.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_workers.models.common import (
    PREFIXES,
    SEQUENCE_RULES,
    SEQUENCE_SAME_AS,
    SEQUENCES,
    TRANSFORMER,
    with_defaults,
)
from recsys_workers.models.declaration import Choice, Declaration, Hyperparameter, Rule
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.items import ItemTable
from recsys_workers.models.layers import Dropout, causal_mask, initialize
from recsys_workers.models.lengths import by_length
from recsys_workers.models.practice import PRACTICE, PRACTICE_RULES

DECLARATION = Declaration(
    architecture="BSARec",
    description="BSARec (Shin et al., 2024, arXiv 2312.10325): blocks that mix attention with a frequency filter.",
    parameters=(
        *with_defaults(TRANSFORMER, heads="1", dropout="0.5"),
        Hyperparameter(
            "frequencies",
            "integer",
            "3",
            1,
            512,
            "How many of the lowest bins of the real Fourier transform pass unweighted; 3 is the paper's c of 5.",
        ),
        Hyperparameter(
            "frequencyShare",
            "number",
            "0.7",
            0.0,
            1.0,
            "Share of the frequency filter in a block's output, alpha in the paper; the rest is attention's.",
        ),
        *SEQUENCES,
        Choice(
            "samples",
            (PREFIXES,),
            "Everything that came before an item is a sample with that one target; the filter looks ahead, so that a "
            "target at every position would be seen.",
            keeps_weights=True,
        ),
        *with_defaults(PRACTICE, learningRate="0.0005", batchSize="256"),
    ),
    rules=(
        Rule("hiddenSize", "a multiple of", "heads"),
        Rule("maxLength", "at least twice", "frequencies"),
        *SEQUENCE_RULES,
        *PRACTICE_RULES,
    ),
    same_as=SEQUENCE_SAME_AS,
    attributes=True,
)


def low_pass(length: int, frequencies: int) -> Tensor:
    """The matrix [length, length] that keeps the lowest `frequencies` bins of the real Fourier transform along time."""
    spectrum = torch.fft.rfft(torch.eye(length, dtype=torch.float64), dim=0)
    spectrum[frequencies:] = 0
    low: Tensor = torch.fft.irfft(spectrum, n=length, dim=0)
    return low.float()


class FrequencyFilter(nn.Module):
    """Low frequencies as they are, the others times beta, around a residual connection."""

    low_pass_TT: Tensor  # noqa: N815

    def __init__(self, hidden_size: int, max_length: int, frequencies: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("low_pass_TT", low_pass(max_length, frequencies), persistent=False)
        self.root_of_beta_D = nn.Parameter(torch.randn(hidden_size))
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, x_BTD: Tensor, last: int) -> Tensor:  # noqa: N803
        x_BLD = x_BTD[:, -last:]
        low_BLD = self.low_pass_TT[-last:, -x_BTD.shape[1] :] @ x_BTD
        filtered_BLD = low_BLD + self.root_of_beta_D**2 * (x_BLD - low_BLD)
        output_BLD: Tensor = self.norm(x_BLD + self.dropout(filtered_BLD))
        return output_BLD


class Attention(nn.Module):
    """Causal self-attention around a residual connection."""

    def __init__(self, hidden_size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key_value = nn.Linear(hidden_size, 2 * hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, x_BTD: Tensor, mask_B1TT: Tensor, last: int) -> Tensor:  # noqa: N803
        length, hidden_size = x_BTD.shape[1], x_BTD.shape[2]
        width = hidden_size // self.heads
        x_BLD = x_BTD[:, -last:]
        query_BHLE = self.query(x_BLD).reshape(-1, last, self.heads, width).permute(0, 2, 1, 3)
        split = self.key_value(x_BTD).reshape(-1, length, 2, self.heads, width).permute(2, 0, 3, 1, 4)
        key_BHTE, value_BHTE = split[0], split[1]
        logits_BHLT = query_BHLE @ key_BHTE.transpose(2, 3) * width**-0.5 + mask_B1TT[:, :, -last:]
        weights_BHLT = self.dropout(torch.softmax(logits_BHLT, dim=-1))
        mixed_BLD = (weights_BHLT @ value_BHTE).permute(0, 2, 1, 3).reshape(-1, last, hidden_size)
        output_BLD: Tensor = self.norm(x_BLD + self.dropout(self.output(mixed_BLD)))
        return output_BLD


class Block(nn.Module):
    """The mixture of filter and attention, and a feed-forward layer after it."""

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        hidden_size, dropout = hyperparameters.integer("hiddenSize"), hyperparameters.number("dropout")
        self.share = hyperparameters.number("frequencyShare")
        self.filter = FrequencyFilter(
            hidden_size, hyperparameters.integer("maxLength"), hyperparameters.integer("frequencies"), dropout
        )
        self.attention = Attention(hidden_size, hyperparameters.integer("heads"), dropout)
        self.feed_forward = nn.Sequential(
            nn.Linear(hidden_size, 4 * hidden_size), nn.GELU(), nn.Linear(4 * hidden_size, hidden_size)
        )
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, x_BTD: Tensor, mask_B1TT: Tensor, last: int) -> Tensor:  # noqa: N803
        attended_BLD = self.attention(x_BTD, mask_B1TT, last)
        mixed_BLD = self.share * self.filter(x_BTD, last) + (1 - self.share) * attended_BLD
        output_BLD: Tensor = self.norm(mixed_BLD + self.dropout(self.feed_forward(mixed_BLD)))
        return output_BLD


class BSARec(ItemTable):
    """Scores every item as the next one after a history of item indices (1 to n_items, 0 is padding on the left)."""

    DECLARATION = DECLARATION

    def __init__(self, n_items: int, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        hidden_size = hyperparameters.integer("hiddenSize")
        self.max_length = hyperparameters.integer("maxLength")
        self.item_embedding = nn.Embedding(n_items + 1, hidden_size, padding_idx=0)
        self.position_embedding = nn.Embedding(self.max_length, hidden_size)
        self.input_norm = nn.LayerNorm(hidden_size)
        self.dropout = Dropout(hyperparameters.number("dropout"))
        self.blocks = nn.ModuleList(Block(hyperparameters) for _ in range(hyperparameters.integer("layers")))
        self.apply(initialize)

    def last_states(self, history_BT: Tensor, items_BTD: Tensor) -> Tensor:  # noqa: N803
        """The states [B, D] after the last position of histories no longer than max_length, whose items these are."""
        length = history_BT.shape[1]
        usable_BT = history_BT != 0
        mask_B1TT = causal_mask(usable_BT, length)
        x_BTD: Tensor = self.dropout(self.input_norm(items_BTD + self.position_embedding.weight[-length:]))
        for number, block in enumerate(self.blocks, start=1):
            # What the last block gives for other positions than the last nobody reads.
            x_BTD = block(x_BTD * usable_BT[:, :, None], mask_B1TT, 1 if number == len(self.blocks) else length)
        return x_BTD[:, -1]

    def loss(self, history_BT: Tensor, target_BT: Tensor) -> Tensor:  # noqa: N803
        """Mean cross-entropy over all items of the one target, which follows the last position."""
        if target_BT[:, :-1].any():
            raise ValueError("BSARec looks along the whole history: targets may stand at the last position only.")
        table_VD = self.table()
        order_B, groups = by_length(history_BT[:, -self.max_length :])
        # One look-up for all, since its gradient is as large as the table.
        items_ND = self.embedded(torch.cat([group_GT.flatten() for group_GT in groups]), table_VD)
        items = torch.split(items_ND, [group_GT.numel() for group_GT in groups])
        states = [
            self.last_states(group_GT, part_ND.reshape(*group_GT.shape, -1))
            for group_GT, part_ND in zip(groups, items, strict=True)
        ]
        return functional.cross_entropy(torch.cat(states) @ table_VD[1:].T, target_BT[order_B, -1] - 1)

    def forward(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """Scores [B, n_items] of the item that comes after the history; column i belongs to item index i + 1."""
        table_VD = self.table()
        history_BT = history_BT[:, -self.max_length :]
        return self.last_states(history_BT, self.embedded(history_BT, table_VD)) @ table_VD[1:].T
