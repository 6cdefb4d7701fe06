"""A step of BSARec as it is, with torch's own dropout, and with all padding computed: `hack/bench.sh step`.

The sizes are those of `make bench-training` without attributes: batches of 256 histories of up to 50 items, of which
half have at most 4 and a tenth more than 20, 12,101 items, one thread. The ways take turns. With torch's dropout every
gradient is the same bit by bit, which is checked at each step; with all padding dropout is drawn for it too.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from recsys_workers.models import layers, lengths, registry
from recsys_workers.models.hyperparameters import check
from recsys_workers.train import deterministic

BATCH, LENGTH, ITEMS = 256, 50, 12_101
OURS, TORCHS, PADDED = "as it is", "with torch's dropout", "with all padding computed"
WAYS: dict[str, tuple[Callable[..., Tensor], int]] = {
    TORCHS: (nn.Dropout.forward, lengths.GROUPS),
    PADDED: (layers.Dropout.forward, 1),
    OURS: (layers.Dropout.forward, lengths.GROUPS),
}


def main() -> None:
    """Print the milliseconds of a step each way, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, prog="hack/bench.sh step")
    parser.add_argument("--steps", type=int, default=40, help="steps of each way, at least 4")
    steps = max(4, parser.parse_args().steps)
    deterministic.set_up(threads=1)
    torch.manual_seed(1)
    model: Any = registry.build(
        "BSARec", ITEMS, check("BSARec", {"maxLength": str(LENGTH), "inputLength": str(LENGTH)})
    )
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for turn in range(steps):
        history, target = batch(turn)
        gradients: dict[str, list[Tensor]] = {}
        for name, (forward, groups) in WAYS.items():
            layers.Dropout.forward, lengths.GROUPS = forward, groups  # type: ignore[method-assign]
            torch.manual_seed(turn)
            model.zero_grad()
            began = time.perf_counter()
            model.loss(history, target).backward()
            seconds[name].append(time.perf_counter() - began)
            gradients[name] = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        if not all(torch.equal(one, other) for one, other in zip(gradients[OURS], gradients[TORCHS], strict=True)):
            raise SystemExit(f"the gradients of step {turn} are not those that torch's dropout gives")
    print("Milliseconds of a step, forward and backward, the fastest and the median of", steps)
    for name, took in seconds.items():
        print(f"{name:27} {min(took) * 1e3:6.0f} {sorted(took)[steps // 2] * 1e3:6.0f}")
    for name in (TORCHS, PADDED):
        ratios = sorted(other / ours for other, ours in zip(seconds[name], seconds[OURS], strict=True))
        print(f"{name}: {ratios[steps // 2]:.2f} times as long, step by step ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def batch(seed: int) -> tuple[Tensor, Tensor]:
    """Histories and targets [BATCH, LENGTH]: the logarithm of a history's length is normal."""
    random = torch.Generator().manual_seed(seed)
    history, target = torch.zeros(2, BATCH, LENGTH, dtype=torch.int64)
    usual, spread = 4.0, 1.25
    length = (usual * (spread * torch.randn(BATCH, generator=random)).exp()).round().clamp(1, LENGTH)
    held = torch.arange(LENGTH, 0, -1) <= length[:, None]
    history[held] = torch.randint(1, ITEMS + 1, (int(held.sum()),), generator=random)
    target[:, -1] = torch.randint(1, ITEMS + 1, (BATCH,), generator=random)
    return history, target


if __name__ == "__main__":
    main()
