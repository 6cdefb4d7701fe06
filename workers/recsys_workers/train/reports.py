"""What the training loop tells of itself as it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StepReport:
    """What stands after one step of the optimizer."""

    epoch: int
    """Finished epochs."""
    epochs: int
    done: float
    """The share of the epoch that was done before this step."""
    step: int
    """Steps so far, of all epochs."""
    loss: float
    """Mean of the epoch's steps so far."""
    targets: int
    """What the epoch has learned from so far."""


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What one epoch gave; `validation` is the loop's `validated_by` on what validates, at checkpoints only.

    Epoch 0 is what the weights of a version give that the run begins with; it has no loss.
    """

    epoch: int
    epochs: int
    loss: float | None
    validation: float | None
    step: int
    """Steps so far, of all epochs."""
    others: Mapping[str, float] = field(default_factory=dict)
    """What the same validation found by other metrics."""
