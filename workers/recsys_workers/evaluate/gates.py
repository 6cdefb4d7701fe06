"""The gates: each judges one measurement and says in a sentence what it found. No model is run in here."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_workers.evaluate.latency import Session
from recsys_workers.evaluate.metrics import Z95, Estimate, UnknownMetric, Values, estimate, parse, text
from recsys_workers.evaluate.parity import Parity, RowsParity

PASSED, FAILED = "Passed", "Failed"
KINDS = ("floor", "champion", "parity", "latency")
POPULARITY, ITEM_KNN = "Popularity", "ItemKNN"
BASELINES = (POPULARITY, ITEM_KNN)
SMALLER_IS_BETTER = frozenset({"LogLoss", "RMSE", "MAE"})
LONGEST_MESSAGE = 4096
"""Characters of a verdict's message; the CRD has the same bound."""
LARGEST = {"min": 1.0, "tolerance": 0.01}
"""The largest limits that make sense: no metric with a min exceeds 1, and a graph that differs from torch by more than
the tolerance is another model. The CRD has the same bounds."""


class InvalidGate(ValueError):
    """A gate that cannot be judged; the message names it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One gate's judgement; numbers are strings, as they are in the status."""

    name: str
    verdict: str
    metric: str
    value: str
    threshold: str
    message: str
    margin: str | None = None
    """How many standard errors lie between the value and the threshold; positive on the passing side."""

    def as_strings(self) -> dict[str, str]:
        """The entry of status.result.gates and of the manifest."""
        entry = {
            "name": self.name,
            "verdict": self.verdict,
            "metric": self.metric,
            "value": self.value,
            "threshold": self.threshold,
        }
        if self.margin is not None:
            entry["marginStandardErrors"] = self.margin
        short = len(self.message) <= LONGEST_MESSAGE
        return {**entry, "message": self.message if short else f"{self.message[: LONGEST_MESSAGE - 1]}…"}


def kind_of(gate: Mapping[str, Any], metric: Callable[[str], object] = parse, *, rowwise: bool = False) -> str:
    """floor, champion, parity or latency; raises InvalidGate for a gate that is not exactly one of them or is wrong.

    `metric` raises UnknownMetric for one that the task does not have. Only the metrics of single rows (`rowwise`) have
    a floor that is a `max`; only lists have baselines.
    """
    kinds = [key for key in gate if key != "name"]
    if len(kinds) != 1 or kinds[0] not in KINDS:
        raise InvalidGate(f"The gate {gate.get('name')!r} has {kinds}: it must be exactly one of {', '.join(KINDS)}.")
    settings = gate[kinds[0]]
    wanted = {"floor": "min", "champion": "maxRegressionPercent", "parity": "tolerance", "latency": "p99Milliseconds"}
    against = kinds[0] == "floor" and "against" in settings
    if rowwise and kinds[0] == "floor" and settings.get("metric") in SMALLER_IS_BETTER:
        wanted["floor"] = "max"
    try:
        if kinds[0] in {"floor", "champion"}:
            metric(settings["metric"])
        limit = 0.0 if against else float(settings[wanted[kinds[0]]])
    except (KeyError, ValueError) as error:
        detail = str(error) if isinstance(error, UnknownMetric) else f"{error} is missing or not a number."
        raise InvalidGate(f"The gate {gate.get('name')!r} cannot be judged: {detail}") from error
    if not math.isfinite(limit) or limit < 0:
        raise InvalidGate(f"The gate {gate.get('name')!r} has the limit {limit}: it must be a number of at least 0.")
    highest = math.inf if against else LARGEST.get(wanted[kinds[0]], math.inf)
    if limit > highest:
        raise InvalidGate(
            f"The gate {gate.get('name')!r} has the {wanted[kinds[0]]} {limit}: it must be a number of at most "
            f"{highest}."
        )
    if against and (rowwise or "min" in settings or settings["against"] not in BASELINES):
        raise InvalidGate(
            f"The gate {gate.get('name')!r} has the floor {settings}: it must name a min, or be against one of "
            f"{', '.join(BASELINES)}."
        )
    return kinds[0]


def floor(name: str, found: Estimate, minimum: str) -> Verdict:
    """Passes when the value is at least `minimum`; NaN fails."""
    passed = found.value >= float(minimum)
    margin = _margin(found.value - float(minimum), found.standard_error)
    message = (
        f"{found.name} is {text(found.value)} ± {text(Z95 * found.standard_error)}; "
        f"at least {minimum} is required{_by(passed, margin)}."
    )
    return Verdict(name, _word(passed), found.name, text(found.value), minimum, message, margin)


def ceiling(name: str, found: Estimate, maximum: str) -> Verdict:
    """Passes when the value is at most `maximum`; NaN fails."""
    passed = found.value <= float(maximum)
    margin = _margin(float(maximum) - found.value, found.standard_error)
    message = (
        f"{found.name} is {text(found.value)} ± {text(Z95 * found.standard_error)}; "
        f"at most {maximum} is allowed{_by(passed, margin)}."
    )
    return Verdict(name, _word(passed), found.name, text(found.value), maximum, message, margin)


