"""A built-in metric that is judged by the sequential test: rates of requests, and latencies made into rates.

A latency's rate is the share of requests that are slower than stable's own quantile, taken from what stable showed
before.
"""

from dataclasses import replace

from recsys_operator.api.analysis import BuiltIn, Metric
from recsys_operator.api.analysis_status import MetricStatus, TestMemory
from recsys_operator.decide.analysis import sequential, values
from recsys_operator.decide.analysis.arm import QUANTILES, Arm, enough, measure
from recsys_operator.decide.analysis.finding import Finding, Outcome, number

ENOUGH_FOR_A_BOUND = 1000
"""Requests that stable must have answered before a bound is taken from its latencies."""

BAD: dict[BuiltIn, str] = {"SuccessRate": "failed", "EmptyAnswers": "were empty"}


def begin(built_in: BuiltIn, stable: Arm) -> TestMemory:
    """An empty memory, but for stable's past.

    For a latency the past gives the bound only: a bound from the same requests that are then counted would be biased.
    """
    if built_in in QUANTILES:
        return TestMemory()
    requests, bad = stable.layout.part(stable.sums, built_in)
    return TestMemory(past_requests=max(0, requests), past_bad=max(0, min(bad, requests)))


def gather(metric: Metric, entry: MetricStatus, canary: Arm, stable: Arm) -> MetricStatus:
    """The entry with what is new counted by its test: each reading is a stretch of its own, due for a look or not."""
    built_in, memory = measure(metric), entry.test
    if memory is None:
        return entry
    if built_in not in QUANTILES:
        new = _pairs(canary.layout.part(canary.grown, built_in), stable.layout.part(stable.grown, built_in))
        return entry.model_copy(update={"test": sequential.observe(memory, new, _tolerance(metric))})
    if memory.bound is None or memory.canary_bound is None:
        return entry.model_copy(update={"test": _bounded(metric, memory, canary, stable)})
    slow = canary.layout.part(canary.grown, built_in)
    stable_slow = stable.layout.part(stable.grown, built_in)
    new = _pairs(
        (sum(slow), values.beyond(canary.layout.latency, slow, float(memory.canary_bound))),
        (sum(stable_slow), values.beyond(stable.layout.latency, stable_slow, float(memory.bound))),
    )
    return entry.model_copy(update={"test": sequential.observe(memory, new)})


def look(metric: Metric, memory: TestMemory, counted_before: int) -> tuple[TestMemory, Finding]:
    """The memory after the look that is due, and the finding; not for a latency that is `unbounded`."""
    planned, built_in, counted = enough(metric), measure(metric), memory.requests
    latency = built_in in QUANTILES
    if counted == counted_before:
        message = f"The canary had no request since the last look; {counted} so far."
        return memory, Finding("Inconclusive", message, samples=counted)
    after, seen = sequential.look(memory, planned, 0.0 if latency else _tolerance(metric))
    message = _told(metric, memory)
    finding = Finding(
        "Waiting",
        f"{message}; the test goes on until {planned} requests.",
        value=_rate(memory.bad, counted),
        stable=_stable_rate(memory, seen),
        threshold=_threshold(metric),
        samples=counted,
    )
    if seen and seen.condemned:
        chance = f"chance alone would do that with probability {number(seen.tail)} (limit {number(seen.level)})"
        return after, _with(finding, "Bad", f"{message}: {chance}.")
    if sequential.complete(after, planned):
        return after, _with(finding, "Good", f"{message}: no more than chance explains.")
    return after, finding


def _with(finding: Finding, outcome: Outcome, message: str) -> Finding:
    return replace(finding, outcome=outcome, message=message, final=outcome == "Bad")


def _pairs(canary: tuple[int, ...], stable: tuple[int, ...]) -> sequential.Increment:
    requests, bad = (max(0, count) for count in canary)
    stable_requests, stable_bad = (max(0, count) for count in stable)
    return sequential.Increment(requests, min(bad, requests), stable_requests, min(stable_bad, stable_requests))


def _bounded(metric: Metric, memory: TestMemory, canary: Arm, stable: Arm) -> TestMemory:
    """The memory with the bound beyond which a request is slow, once stable has shown enough to have one."""
    built_in = measure(metric)
    seen = stable.layout.part(stable.sums, built_in)
    if sum(seen) < ENOUGH_FOR_A_BOUND:
        return memory
    bound = values.slow_bound(stable.layout.latency, seen, QUANTILES[built_in], _tolerance(metric))
    if bound is None or bound[1] not in canary.layout.latency:
        return memory
    return memory.model_copy(update={"bound": _plain(bound[0]), "canary_bound": _plain(bound[1])})


def unbounded(metric: Metric, memory: TestMemory, canary: Arm, stable: Arm) -> Finding | None:
    """The finding while it is not known from when on a request is slow; None once it is, and for rates."""
    if measure(metric) not in QUANTILES or memory.bound is not None:
        return None
    return Finding("Inconclusive", _no_bound(metric, canary, stable), samples=memory.requests)


def _no_bound(metric: Metric, canary: Arm, stable: Arm) -> str:
    share = f"{number(QUANTILES[measure(metric)] * 100)} %"
    answered = sum(stable.layout.part(stable.sums, measure(metric)))
    if answered < ENOUGH_FOR_A_BOUND:
        return (
            f"Stable has answered {answered} of {ENOUGH_FOR_A_BOUND} requests: only then is it known how long {share} "
            "of them take at most, and the canary is judged by that."
        )
    greatest = number(min(max(stable.layout.latency), max(canary.layout.latency)))
    tolerated = f", with {metric.tolerance_percent} % more," if metric.tolerance_percent else ""
    return (
        f"What {share} of stable's requests take at most{tolerated} is beyond {greatest} s, the greatest bound by "
        "which the pods count: nothing slower can be told from it. Use max or relativeToStable instead of test."
    )


def _tolerance(metric: Metric) -> float:
    return (metric.tolerance_percent or 0) / 100


def _told(metric: Metric, memory: TestMemory) -> str:
    what = BAD.get(measure(metric), f"took over {memory.canary_bound} s")
    beside = "" if memory.canary_bound == memory.bound else f" took over {memory.bound} s"
    message = (
        f"{memory.bad} of {memory.requests} requests {what}, of stable's {memory.stable_bad} of "
        f"{memory.stable_requests}{beside}"
    )
    if memory.past_requests:
        message += f" beside it and {memory.past_bad} of {memory.past_requests} before"
    return message


def _threshold(metric: Metric) -> str:
    tolerance = f" by more than {metric.tolerance_percent} %" if metric.tolerance_percent else ""
    return f"not worse than stable{tolerance}"


def _stable_rate(memory: TestMemory, seen: sequential.Look | None) -> str:
    if seen and seen.against == "Past":
        return _rate(memory.stable_bad + memory.past_bad, memory.stable_requests + memory.past_requests)
    return _rate(memory.stable_bad, memory.stable_requests)


def _rate(bad: int, requests: int) -> str:
    return number(bad / requests if requests else 0.0)


def _plain(value: float) -> str:
    """A bound as the API takes decimals."""
    return f"{value:.9f}".rstrip("0").rstrip(".")
