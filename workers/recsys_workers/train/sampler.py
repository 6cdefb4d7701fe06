"""Cutting training sequences into windows, anew each epoch, and windows into batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recsys_workers.data.interactions import Indices


@dataclass(frozen=True, slots=True)
class Batch:
    """Left-padded with 0 to the longest window of the batch: what came before, and the item after each position."""

    history_BT: Tensor  # noqa: N815
    target_BT: Tensor  # noqa: N815


class Sampler:
    """Every transition of every sequence is a target exactly once an epoch.

    Sequences longer than `max_length` are cut into windows whose phase is random, so that over the epochs every
    position sees contexts of every length. All randomness comes from one generator, whose state is the sampler's.
    """

    def __init__(self, sequences: Sequence[Indices], max_length: int, batch_size: int, seed: int) -> None:
        self.sequences = sequences
        self.max_length = max_length
        self.batch_size = batch_size
        self.generator = torch.Generator().manual_seed(seed)

    def epoch(self) -> list[list[tuple[int, int, int]]]:
        """The next epoch's batches of windows (sequence, first, last): targets are positions first + 1 to last."""
        windows = []
        phases = torch.randint(self.max_length, (len(self.sequences),), generator=self.generator).tolist()
        for index, (sequence, phase) in enumerate(zip(self.sequences, phases, strict=True)):
            final = len(sequence) - 1
            first, last = 0, final if final <= self.max_length else phase + 1
            while first < final:
                windows.append((index, first, last))
                first, last = last, min(last + self.max_length, final)
        order = torch.randperm(len(windows), generator=self.generator).tolist()
        shuffled = [windows[position] for position in order]
        return [shuffled[start : start + self.batch_size] for start in range(0, len(shuffled), self.batch_size)]

    def batches(self) -> Iterator[tuple[float, Batch]]:
        """The next epoch's batches, each with the share of the epoch that was done before it."""
        plan = self.epoch()
        for number, windows in enumerate(plan):
            histories = [self.sequences[index][first:last] for index, first, last in windows]
            targets = [self.sequences[index][first + 1 : last + 1] for index, first, last in windows]
            yield number / len(plan), Batch(left_padded(histories), left_padded(targets))

    def state(self) -> Tensor:
        """The generator's state, for a checkpoint between two epochs."""
        return self.generator.get_state()

    def restore(self, state: Tensor) -> None:
        """Continue as the sampler whose state this is would have."""
        self.generator.set_state(state)


def left_padded(sequences: Sequence[Indices], length: int | None = None) -> Tensor:
    """Right-aligned int64 [B, T], 0 before each sequence; the latest `length` items, or T is the longest's length."""
    width = length if length is not None else max((len(sequence) for sequence in sequences), default=1)
    padded = np.zeros((len(sequences), width), dtype=np.int64)
    for row, sequence in enumerate(sequences):
        kept = sequence[-width:]
        if len(kept):
            padded[row, -len(kept) :] = kept
    return torch.from_numpy(padded)
