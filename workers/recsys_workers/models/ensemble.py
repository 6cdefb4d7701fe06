"""Several networks as one: the mean of what they give, or one network with the mean of their weights.

What they give are the outputs that their graphs have: logits of a softmax over all items or classes, the log-odds of a
class, a label in standard deviations. The mean of logits ranks as the product of the members' probabilities does, since
what normalises these is one number a history; and as cross-entropy is convex in logits and a squared error in outputs,
the loss of the mean is on no example above the mean of the losses.

Shapes are in the suffixes: B rows, T length, N numeric inputs, C categorical columns, K outputs, V items.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn

Model = TypeVar("Model", bound=nn.Module)


class MeanScores(nn.Module):
    """The mean of several models' scores after a history, each of which sees its own latest items of it."""

    def __init__(self, members: Sequence[tuple[nn.Module, int]]) -> None:
        """Each member with the longest history that it looks at."""
        super().__init__()
        self.members = nn.ModuleList(member for member, _ in members)
        self.lengths = [length for _, length in members]

    def forward(self, history_BT: Tensor) -> Tensor:  # noqa: N803
        """Scores [B, V]."""
        both = zip(self.members, self.lengths, strict=True)
        return torch.stack([member(history_BT[:, -length:]) for member, length in both]).mean(0)


class MeanOutputs(nn.Module):
    """The mean of several models' outputs of rows."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, numeric_BN: Tensor, categorical_BC: Tensor) -> Tensor:  # noqa: N803
        """Outputs [B, K]."""
        return torch.stack([member(numeric_BN, categorical_BC) for member in self.members]).mean(0)


def soup(members: Sequence[Model]) -> Model:
    """One network of the same kind with the mean of all weights (Wortsman et al., ICML 2022, arXiv 2203.05482).

    Tensors that hold no fractions are the first one's.
    """
    made = deepcopy(members[0])
    states = [member.state_dict() for member in members]
    with torch.no_grad():
        for name, tensor in made.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.stack([state[name].double() for state in states]).mean(0))
    return made
