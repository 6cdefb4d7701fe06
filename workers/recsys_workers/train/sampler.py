"""Cutting training sequences into samples, anew each epoch, and samples into batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recsys_workers.data.interactions import Indices
from recsys_workers.models.common import PREFIXES, SETS, WINDOWS
from recsys_workers.train.augmentation import HIDDEN, Augmentation


@dataclass(frozen=True, slots=True)
class Batch:
    """Left-padded with 0 to the longest sample of the batch: what came before, and the item after each position.

    With Prefixes and with Sets only the last position has a target.
    """

    history_BT: Tensor  # noqa: N815
    target_BT: Tensor  # noqa: N815

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The arguments of a sequential model's loss."""
        return self.history_BT, self.target_BT

    @property
    def targets(self) -> int:
        """How many items are to be told."""
        return int(torch.count_nonzero(self.target_BT))

    def part(self, first: int, every: int) -> "Batch":
        """Every `every`-th sample from `first` on."""
        return Batch(self.history_BT[first::every], self.target_BT[first::every])


class Sampler:
    """Every transition of every sequence is a target exactly once an epoch; with Sets, every item of every user is.

    Windows: sequences longer than `max_length` are cut into windows whose phase is random, so that over the epochs
    every position sees contexts of every length; each position of a window is a target. Prefixes: the up to
    `max_length` items before an item are a sample with that one target. Sets: so are the latest `max_length` of a
    user's other items, before and after it; how often a user had an item does not count. All randomness comes from
    one generator, whose state is the sampler's.
    """

    def __init__(
        self,
        sequences: Sequence[Indices],
        max_length: int,
        batch_size: int,
        seed: int,
        samples: str = WINDOWS,
        augmentation: Augmentation = Augmentation(),  # noqa: B008  (immutable)
    ) -> None:
        self.sequences = sequences
        self.max_length = max_length
        self.batch_size = batch_size
        self.samples = samples
        self.augmentation = augmentation
        self.generator = torch.Generator().manual_seed(seed)

    def epoch(self) -> list[list[tuple[int, int, int]]]:
        """The next epoch's batches of samples (sequence, first, last): the history is first to last - 1, and targets
        are positions first + 1 to last, or last alone with a sample for each prefix. With Sets the target is at last.
        """
        kinds = {WINDOWS: self._windows, PREFIXES: self._prefixes, SETS: self._sets}
        samples = kinds[self.samples]()
        order = torch.randperm(len(samples), generator=self.generator).tolist()
        shuffled = [samples[position] for position in order]
        return [shuffled[start : start + self.batch_size] for start in range(0, len(shuffled), self.batch_size)]

    def _windows(self) -> list[tuple[int, int, int]]:
        windows = []
        phases = torch.randint(self.max_length, (len(self.sequences),), generator=self.generator).tolist()
        for index, (sequence, phase) in enumerate(zip(self.sequences, phases, strict=True)):
            final = len(sequence) - 1
            first, last = 0, final if final <= self.max_length else phase + 1
            while first < final:
                windows.append((index, first, last))
                first, last = last, min(last + self.max_length, final)
        return windows

    def _prefixes(self) -> list[tuple[int, int, int]]:
        return [
            (index, max(0, last - self.max_length), last)
            for index, sequence in enumerate(self.sequences)
            for last in range(1, len(sequence))
        ]

    def _sets(self) -> list[tuple[int, int, int]]:
        return [
            (index, 0, last)
            for index, sequence in enumerate(self.sequences)
            for last in np.unique(sequence, return_index=True)[1].tolist()
        ]

    def batches(self) -> Iterator[tuple[float, Batch]]:
        """The next epoch's batches, each with the share of the epoch that was done before it."""
        plan = self.epoch()
        random = np.random.default_rng(self._seed()) if self.augmentation.changes else None
        for number, samples in enumerate(plan):
            pairs = [self._sample(*sample, random) for sample in samples]
            histories, targets = zip(*pairs, strict=True)
            yield number / len(plan), Batch(left_padded(histories), left_padded(targets))

    def _sample(self, index: int, first: int, last: int, random: np.random.Generator | None) -> tuple[Indices, Indices]:
        sequence = self.sequences[index]
        following = sequence[last]
        history = _others(sequence, following, self.max_length) if self.samples == SETS else sequence[first:last]
        if random is not None:
            history = self.augmentation.rearranged(history, random)
        target = np.append(history[1:], following)
        if self.samples != WINDOWS:
            target[:-1] = 0
        return history if random is None else self.augmentation.masked(history, random), target

    def target_counts(self, n_items: int) -> Tensor:
        """How often an epoch has each item as a target, float [n_items]; entry i belongs to item index i + 1."""
        sets = self.samples == SETS
        counts = np.zeros(n_items + 1, dtype=np.int64)
        for sequence in self.sequences:
            np.add.at(counts, np.unique(sequence) if sets else sequence[1:], 1)
        return torch.from_numpy(counts[1:]).float()

    def _seed(self) -> int:
        return int(torch.randint(2**62, (1,), generator=self.generator))

    def state(self) -> Tensor:
        """The generator's state, for a checkpoint between two epochs."""
        return self.generator.get_state()

    def restore(self, state: Tensor) -> None:
        """Continue as the sampler whose state this is would have."""
        self.generator.set_state(state)


def _others(sequence: Indices, target: int, length: int) -> Indices:
    """The latest `length` items but the target; a hidden one where there is no other."""
    others = sequence[sequence != target][-length:]
    return others if len(others) else np.array([HIDDEN], dtype=sequence.dtype)


def left_padded(sequences: Sequence[Indices], length: int | None = None) -> Tensor:
    """Right-aligned int64 [B, T], 0 before each sequence; the latest `length` items, or T is the longest's length."""
    width = length if length is not None else max((len(sequence) for sequence in sequences), default=1)
    padded = np.zeros((len(sequences), width), dtype=np.int64)
    for row, sequence in enumerate(sequences):
        kept = sequence[-width:]
        if len(kept):
            padded[row, -len(kept) :] = kept
    return torch.from_numpy(padded)
