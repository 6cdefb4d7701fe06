"""The metrics of single rows, each as one number a row whose mean is the metric.

A metric that is a mean (LogLoss, Accuracy, MAE) is that of the rows' own numbers. The others are linearised around
their value: the spread of the numbers then is the metric's standard error, and the difference of two models' numbers on
the same rows is a paired comparison. AUC: the placement values of DeLong, DeLong and Clarke-Pearson (Biometrics 44,
1988). Precision, Recall, F1: ratios of sums (Cochran, Sampling Techniques, 1977, chapter 6). RMSE: the root's slope.
With more than two classes Precision, Recall and F1 are means over the classes ("macro"). 0 / 0 is 0.

GAUC, of the task Ranking, is the mean of the users' own AUC, weighted by their rows, over users with both classes
(Zhou et al., Deep Interest Network, KDD 2018, arXiv 1706.06978, section 6.2): how well each user's rows are ordered.
It is a ratio of sums over users, so its error is right only where `estimate` is told the users.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from recsys_workers.evaluate.metrics import UnknownMetric
from recsys_workers.predictions import Outputs, chosen, log_probabilities, values
from recsys_workers.preprocessing import BINARY, MULTICLASS, REGRESSION, Floats, Target
from recsys_workers.tabular.table import Rows, pieces
from recsys_workers.tasks import RANKING, TABULAR

BYTES_A_CLASS = 32
"""Of a row, what log_probabilities takes meanwhile."""
METRICS: Mapping[str, tuple[str, ...]] = {
    BINARY: ("AUC", "LogLoss", "Accuracy", "Precision", "Recall", "F1"),
    MULTICLASS: ("LogLoss", "Accuracy", "Precision", "Recall", "F1"),
    REGRESSION: ("RMSE", "MAE"),
}
OF_RANKING = ("AUC", "GAUC", "LogLoss")
VALIDATED_BY = {BINARY: "LogLoss", MULTICLASS: "LogLoss", REGRESSION: "RMSE"}
"""What chooses the epoch and ends a training early."""


def require(name: str, objective: str, task: str = TABULAR) -> None:
    """Raise UnknownMetric unless the objective, or the task Ranking, has the metric."""
    known, of = (OF_RANKING, f"task {task}") if task == RANKING else (METRICS[objective], f"objective {objective}")
    if name not in known:
        raise UnknownMetric(f"The metric {name!r} does not exist for the {of}: use one of {', '.join(known)}.")


def per_row(name: str, target: Target, outputs: Outputs, labels: Floats, users: Rows | None = None) -> Floats:
    """One number a row, whose mean is the metric. All are NaN when any output is no finite number.

    `users` says whose each row is, of the task Ranking; with it there is GAUC, which is NaN where no user has rows of
    both classes.
    """
    require(name, target.objective, TABULAR if users is None else RANKING)
    if not np.isfinite(outputs).all():
        return np.full(len(labels), np.nan)
    if name == "GAUC" and users is not None:
        return grouped_auc(outputs[:, 0].astype(np.float64), labels == 1, users)
    if target.objective == REGRESSION:
        return _of_errors(name, values(target, outputs) - labels)
    classes = labels.astype(np.int64)
    if name == "AUC":
        return auc(outputs[:, 0].astype(np.float64), classes == 1)
    if name == "LogLoss":
        return _surprise(target, outputs, classes)
    predicted = chosen(target, outputs)
    if name == "Accuracy":
        right: Floats = (predicted == classes).astype(np.float64)
        return right
    ratio = RATIOS[name]
    if target.objective == BINARY:
        return ratio(predicted == 1, classes == 1)
    total = np.zeros(len(classes))  # Added up one by one: all at once need the memory of as many classes.
    for index in range(len(target.classes)):
        total += ratio(predicted == index, classes == index)
    mean: Floats = total / len(target.classes)
    return mean


def _surprise(target: Target, outputs: Outputs, classes: Rows) -> Floats:
    """Of many classes, the probabilities of some rows are held at a time; each row's are computed by themselves."""
    found = np.empty(len(classes))
    for rows in pieces(np.arange(len(classes)), BYTES_A_CLASS * outputs.shape[1]):
        own = log_probabilities(target, outputs[rows])
        found[rows] = -own[np.arange(len(rows)), classes[rows]]
    return found


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


def grouped_auc(scores: Floats, positive: npt.NDArray[np.bool_], users: Rows) -> Floats:
    """GAUC, linearised: a row of a user with both classes has his own AUC's distance from it, in proportion."""
    _, user = np.unique(users, return_inverse=True)
    rows, hits = np.bincount(user), np.bincount(user, positive)
    misses = rows - hits
    order = np.lexsort((scores, user))
    tie = np.concatenate([[True], (np.diff(scores[order]) != 0) | (np.diff(user[order]) != 0)]).cumsum() - 1
    # Equal scores of one user share the mean of their places; ranks count from 1 within each user.
    place = (np.bincount(tie, np.arange(len(tie))) / np.bincount(tie))[tie]
    ranks = np.empty(len(scores))
    ranks[order] = place - (np.cumsum(rows) - rows)[user[order]] + 1
    counted = (hits > 0) & (misses > 0)
    if not counted.any():
        return np.full(len(scores), np.nan)
    wins = np.bincount(user, ranks * positive) - hits * (hits + 1) / 2
    own = np.divide(wins, hits * misses, out=np.zeros(len(rows)), where=counted)
    mean = np.average(own[counted], weights=rows[counted])
    distance = np.where(counted, own - mean, 0.0) * len(scores) / rows[counted].sum()
    found: Floats = mean + distance[user]
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
