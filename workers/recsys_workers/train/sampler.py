"""Cutting training sequences into samples, anew each epoch, and samples into batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
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


Places = npt.NDArray[np.int32]
"""[samples, 3]: (sequence, first, last). 12 bytes a sample, since there may be as many as interactions."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """The batches of one epoch, each as Places; made when they are asked for."""

    samples: Places
    order: npt.NDArray[np.int64]
    batch_size: int

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __iter__(self) -> Iterator[Places]:
        for start in range(0, len(self.order), self.batch_size):
            yield self.samples[self.order[start : start + self.batch_size]]


class Sampler:
    """Every transition of every sequence is a target exactly once an epoch; with Sets, every item of every user is.

    Windows: sequences longer than `max_length` are cut into windows whose phase is random, so that over the epochs
    every position sees contexts of every length; each position of a window is a target. Prefixes: the up to
    `max_length` items before an item are a sample with that one target. Sets: so are the latest `max_length` of a
    user's other items, before and after it; how often a user had an item does not count. All randomness comes from
    one generator, whose state is the sampler's. With `most_batches` an epoch is the first so many of its batches.
    """

    def __init__(
        self,
        sequences: Sequence[Indices],
        max_length: int,
        batch_size: int,
        seed: int,
        samples: str = WINDOWS,
        augmentation: Augmentation = Augmentation(),  # noqa: B008  (immutable)
        most_batches: int = 0,
    ) -> None:
        self.sequences = sequences
        self.finals = np.fromiter(map(len, sequences), np.int64, len(sequences)) - 1
        self.max_length = max_length
        self.batch_size = batch_size
        self.samples = samples
        self.augmentation = augmentation
        self.most_batches = most_batches
        self.generator = torch.Generator().manual_seed(seed)

    def epoch(self) -> Epoch:
        """The next epoch's batches of samples (sequence, first, last): the history is first to last - 1, and targets
        are positions first + 1 to last, or last alone with a sample for each prefix. With Sets the target is at last.
        """
        kinds = {WINDOWS: self._windows, PREFIXES: self._prefixes, SETS: self._sets}
        samples = kinds[self.samples]()
        order = torch.randperm(len(samples), generator=self.generator).numpy()
        if self.most_batches:
            order = order[: self.most_batches * self.batch_size].copy()
        return Epoch(samples, order, self.batch_size)

    def _windows(self) -> Places:
        phases = torch.randint(self.max_length, (len(self.sequences),), generator=self.generator).numpy()
        # Each sequence's windows end at `first_end`, and then every max_length positions, the last one at the final.
        first_end = np.where(self.finals <= self.max_length, self.finals, phases + 1)
        counts = np.where(self.finals > 0, 1 + -(-(self.finals - first_end) // self.max_length), 0)
        sequence, number = _numbered(counts)
        ends = first_end[sequence] + number * self.max_length
        starts = np.where(number == 0, 0, ends - self.max_length)
        return _places(sequence, starts, np.minimum(ends, self.finals[sequence]))

    def _prefixes(self) -> Places:
        sequence, number = _numbered(np.maximum(self.finals, 0))
        number += 1
        return _places(sequence, np.maximum(0, number - self.max_length), number)

    def _sets(self) -> Places:
        distinct = [np.unique(sequence, return_index=True)[1].astype(np.int32) for sequence in self.sequences]
        sequence, _ = _numbered(np.array([len(found) for found in distinct], dtype=np.int64))
        return _places(sequence, np.zeros(len(sequence), dtype=np.int32), np.concatenate(distinct))

    def batches(self) -> Iterator[tuple[float, Batch]]:
        """The next epoch's batches, each with the share of the epoch that was done before it."""
        plan = self.epoch()
        random = np.random.default_rng(self._seed()) if self.augmentation.changes else None
        for number, samples in enumerate(plan):
            pairs = [self._sample(index, first, last, random) for index, first, last in samples.tolist()]
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


def _numbered(counts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """For each of the samples that every sequence has so many of: its sequence, and its number among them from 0."""
    sequence = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    number = np.arange(len(sequence), dtype=np.int32)
    number -= np.repeat((np.cumsum(counts) - counts).astype(np.int32), counts)
    return sequence, number


def _places(*columns: npt.NDArray[Any]) -> Places:
    return np.stack([column.astype(np.int32, copy=False) for column in columns], axis=1)


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
