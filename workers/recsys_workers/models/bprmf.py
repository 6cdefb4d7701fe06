"""BPRMF: matrix factorisation for the ranking of pairs (Rendle et al., BPR, UAI 2009, arXiv 1205.2618).

A score is the inner product of a user's and an item's factors, and a bias of the item; the loss is BPR-Opt: the
logarithm of the sigmoid of how far an item that the user had lies above one that the user had not, negated, with the
factors regularised.

A user's factors are not a row of a table: they are made of the factors p that the items of the history have beside
their own q, as in FISM (Kabbur et al., KDD 2013): the sum of p_j over the n items of the history, divided by n to the
power `agreement`. The paper does the same with neighbours (section 4.3.2), and there too the item that is asked for is
left out of the history. So users whom the training did not see, and what a user did since, count when it is served;
the server need not know who asks; and what is trained is what is evaluated and served. Folding a user in instead, by
least squares on the items' factors, would serve something else than what the loss trained.

Shapes are in the suffixes: B batch, T length, D factors, V items, N negatives of a sample.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys_workers.models.common import SEQUENCE_RULES, SEQUENCE_SAME_AS, SEQUENCES, SET_SAMPLES, with_defaults
from recsys_workers.models.declaration import Declaration, Hyperparameter, keeping_weights
from recsys_workers.models.hyperparameters import Hyperparameters
from recsys_workers.models.layers import initialize
from recsys_workers.models.practice import PRACTICE_RULES, SET_PRACTICE
from recsys_workers.models.sets import as_set, only_target
from recsys_workers.tasks import RETRIEVAL

DECLARATION = Declaration(
    architecture="BPRMF",
    description="BPRMF (Rendle et al., 2009, arXiv 1205.2618): factors of users and items, trained by pairs; a user's "
    "factors are made of the items of the history, as in FISM (Kabbur et al., 2013).",
    parameters=(
        Hyperparameter("hiddenSize", "integer", "64", 4, 1024, "How many factors users and items have."),
        *keeping_weights(
            Hyperparameter("negatives", "integer", "16", 1, 1024, "Items drawn for each sample that the user had not."),
        ),
        Hyperparameter(
            "agreement",
            "number",
            "0.5",
            0.0,
            1.0,
            "The sum over the n items of a history is divided by n to this power; FISM's alpha.",
        ),
        Hyperparameter(
            "regularization",
            "number",
            "0.0001",
            0.0,
            1.0,
            "Weight of the squared factors and biases that a sample uses, in its loss.",
            keeps_weights=True,
        ),
        *SEQUENCES,
        SET_SAMPLES,
        *with_defaults(SET_PRACTICE, learningRate="0.01", batchSize="256"),
    ),
    rules=(*SEQUENCE_RULES, *PRACTICE_RULES),
    same_as=SEQUENCE_SAME_AS,
    task=RETRIEVAL,
)


class BPRMF(nn.Module):
    """Scores every item for a user who had a set of items, whose indices are 1 to n_items; 0 is padding."""

    DECLARATION = DECLARATION

    def __init__(self, n_items: int, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        factors = hyperparameters.integer("hiddenSize")
        self.n_items = n_items
        self.max_length = hyperparameters.integer("maxLength")
        self.negatives = hyperparameters.integer("negatives")
        self.agreement = hyperparameters.number("agreement")
        self.regularization = hyperparameters.number("regularization")
        self.history_factors = nn.Embedding(n_items + 1, factors, padding_idx=0)
        self.item_factors = nn.Embedding(n_items + 1, factors, padding_idx=0)
        self.item_bias = nn.Parameter(torch.zeros(n_items + 1))
        self.apply(initialize)

    def users(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """The user factors [B, D]; zeros for an empty set."""
        items_BT, marked_BT = as_set(history_BT[:, -self.max_length :])
        marked_BT1 = marked_BT[:, :, None].to(self.item_bias.dtype)
        count_B1 = marked_BT1.sum(1).clamp(min=1)
        users_BD: Tensor = (self.history_factors(items_BT) * marked_BT1).sum(1) / count_B1**self.agreement
        return users_BD

    def forward(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """Scores [B, n_items]; column i belongs to item index i + 1."""
        return self.users(history_BT) @ self.item_factors.weight[1:].T + self.item_bias[1:]

    def loss(self, history_BT: Tensor, target_BT: Tensor) -> Tensor:  # noqa: N803
        """BPR-Opt with items drawn at random; of those that are in the sample itself nothing is learned."""
        target_B = only_target(target_BT)
        drawn_BN = torch.randint(1, self.n_items + 1, (len(target_B), self.negatives), device=target_B.device)
        return self.loss_of(history_BT, target_B, drawn_BN)

    def loss_of(self, history_BT: Tensor, target_B: Tensor, drawn_BN: Tensor) -> Tensor:  # noqa: N803
        """The mean over all pairs of a target and an item that was drawn for it and is neither in the history.

        Zero where there is no such pair.
        """
        had_BV = torch.zeros(len(target_B), self.n_items + 1, dtype=torch.bool, device=target_B.device)
        had_BV.scatter_(1, history_BT, True).scatter_(1, target_B[:, None], True)
        pair_BN = ~had_BV.gather(1, drawn_BN)
        users_BD = self.users(history_BT)
        above_BD, below_BND = self.item_factors(target_B), self.item_factors(drawn_BN)
        bias_B, bias_BN = self.item_bias[target_B], self.item_bias[drawn_BN]
        above_B = (users_BD * above_BD).sum(1) + bias_B
        below_BN = (below_BND @ users_BD[:, :, None])[:, :, 0] + bias_BN
        of_pair_BN = -functional.logsigmoid(above_B[:, None] - below_BN)
        squares_B = users_BD.square().sum(1) + above_BD.square().sum(1) + bias_B.square()
        squares_BN = squares_B[:, None] + below_BND.square().sum(2) + bias_BN.square()
        cost_BN = (of_pair_BN + self.regularization * squares_BN) * pair_BN
        mean: Tensor = cost_BN.sum() / pair_BN.sum().clamp(min=1)
        return mean
