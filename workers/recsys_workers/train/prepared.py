"""The split, laid down in the run's folder for Ray's workers: they read these arrays, not the dataset again."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from recsys_workers.data.interactions import Indices
from recsys_workers.data.split import Examples, Split

FILE = "prepared.npz"


def write(folder: Path, split: Split) -> None:
    """Write the three parts; replaces what an earlier attempt wrote."""
    training, training_offsets = _flat(split.training)
    histories, history_offsets = _flat(split.test.histories)
    partial = folder / f".{FILE}.partial.npz"
    np.savez(
        partial,
        training=training,
        trainingOffsets=training_offsets,
        histories=histories,
        historyOffsets=history_offsets,
        users=split.test.users,
        targets=split.test.targets,
    )
    partial.replace(folder / FILE)


def read(folder: Path) -> Split:
    """The split that was written."""
    with np.load(folder / FILE) as arrays:
        training = _parts(arrays["training"], arrays["trainingOffsets"])
        histories = _parts(arrays["histories"], arrays["historyOffsets"])
        users, targets = arrays["users"], arrays["targets"]
    validation = Examples(
        users,
        [history[:-1] for history in histories],
        np.array([history[-1] for history in histories], dtype=np.int32),
    )
    return Split(training, validation, Examples(users, histories, targets))


def _flat(sequences: Sequence[Indices]) -> tuple[Indices, Indices]:
    lengths = [len(sequence) for sequence in sequences]
    return np.concatenate([*sequences, np.empty(0, np.int32)]), np.cumsum([0, *lengths])


def _parts(flat: Indices, offsets: Indices) -> list[Indices]:
    return [flat[start:end] for start, end in pairwise(offsets)]
