"""The lists that a version's graph returns for many users, by ONNX Runtime as the server does it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime  # type: ignore[import-untyped]

from recsys_workers.data.interactions import Indices

CELLS = 1 << 21
"""Attention cells per batch, which bounds the memory of long histories."""


@dataclass(frozen=True, slots=True)
class Lists:
    """One list a user, best first: `scores` float32 and `items` int64, both [users, K]; -inf marks excluded items."""

    scores: npt.NDArray[np.float32]
    items: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tasks:
    """What to score, in one model's item indices: a history a user (oldest first) and what must not be returned."""

    histories: Sequence[Indices]
    excluded: Sequence[Indices]


def session(onnx: bytes, threads: int) -> Any:
    """A loaded model.onnx on the CPU, with so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


class Graph:
    """A loaded model.onnx."""

    def __init__(self, onnx: bytes, n_items: int, max_length: int, input_length: int, threads: int) -> None:
        self._session = session(onnx, threads)
        self.n_items = n_items
        self.max_length = max_length
        self.input_length = input_length
        self.batch = max(1, min(64, CELLS // input_length**2))

    def lists(self, tasks: Tasks) -> Lists:
        """Score all tasks, a batch at a time."""
        first = self._batch(tasks, 0)
        shape = (len(tasks.histories), first.items.shape[1])
        found = Lists(np.empty(shape, np.float32), np.empty(shape, np.int64))
        for start in range(0, len(tasks.histories), self.batch):
            part = first if not start else self._batch(tasks, start)
            found.scores[start : start + self.batch], found.items[start : start + self.batch] = part.scores, part.items
        return found

    def _batch(self, tasks: Tasks, start: int) -> Lists:
        histories = tasks.histories[start : start + self.batch]
        history_BL = np.zeros((len(histories), self.input_length), dtype=np.int64)
        excluded_BV = np.zeros((len(histories), self.n_items + 1), dtype=np.bool_)
        excluded_BV[:, 0] = True
        for row, history in enumerate(histories):
            recent = history[-self.max_length :]
            if len(recent):
                history_BL[row, -len(recent) :] = recent
            excluded_BV[row, tasks.excluded[start + row]] = True
        scores, items = self._session.run(["scores", "items"], {"history": history_BL, "excluded": excluded_BV})
        return Lists(scores, items)


def tasks_of(histories: Sequence[Indices], *, exclude_seen: bool) -> Tasks:
    """Tasks that exclude the whole history, also beyond the model's length, or nothing."""
    nothing: Indices = np.empty(0, dtype=np.int32)
    return Tasks(histories, histories if exclude_seen else [nothing] * len(histories))
