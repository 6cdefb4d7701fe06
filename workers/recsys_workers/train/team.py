"""The workers that train one model together. Each has all of it, and learns from its own part of every batch.

A step is that of one worker on the whole batch: the gradients of the parts are averaged with weights by their targets.
So the hyperparameters mean the same for any number of workers; sums are rounded in another order, and dropout is drawn
for each part. Two losses look at the batch as a whole, and see a part of it: BPR's mean over pairs, and TwoTower's
cross-entropy over the targets of the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar, cast

import torch
from torch import Tensor, nn


class Divisible(Protocol):
    """A batch that can be shared out."""

    @property
    def targets(self) -> int:
        """How many targets it has."""
        ...

    def part(self, first: int, every: int) -> Self:
        """Every `every`-th sample from `first` on."""
        ...


Shared = TypeVar("Shared", bound=Divisible)


@dataclass(frozen=True, slots=True)
class Team:
    """One worker's place in it. The `teller` is the rank that validates, saves, reports and exports, for all."""

    rank: int = 0
    size: int = 1
    teller: int = 0
    seed: int = 0

    @property
    def tells(self) -> bool:
        """Whether this worker is the teller."""
        return self.rank == self.teller

    def part(self, batch: Shared) -> tuple[Shared, float]:
        """This worker's part of a batch, and the weight of its loss in a mean over the team.

        A batch with fewer samples than workers leaves some without: they get its first one, which weighs nothing.
        """
        if self.size == 1:
            return batch, 1.0
        mine = batch.part(self.rank, self.size)
        if not mine.targets:
            return batch.part(0, batch.targets), 0.0
        return mine, mine.targets * self.size / batch.targets

    def averaging(self, model: nn.Module, loss_of: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The loss of the model, whose gradients become the mean over the team when they are computed."""
        if self.size == 1:
            return loss_of
        # Not every loss uses every weight.
        together = nn.parallel.DistributedDataParallel(
            _Loss(model, loss_of), forward_sync_buffers=False, find_unused_parameters=True
        )
        return cast("Callable[..., Tensor]", together)

    def begin_epoch(self, epoch: int) -> None:
        """Draw dropout by epoch and rank, so that nothing of it needs to be kept in a checkpoint."""
        if self.size > 1:
            torch.manual_seed((self.seed * 1_000_003 + epoch) * 1_009 + self.rank)

    def mean(self, value: float) -> float:
        """The mean of the team's values; every worker gets the same number."""
        if self.size == 1:
            return value
        held = torch.tensor([value], dtype=torch.float64, device=_device())
        torch.distributed.all_reduce(held)
        return float(held) / self.size

    def agrees(self, value: float) -> bool:
        """Whether all workers have this value; every worker gets the same answer."""
        if self.size == 1:
            return True
        held = torch.tensor([value, -value], dtype=torch.float64, device=_device())
        torch.distributed.all_reduce(held, torch.distributed.ReduceOp.MAX)
        return float(held[0]) == -float(held[1])

    def from_teller(self, value: float) -> float:
        """The teller's value."""
        if self.size == 1:
            return value
        held = torch.tensor([value], dtype=torch.float64, device=_device())
        torch.distributed.broadcast(held, self.teller)
        return float(held)

    def text_from_teller(self, text: str) -> str:
        """The teller's text."""
        if self.size == 1:
            return text
        held = [text]
        torch.distributed.broadcast_object_list(held, self.teller, device=torch.device(_device()))
        return held[0]


class _Loss(nn.Module):
    """DistributedDataParallel averages what comes from `forward`."""

    def __init__(self, model: nn.Module, loss_of: Callable[..., Tensor]) -> None:
        super().__init__()
        self.model = model
        self.loss_of = loss_of

    def forward(self, *tensors: Tensor) -> Tensor:
        return self.loss_of(*tensors)


def _device() -> str:
    """Where the team's tensors have to be: NCCL moves none from the CPU."""
    return "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"


def joined(node: str, drivers_node: str, seed: int) -> Team:
    """This worker's place in the process group that Ray Train has made; all workers must call it.

    The teller is the first worker on the node of the driver, with which it shares files; else the first of all.
    """
    rank, size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    beside = torch.tensor([float(node == drivers_node)], device=_device())
    found = [torch.zeros_like(beside) for _ in range(size)]
    torch.distributed.all_gather(found, beside)
    teller = next((number for number, one in enumerate(found) if float(one)), 0)
    return Team(rank, size, teller, seed)
