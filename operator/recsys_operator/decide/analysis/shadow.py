"""Whether a shadow's answers are as its gates ask: judged once, when there is evidence enough.

One look, at the end: a shadow hurts no client, so nothing is gained by an early verdict, and looking again and again
until a mean happens to be bad would take back more good versions than the gate says.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal

from recsys_operator.api.shadow import Shadow, ShadowGate, ShadowMetric
from recsys_operator.decide.analysis.shadow_facts import ShadowReading

GateVerdict = Literal["Passed", "Failed", "Inconclusive"]


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate says of the evidence. `value` is None where there is none."""

    gate: ShadowGate
    value: float | None
    verdict: GateVerdict

    @property
    def threshold(self) -> str:
        """What is asked for, such as `0.3 to 0.9` or `at least 0.3`."""
        low, high = self.gate.min, self.gate.max
        if low is not None and high is not None:
            return f"{low} to {high}"
        return f"at least {low}" if low is not None else f"at most {high}"

    @property
    def sentence(self) -> str:
        """The result for people."""
        if self.value is None:
            return f"{self.gate.metric} has no value yet; {self.threshold} is asked for"
        return f"{self.gate.metric} is {self.value:.4f}; {self.threshold} is asked for"


def against(readings: Iterable[ShadowReading], stable: int) -> ShadowReading:
    """What all pods together found against this stable version."""
    return reduce(add, (one for one in readings if one.stable == stable), ShadowReading(stable))


def judge(step: Shadow, reading: ShadowReading) -> tuple[GateResult, ...]:
    """What each gate says, in the order of the spec."""
    return tuple(_judged(gate, value_of(gate.metric, reading)) for gate in step.gates)


def enough(step: Shadow, reading: ShadowReading) -> bool:
    """Whether as many requests were tried as the step asks for. A request that failed was tried, too."""
    return reading.samples + reading.failures >= step.min_samples


def value_of(metric: ShadowMetric, reading: ShadowReading) -> float | None:
    """The mean that a metric stands for; None where nothing was observed."""
    if metric == "FailureRate":
        tried = reading.samples + reading.failures
        return reading.failures / tried if tried else None
    if metric == "KendallTau":
        concordance = reading.kendall_concordance.mean
        return None if concordance is None else 2 * concordance - 1
    if metric == "PopularityShift":
        return _difference(reading.popularity.mean, reading.stable_popularity.mean)
    if metric == "RelativeCoverage":
        own, stable = reading.coverage.mean, reading.stable_coverage.mean
        return own / stable if own is not None and stable else None
    if metric == "Coverage":
        return reading.coverage.mean
    return (reading.overlap if metric == "Overlap" else reading.rank_biased_overlap).mean


def _judged(gate: ShadowGate, value: float | None) -> GateResult:
    if value is None:
        return GateResult(gate, None, "Inconclusive")
    low = float(gate.min) if gate.min is not None else float("-inf")
    high = float(gate.max) if gate.max is not None else float("inf")
    return GateResult(gate, value, "Passed" if low <= value <= high else "Failed")


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
