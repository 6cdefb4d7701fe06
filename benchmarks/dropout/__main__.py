"""A step of BSARec with torch's own dropout and with this project's: `hack/bench.sh dropout`.

The sizes are those of `make bench-training` without attributes: 256 histories of 50 places, 12,101 items, one thread.
Both sides take turns with the same seed; that every gradient is the same bit by bit is checked at each step.
"""

import argparse
import time
from typing import Any

import torch
from torch import Tensor, nn

from recsys_workers.models import layers, registry
from recsys_workers.models.hyperparameters import check
from recsys_workers.train import deterministic

BATCH, LENGTH, BOUGHT, ITEMS = 256, 50, 9, 12_101
TORCHS, OURS = "torch.nn.Dropout", "recsys_workers.models.layers.Dropout"


def main() -> None:
    """Print the milliseconds of a step with both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, prog="hack/bench.sh dropout")
    parser.add_argument("--steps", type=int, default=40, help="steps of each side, at least 4")
    steps = max(4, parser.parse_args().steps)
    deterministic.set_up(threads=1)
    torch.manual_seed(1)
    model: Any = registry.build(
        "BSARec", ITEMS, check("BSARec", {"maxLength": str(LENGTH), "inputLength": str(LENGTH)})
    )
    history, target = torch.zeros(2, BATCH, LENGTH, dtype=torch.int64)
    history[:, -BOUGHT:] = torch.randint(1, ITEMS + 1, (BATCH, BOUGHT))
    target[:, -1] = torch.randint(1, ITEMS + 1, (BATCH,))
    ways = {TORCHS: nn.Dropout.forward, OURS: layers.Dropout.forward}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(steps):
        gradients: list[list[Tensor]] = []
        for name, way in ways.items():
            layers.Dropout.forward = way  # type: ignore[method-assign]
            torch.manual_seed(turn)
            model.zero_grad()
            began = time.perf_counter()
            model.loss(history, target).backward()
            seconds[name].append(time.perf_counter() - began)
            gradients.append([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
        if not all(torch.equal(one, other) for one, other in zip(*gradients, strict=True)):
            raise SystemExit(f"the gradients of step {turn} differ: {OURS} does not give what {TORCHS} gives")
    print("Milliseconds of a step, forward and backward, the fastest and the median of", steps)
    for name, took in seconds.items():
        print(f"{name:40} {min(took) * 1e3:6.0f} {sorted(took)[steps // 2] * 1e3:6.0f}")
    ratios = sorted(torchs / ours for torchs, ours in zip(seconds[TORCHS], seconds[OURS], strict=True))
    print(f"torch's over ours, step by step: median {ratios[steps // 2]:.2f}; from {ratios[0]:.2f} to {ratios[-1]:.2f}")


if __name__ == "__main__":
    main()
