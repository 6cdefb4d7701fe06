"""torch's own lists for the users whose lists ONNX made, for the parity check."""

import numpy as np
import torch
from torch import nn

from recsys_workers.evaluate.parity import Reference
from recsys_workers.evaluate.scoring import Lists, Tasks
from recsys_workers.train.sampler import left_padded


def reference(model: nn.Module, tasks: Tasks, onnx: Lists, max_length: int, batch: int = 256) -> Reference:
    """Score every task with torch, padded to `max_length` only: padding further must change nothing."""
    count, length = onnx.items.shape
    found = Reference(
        np.empty((count, length), np.int64),
        np.empty((count, length), np.float32),
        np.empty((count, length), np.float32),
        np.empty(count, np.bool_),
    )
    with torch.no_grad():
        for start in range(0, len(tasks.histories), batch):
            end = min(start + batch, len(tasks.histories))
            scores = model(left_padded(tasks.histories[start:end], max_length)).numpy()
            found.finite[start:end] = np.isfinite(scores).all(axis=1)
            for row, excluded in enumerate(tasks.excluded[start:end]):
                scores[row, excluded - 1] = -np.inf
            # A stable sort of the negated scores puts the lower index first among ties, as ONNX does.
            order = np.argsort(-scores, axis=1, kind="stable")[:, :length]
            found.items[start:end] = order + 1
            found.scores[start:end] = np.take_along_axis(scores, order, axis=1)
            found.scores_of_onnx[start:end] = np.take_along_axis(scores, onnx.items[start:end] - 1, axis=1)
    return found
