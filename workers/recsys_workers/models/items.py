"""The item table that a sequential model reads histories by and ranks by, and what attributes add to it.

A row of the table is the item's own vector and, with attributes, those of its values beside it: of each attribute the
mean of the item's values, as of categories and brand in S3-Rec (Zhou et al., CIKM 2020, arXiv 2008.07873), here as
input and as output, so that items with few interactions are known by those that they have values in common with.

Shapes are in the suffixes: B batch, T length, D hidden size, V items; a table has n_items + 1 rows, the first padding.
"""

from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_workers.data.attributes import ItemAttributes
from recsys_workers.models.layers import initialize

Model = TypeVar("Model", bound=nn.Module)


class AttributeTable(nn.Module):
    """What the attributes add to each row of an item table."""

    values_N: Tensor  # noqa: N815
    weights_N: Tensor  # noqa: N815
    starts_V: Tensor  # noqa: N815

    def __init__(self, attributes: ItemAttributes, hidden_size: int) -> None:
        super().__init__()
        self.register_buffer("values_N", torch.from_numpy(attributes.values), persistent=False)
        self.register_buffer("weights_N", torch.from_numpy(attributes.weights), persistent=False)
        self.register_buffer("starts_V", torch.from_numpy(attributes.starts[:-1]), persistent=False)
        self.embedding = nn.Embedding(attributes.n_values, hidden_size)
        self.apply(initialize)

    def forward(self) -> Tensor:
        """[n_items + 1, D]; zeros for padding."""
        return functional.embedding_bag(
            self.values_N, self.embedding.weight, self.starts_V, mode="sum", per_sample_weights=self.weights_N
        )


class ItemTable(nn.Module):
    """A model with an item table. Its histories are looked up in `table()`, and its scores are made by it."""

    item_embedding: nn.Embedding
    attributes: AttributeTable | None

    def __init__(self) -> None:
        super().__init__()
        self.attributes = None

    def describe(self, attributes: ItemAttributes, known_V: Tensor | None = None) -> None:  # noqa: N803
        """Take the attributes of the items, before the training begins.

        Of the items that are `known`, [n_items] of booleans, the whole row is learned already: it stays what it is, and
        their own vectors are what the attributes leave of it.
        """
        self.attributes = AttributeTable(attributes, self.item_embedding.embedding_dim)
        if known_V is not None:
            rows = torch.nonzero(known_V)[:, 0] + 1
            with torch.no_grad():
                self.item_embedding.weight[rows] -= self.attributes()[rows]

    def table(self) -> Tensor:
        """The rows [n_items + 1, D] as they are now; computed once a step, since attributes make it dear."""
        own_VD: Tensor = self.item_embedding.weight
        return own_VD if self.attributes is None else own_VD + self.attributes()

    def embedded(self, history_BT: Tensor, table_VD: Tensor) -> Tensor:  # noqa: N803
        """The rows [B, T, D] of a history."""
        return functional.embedding(history_BT, table_VD, self.item_embedding.padding_idx)


class NextItem(ItemTable):
    """A causal model that may be asked at every position: inner products with the item table, and a bias an item."""

    output_bias: nn.Parameter

    def hidden_states(self, history_BT: Tensor, table_VD: Tensor) -> Tensor:  # noqa: N803
        """The state after each position, [B, T, D]; only the last max_length positions are meaningful."""
        raise NotImplementedError

    def loss(self, history_BT: Tensor, target_BT: Tensor) -> Tensor:  # noqa: N803
        """Mean cross-entropy over all items at every position with a target (0 means none)."""
        wanted_BT = target_BT != 0
        table_VD = self.table()
        logits_NV = self.logits(self.hidden_states(history_BT, table_VD)[wanted_BT], table_VD)
        return functional.cross_entropy(logits_NV, target_BT[wanted_BT] - 1)

    def logits(self, states_ND: Tensor, table_VD: Tensor) -> Tensor:  # noqa: N803
        """Scores of items 1 to n_items, in that order, for each state."""
        return states_ND @ table_VD[1:].T + self.output_bias

    def forward(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """Scores [B, n_items] of the item that comes after the history; column i belongs to item index i + 1."""
        table_VD = self.table()
        return self.logits(self.hidden_states(history_BT, table_VD)[:, -1], table_VD)


def plain(model: Model) -> Model:
    """The model, or a copy whose item table has the attributes in its own rows: the same scores, at no more cost."""
    if not isinstance(model, ItemTable) or model.attributes is None:
        return model
    made = deepcopy(model)
    with torch.no_grad():
        made.item_embedding.weight.copy_(made.table())
    made.attributes = None
    return made
