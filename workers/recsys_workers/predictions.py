"""From what the graph of a model of rows gives to probabilities, classes and values, by trainer and server alike.

Outputs are float32 [rows, K]: the log-odds of the positive class (Binary, K = 1), a logit a class (Multiclass), or the
label less its mean in standard deviations of the training rows (Regression, K = 1).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_workers.preprocessing import BINARY, MULTICLASS, REGRESSION, Floats, Target

Outputs = npt.NDArray[np.float32]
ROWS_AT_ONCE = 1024


def log_probabilities(target: Target, outputs: Outputs) -> Floats:
    """The logarithm of each class's probability, [rows, classes]; of Binary and Multiclass only."""
    exact = outputs.astype(np.float64)
    if target.objective == BINARY:
        odds = exact[:, 0]
        both: Floats = np.column_stack([-np.logaddexp(0.0, odds), -np.logaddexp(0.0, -odds)])
        return both
    highest = exact.max(axis=1, keepdims=True)
    rest = exact - highest
    found: Floats = rest - np.log(np.exp(rest).sum(axis=1, keepdims=True))
    return found


def chosen(target: Target, outputs: Outputs) -> npt.NDArray[np.int64]:
    """The index of each row's most likely class; of two that are as likely, of Binary the positive, else the first."""
    if target.objective == BINARY:
        return (outputs[:, 0] >= 0).astype(np.int64)
    found: npt.NDArray[np.int64] = outputs.argmax(axis=1)
    return found


def values(target: Target, outputs: Outputs) -> Floats:
    """The predicted label, in its own unit; of Regression only."""
    return outputs[:, 0].astype(np.float64) * target.scale + target.mean


def scores(target: Target, outputs: Outputs) -> Outputs:
    """One number a row whose spread tells when inputs change.

    The log-odds of the positive class (Binary) or of the class that is chosen (Multiclass), or the output itself.
    """
    if target.objective != MULTICLASS:
        return outputs[:, 0]
    # Of many rows and classes all probabilities need not fit in memory; each row's are computed by themselves.
    some = (outputs[start : start + ROWS_AT_ONCE] for start in range(0, max(1, len(outputs)), ROWS_AT_ONCE))
    log = np.concatenate([log_probabilities(target, part).max(axis=1) for part in some])
    odds: Floats = log - np.log(np.maximum(-np.expm1(log), 1e-12))
    return odds.astype(np.float32)


def comparable(target: Target, outputs: Outputs) -> Floats:
    """What two computations of one prediction are compared by, [rows, …]: probabilities, or the output itself."""
    if target.objective == REGRESSION:
        return outputs.astype(np.float64)
    return np.exp(log_probabilities(target, outputs))


def documents(target: Target, outputs: Outputs) -> Sequence[dict[str, Any]]:
    """Each row's prediction, as an answer of the server has it."""
    if target.objective == REGRESSION:
        return [{"value": value} for value in values(target, outputs).tolist()]
    labels = [target.classes[index] for index in chosen(target, outputs)]
    probabilities = np.exp(log_probabilities(target, outputs)).tolist()
    if target.objective == BINARY:
        return [{"label": label, "probability": row[1]} for label, row in zip(labels, probabilities, strict=True)]
    return [
        {"label": label, "probabilities": dict(zip(target.classes, row, strict=True))}
        for label, row in zip(labels, probabilities, strict=True)
    ]


def comparable_of(target: Target, document: Mapping[str, Any]) -> Floats:
    """A served prediction in the terms of `comparable`."""
    if target.objective == REGRESSION:
        return np.array([(document["value"] - target.mean) / target.scale])
    if target.objective == BINARY:
        return np.array([1 - document["probability"], document["probability"]])
    return np.array([document["probabilities"][name] for name in target.classes])
