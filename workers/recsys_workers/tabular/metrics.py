"""The metrics of single rows, each as one number a row whose mean is the metric.

A metric that is a mean (LogLoss, Accuracy, MAE) is that of the rows' own numbers. The others are linearised around
their value: the spread of the numbers then is the metric's standard error, and the difference of two models' numbers on
the same rows is a paired comparison. AUC: the placement values of DeLong, DeLong and Clarke-Pearson (Biometrics 44,
1988). Precision, Recall, F1: ratios of sums (Cochran, Sampling Techniques, 1977, chapter 6). RMSE: the root's slope.
With more than two classes Precision, Recall and F1 are means over the classes ("macro"). 0 / 0 is 0.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from recsys_workers.evaluate.metrics import UnknownMetric
from recsys_workers.predictions import Outputs, chosen, log_probabilities, values
from recsys_workers.preprocessing import BINARY, MULTICLASS, REGRESSION, Floats, Target

Rows = npt.NDArray[np.int64]
METRICS: Mapping[str, tuple[str, ...]] = {
    BINARY: ("AUC", "LogLoss", "Accuracy", "Precision", "Recall", "F1"),
    MULTICLASS: ("LogLoss", "Accuracy", "Precision", "Recall", "F1"),
    REGRESSION: ("RMSE", "MAE"),
}
VALIDATED_BY = {BINARY: "LogLoss", MULTICLASS: "LogLoss", REGRESSION: "RMSE"}
"""What chooses the epoch and ends a training early."""


def require(name: str, objective: str) -> None:
    """Raise UnknownMetric unless the objective has the metric."""
    if name not in METRICS[objective]:
        known = ", ".join(METRICS[objective])
        raise UnknownMetric(f"The metric {name!r} does not exist for the objective {objective}: use one of {known}.")


def per_row(name: str, target: Target, outputs: Outputs, labels: Floats) -> Floats:
    """One number a row, whose mean is the metric. All are NaN when any output is no finite number."""
    require(name, target.objective)
    if not np.isfinite(outputs).all():
        return np.full(len(labels), np.nan)
    if target.objective == REGRESSION:
        return _of_errors(name, values(target, outputs) - labels)
    classes = labels.astype(np.int64)
    if name == "AUC":
        return auc(outputs[:, 0].astype(np.float64), classes == 1)
    if name == "LogLoss":
        surprise: Floats = -log_probabilities(target, outputs)[np.arange(len(classes)), classes]
        return surprise
    predicted = chosen(target, outputs)
    if name == "Accuracy":
        right: Floats = (predicted == classes).astype(np.float64)
        return right
    ratio = RATIOS[name]
    if target.objective == BINARY:
        return ratio(predicted == 1, classes == 1)
    each = [ratio(predicted == index, classes == index) for index in range(len(target.classes))]
    mean: Floats = np.mean(each, axis=0)
    return mean


def auc(scores: Floats, positive: npt.NDArray[np.bool_]) -> Floats:
    """The area under the ROC curve: how likely a positive row scores above a negative one, ties half."""
    below = (mid_ranks(scores) - _ranks_within(scores, positive)) / np.where(
        positive, (~positive).sum(), positive.sum()
    )
    placement = np.where(positive, below, 1 - below)
    area = placement[positive].mean()
    share = np.where(positive, positive.mean(), (~positive).mean())
    found: Floats = area + (placement - area) / share
    return found


def _ranks_within(scores: Floats, positive: npt.NDArray[np.bool_]) -> Floats:
    ranks = np.empty(len(scores))
    for side in (positive, ~positive):
        ranks[side] = mid_ranks(scores[side])
    return ranks


def mid_ranks(scores: Floats) -> Floats:
    """Each number's rank from 1 in rising order; equal ones share the mean of theirs."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    found: Floats = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return found


def _of_errors(name: str, errors: Floats) -> Floats:
    if name == "MAE":
        return np.abs(errors)
    squares = errors**2
    root = float(np.sqrt(squares.mean()))
    return root + (squares - squares.mean()) / (2 * root) if root else squares


def _ratio(part: npt.NDArray[np.bool_] | Floats, whole: npt.NDArray[np.bool_] | Floats) -> Floats:
    upper, lower = part.astype(np.float64), whole.astype(np.float64)
    if not lower.any():
        return np.zeros(len(lower))
    value = upper.sum() / lower.sum()
    found: Floats = value + (upper - value * lower) / lower.mean()
    return found


def _f1(predicted: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_]) -> Floats:
    return _ratio((predicted & true).astype(np.float64), (predicted.astype(np.float64) + true) / 2)


RATIOS: Mapping[str, Callable[[npt.NDArray[np.bool_], npt.NDArray[np.bool_]], Floats]] = {
    "Precision": lambda predicted, true: _ratio(predicted & true, predicted),
    "Recall": lambda predicted, true: _ratio(predicted & true, true),
    "F1": _f1,
}
