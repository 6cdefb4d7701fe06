"""What several architectures are made of: masks of attention, dropout, and initial weights.

Shapes are in the suffixes: B batch, T length.
"""

import math

import torch
from torch import Tensor, nn

MASKED = -1e9
"""Added to attention logits of keys that must not be seen. Finite, so that a row with no visible key stays finite;
its softmax weight underflows to exactly 0 in every other row, so padding changes no score."""

RANDOM_BITS = 53
"""Of how many bits torch makes a uniform double between 0 and 1."""
CHUNK = 1 << 16
"""How many random integers are drawn at once: half a MiB, which stays in a core's cache."""


class Dropout(nn.Dropout):
    """`nn.Dropout` bit for bit, and the same state of the generator after it, in less time on a CPU.

    torch asks its generator once a value, through a double. Here the integers that those doubles are made of are drawn
    a chunk at a time and compared as integers: a double is below a share exactly where its integer is below the
    share's. Other devices and types, and graphs that are compiled, take torch's own way. `hack/bench.sh step`
    plays both.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Zeros for a share `p` of the values and the others over 1 - p while it trains; as it is afterwards."""
        plain = input.device.type == "cpu" and input.dtype == torch.float32
        if not (self.training and 0 < self.p < 1 and plain) or torch.compiler.is_compiling():
            return super().forward(input)
        kept = 1 - self.p
        below = math.ceil(kept * (1 << RANDOM_BITS))
        noise = torch.empty_like(input, requires_grad=False)
        drawn = torch.empty(min(CHUNK, input.numel()), dtype=torch.int64)
        flat = noise.as_strided((input.numel(),), (1,))  # as it lies in memory, in which order torch fills it
        for part in torch.split(flat, CHUNK):
            integers = drawn[: part.numel()].random_().bitwise_and_((1 << RANDOM_BITS) - 1)
            torch.lt(integers, below, out=part).div_(kept)
        return input * noise


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
