"""What one look at a metric says, before it is asked how many such looks are too many."""

from dataclasses import dataclass, replace
from typing import Literal

from recsys_operator.api.analysis import Metric

Outcome = Literal["Good", "Bad", "Waiting", "Inconclusive", "Error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One look.

    Good, Bad      there was enough evidence
    Waiting        evidence is being gathered: a test wants more requests, a Job runs, nobody has confirmed yet
    Inconclusive   there was not enough evidence: no requests, too few, NaN, an empty result
    Error          it could not be measured: nobody answers, the query is wrong, it has several series
    """

    outcome: Outcome
    message: str
    value: str | None = None
    stable: str | None = None
    threshold: str | None = None
    samples: int = 0
    final: bool = False
    """A bad look after which there is no other: a test has decided, whose error rate is counted over all its looks."""


def judge(metric: Metric, value: float, stable: float | None, samples: int) -> Finding:
    """A value against a metric's bounds. `stable` is needed where the metric is relative to it.

    What is beyond a bound of its own is bad, whether or not there is a value of stable to compare it with.
    """
    relative = metric.relative_to_stable
    threshold = threshold_of(metric)
    finding = Finding(
        "Good",
        f"{number(value)} is within {threshold}.",
        value=number(value),
        stable=None if stable is None else number(stable),
        threshold=threshold,
        samples=samples,
    )
    incomparable = stable is None or stable < 0 or (stable == 0 and value != 0)
    wrong = [
        f"{number(value)} is {'less' if side == 'min' else 'more'} than {text}"
        for side, bound, text in _bounds(metric, None if incomparable else stable)
        if (value < bound if side == "min" else value > bound)
    ]
    if wrong:
        return replace(finding, outcome="Bad", message=f"{' and '.join(wrong)}.")
    if relative and incomparable:
        found = "unknown" if stable is None else number(stable)
        message = f"Stable's value is {found}: nothing can be relative to it."
        return replace(finding, outcome="Inconclusive", message=message)
    return finding


def threshold_of(metric: Metric) -> str | None:
    """What is good, in the words of the spec."""
    relative = metric.relative_to_stable
    parts = [
        f"min {metric.min}" if metric.min else "",
        f"max {metric.max}" if metric.max else "",
        f"min {relative.min} × stable" if relative and relative.min else "",
        f"max {relative.max} × stable" if relative and relative.max else "",
    ]
    return ", ".join(part for part in parts if part) or None


def number(value: float) -> str:
    """As it stands in a status: four digits that count."""
    return f"{value:.4g}"


def _bounds(metric: Metric, stable: float | None) -> list[tuple[Literal["min", "max"], float, str]]:
    found: list[tuple[Literal["min", "max"], float, str]] = []
    if metric.min:
        found.append(("min", float(metric.min), f"min {metric.min}"))
    if metric.max:
        found.append(("max", float(metric.max), f"max {metric.max}"))
    relative = metric.relative_to_stable
    if relative and stable is not None:
        beside = f"times stable's {number(stable)}"
        if relative.min:
            found.append(("min", float(relative.min) * stable, f"{relative.min} {beside}"))
        if relative.max:
            found.append(("max", float(relative.max) * stable, f"{relative.max} {beside}"))
    return found
