"""TwoTower: one network makes a vector of a user, another one of an item, and a score is how near the two are.

After Yi et al., Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations (RecSys 2019): vectors of
length 1, a temperature, and a softmax over the items of the batch, each logit less the logarithm of the item's share of
the targets (logQ), without which popular items, which stand in most batches, would be pushed down. The shares are
counted in the training data instead of estimated from a stream. A target that another sample of the batch has too is no
negative of it. The alternative is a softmax over all items, which needs no correction.

The user tower pools the item table over the set of items that the user had: their mean, or a mean whose weights a
learned query gives (attention). The item tower begins with the same table. Each tower adds to its input what a
multilayer perceptron makes of it.

Shapes are in the suffixes: B batch, T length, D hidden size, V items.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_workers.models.common import SEQUENCE_RULES, SEQUENCE_SAME_AS, SEQUENCES, SET_SAMPLES, with_defaults
from recsys_workers.models.declaration import Choice, Declaration, Hyperparameter, keeping_weights
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.layers import MASKED, Dropout, initialize
from recsys_workers.models.practice import PRACTICE_RULES, SET_PRACTICE
from recsys_workers.models.sets import as_set, only_target
from recsys_workers.tasks import RETRIEVAL

FULL, IN_BATCH = "FullSoftmax", "InBatchSoftmax"
MEAN, ATTENTION = "Mean", "Attention"

DECLARATION = Declaration(
    architecture="TwoTower",
    description="TwoTower (Yi et al., RecSys 2019): a vector of the set of items that a user had, and one an item.",
    parameters=(
        Hyperparameter("hiddenSize", "integer", "64", 4, 1024, "Length of the vectors and width of the item table."),
        Hyperparameter("layers", "integer", "1", 1, 4, "Hidden layers of each tower."),
        Hyperparameter("towerSize", "integer", "128", 4, 4096, "Width of each hidden layer."),
        Choice(
            "pooling",
            (MEAN, ATTENTION),
            "How the items of a user become one vector: their mean, or a mean whose weights are learned.",
        ),
        Choice(
            "loss",
            (FULL, IN_BATCH),
            "FullSoftmax: cross-entropy over all items. InBatchSoftmax: over the targets of the batch, with the logQ "
            "correction, for catalogues that are too large for it; take a large batchSize.",
            keeps_weights=True,
        ),
        Hyperparameter("temperature", "number", "0.1", 0.01, 10.0, "What cosines are divided by to give scores."),
        *keeping_weights(
            Hyperparameter(
                "dropout", "number", "0.2", 0.0, 0.9, "Dropout of the hidden layers and of the pooled vector."
            ),
        ),
        *SEQUENCES,
        SET_SAMPLES,
        *with_defaults(SET_PRACTICE, batchSize="256"),
    ),
    rules=(*SEQUENCE_RULES, *PRACTICE_RULES),
    same_as=SEQUENCE_SAME_AS,
    task=RETRIEVAL,
)


class Tower(nn.Module):
    """A multilayer perceptron around a residual connection, and a vector of length 1 at its end."""

    def __init__(self, hidden_size: int, tower_size: int, layers: int, dropout: float) -> None:
        super().__init__()
        sizes = [hidden_size, *[tower_size] * layers]
        hidden = [
            part
            for size, following in pairwise(sizes)
            for part in (nn.Linear(size, following), nn.GELU(), Dropout(dropout))
        ]
        self.layers = nn.Sequential(*hidden, nn.Linear(tower_size, hidden_size))

    def forward(self, x_ND: Tensor) -> Tensor:  # noqa: N803
        return functional.normalize(x_ND + self.layers(x_ND), dim=-1)


class TwoTower(nn.Module):
    """Scores every item for a user who had a set of items, whose indices are 1 to n_items; 0 is padding."""

    DECLARATION = DECLARATION
    log_share_V: Tensor  # noqa: N815

    def __init__(self, n_items: int, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        hidden_size = hyperparameters.integer("hiddenSize")
        dropout = hyperparameters.number("dropout")
        towers = hyperparameters.integer("towerSize"), hyperparameters.integer("layers"), dropout
        self.max_length = hyperparameters.integer("maxLength")
        self.temperature = hyperparameters.number("temperature")
        self.in_batch = hyperparameters.choice("loss") == IN_BATCH
        self.item_embedding = nn.Embedding(n_items + 1, hidden_size, padding_idx=0)
        self.attention = nn.Linear(hidden_size, 1) if hyperparameters.choice("pooling") == ATTENTION else None
        self.dropout = Dropout(dropout)
        self.user_tower = Tower(hidden_size, *towers)
        self.item_tower = Tower(hidden_size, *towers)
        self.register_buffer("log_share_V", torch.zeros(n_items))
        self.apply(initialize)

    def count(self, counts_V: Tensor) -> None:  # noqa: N803
        """Take each item's share of the targets; what is never one counts as one, so that its logarithm is finite."""
        self.log_share_V.copy_((counts_V.clamp(min=1) / counts_V.sum()).log())

    def users(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """The user vectors [B, D]; an empty set has one too."""
        items_BT, marked_BT = as_set(history_BT[:, -self.max_length :])
        x_BTD = self.item_embedding(items_BT)
        if self.attention is None:
            weight_BT = marked_BT / marked_BT.sum(1, keepdim=True).clamp(min=1)
        else:
            logits_BT = self.attention(torch.tanh(x_BTD))[:, :, 0]
            weight_BT = torch.softmax(torch.where(marked_BT, logits_BT, MASKED), dim=1) * marked_BT
        pooled_BD = (weight_BT[:, None] @ x_BTD)[:, 0]
        users_BD: Tensor = self.user_tower(self.dropout(pooled_BD))
        return users_BD

    def items(self, index_N: Tensor) -> Tensor:  # noqa: N803
        """The item vectors [N, D] of item indices."""
        vectors_ND: Tensor = self.item_tower(self.item_embedding(index_N))
        return vectors_ND

    def forward(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """Scores [B, n_items]; column i belongs to item index i + 1."""
        items_VD: Tensor = self.item_tower(self.item_embedding.weight[1:])
        return self.users(history_BT) @ items_VD.T / self.temperature

    def loss(self, history_BT: Tensor, target_BT: Tensor) -> Tensor:  # noqa: N803
        """Mean cross-entropy of the one target a sample, over all items or over the targets of the batch."""
        target_B = only_target(target_BT)
        if not self.in_batch:
            return functional.cross_entropy(self(history_BT), target_B - 1)
        logits_BB = self.users(history_BT) @ self.items(target_B).T / self.temperature
        logits_BB = logits_BB - self.log_share_V[target_B - 1]
        row_B = torch.arange(len(target_B), device=target_B.device)
        again_BB = (target_B[:, None] == target_B) & (row_B[:, None] != row_B)
        return functional.cross_entropy(logits_BB.masked_fill(again_BB, -torch.inf), row_B)