def baseline(
    name: str,
    metric: str,
    new: Values,
    old: Values,
    against: str,
    users: npt.NDArray[np.int64] | None = None,
) -> Verdict:
    """Passes when the lower bound of the paired difference is above 0; NaN fails.

    `new` and `old` are the same targets' metrics of the run's model and of the baseline that is named; `users` as for
    `champion`.
    """
    found, before = estimate(metric, new, users), estimate(metric, old, users)
    difference = estimate(metric, new - old, users)
    passed = difference.low > 0
    margin = _margin(difference.value, difference.standard_error)
    message = (
        f"{metric} is {text(found.value)} and {against} has {text(before.value)} on the same "
        f"{_judged(new, users)}: the difference is {text(difference.value)}, at least {text(difference.low)} with 95 % "
        f"confidence; more than 0 is required{_by(passed, margin)}."
    )
    return Verdict(name, _word(passed), metric, text(difference.low), "0", message, margin)


def champion(
    name: str,
    metric: str,
    new: Values,
    old: Values | None,
    version: int,
    max_regression: str,
    users: npt.NDArray[np.int64] | None = None,
    rows: str | None = None,
) -> Verdict:
    """Passes when the lower bound of the paired difference is above -max_regression % of the champion's value.

    `new` and `old` are the same targets' metrics of the run's model and of the champion, whose version is `version`;
    `users` says whose each is, and each is another user's when it is absent. Of a metric that is better when smaller,
    the difference is how much smaller it is.
    """
    sign = -1 if metric in SMALLER_IS_BETTER else 1
    found = estimate(metric, new, users)
    if old is None:
        passed = not math.isnan(found.value)
        message = "There is no champion yet: there is nothing to compare with."
        if not passed:
            message = f"{metric} is NaN."
        return Verdict(name, _word(passed), metric, text(found.value), f"-{max_regression}%", message)
    before = estimate(metric, old, users)
    difference = estimate(metric, sign * (new - old), users)
    allowed = float(max_regression) / 100 * before.value
    compared = _judged(new, users) if rows is None else rows
    passed = difference.low > -allowed
    # An identical model regresses by nothing: the bound is touched, not crossed, even where nothing is allowed.
    passed = passed or (difference.value >= 0 and difference.standard_error == 0)
    margin = _margin(difference.value + allowed, difference.standard_error)
    message = (
        f"{metric} is {text(found.value)} and the champion, version {version}, has {text(before.value)} on the same "
        f"{compared}: the difference is {text(difference.value)}, at least "
        f"{text(difference.low)} with 95 % confidence; a loss of {text(allowed)} ({max_regression} %) is "
        f"allowed{_by(passed, margin)}."
    )
    return Verdict(name, _word(passed), metric, text(difference.low), text(-allowed), message, margin)


def parity(name: str, found: Parity, tolerance: str) -> Verdict:
    """Passes when every user's list is the same but for swaps of scores closer than the tolerance."""
    passed = found.different_users == 0
    message = (
        f"{found.users - found.different_users} of {found.users} histories get the same {found.length} items from "
        f"ONNX and torch, {found.swapped_users} of them with swaps of scores closer than {tolerance}; "
        f"the largest difference of a score is {text(found.largest_difference)}."
    )
    return Verdict(name, _word(passed), "differentLists", str(found.different_users), "0", message)


def rows_parity(name: str, found: RowsParity, tolerance: str) -> Verdict:
    """Passes when ONNX and torch predict the same for every row, up to the tolerance."""
    message = (
        f"{found.rows - found.different} of {found.rows} rows get the same prediction from ONNX and torch, up to "
        f"{tolerance}; the largest difference is {text(found.largest_difference)}."
    )
    passed = found.different == 0
    return Verdict(name, _word(passed), "differentPredictions", str(found.different), "0", message)


def latency(name: str, found: Session, limit: str, served: str = "served lists", asked: str = "histories") -> Verdict:
    """Passes when the 99th percentile is at most the limit, every request succeeded, and what was served is right.

    The message says what is `served` for what is `asked`.
    """
    p99 = found.percentile(0.99)
    passed = p99 <= float(limit) and not found.errors and not found.different
    message = (
        f"The 99th percentile of {len(found.milliseconds)} requests by one client over HTTP is {p99:.1f} ms"
        f"{_of(found.sessions)} "
        f"(median {found.percentile(0.5):.1f} ms); at most {limit} ms is allowed. "
    )
    if found.errors:
        message += f"{len(found.errors)} requests failed; the first: {found.errors[0]}"
    elif found.different:
        message += f"{len(found.different)} {served} differ from the evaluated ones; the first: {found.different[0]}"
    else:
        message += f"The {served} of {found.compared} {asked} equal the evaluated ones."
    return Verdict(name, _word(passed), "p99Milliseconds", f"{p99:.1f}", limit, message)


def _judged(targets: Values, users: npt.NDArray[np.int64] | None) -> str:
    distinct = len(targets) if users is None else len(np.unique(users))
    return f"{distinct} users" if distinct == len(targets) else f"{len(targets)} targets of {distinct} users"


def _of(sessions: int) -> str:
    return f" in the fastest of {sessions} sessions" if sessions > 1 else ""


def _word(passed: bool) -> str:
    return PASSED if passed else FAILED


def _margin(distance: float, standard_error: float) -> str | None:
    if standard_error <= 0 or not math.isfinite(distance / standard_error):
        return None
    return f"{distance / standard_error:.1f}"


def _by(passed: bool, margin: str | None) -> str:
    if margin is None:
        return ""
    return f", {'met' if passed else 'missed'} with a margin of {margin} standard errors"
