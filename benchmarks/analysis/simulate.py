"""Canaries in great numbers, judged by the operator's own code."""

from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

import numpy as np
from scipy import special, stats  # type: ignore[import-untyped]

from recsys_operator.api.analysis import Metric
from recsys_operator.api.analysis_status import MetricStatus, TestMemory
from recsys_operator.decide.analysis import sequential, tested
from recsys_operator.decide.analysis.arm import Arm
from recsys_operator.decide.analysis.counters import HEAD, Layout
from recsys_operator.decide.analysis.facts import Reading

PLANNED = 5000
STRETCH = 100
"""Requests to the canary between two looks at the counters."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """How often requests are bad, and how many there are for each request to the canary."""

    name: str
    canary_rate: float = 0.01
    stable_rate: float = 0.01
    past: int = 0
    """Requests that stable had answered before the canary."""
    beside: tuple[int, ...] = (1,)
    """Requests to stable for each request to the canary; several: one after the other, each as long."""
    worsens: float | None = None
    """What both rates become half-way."""
    requests: int = PLANNED
    """To the canary, in all."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many canaries were condemned, and after how many requests the middle one of them."""

    canaries: int
    condemned: int
    requests: float

    @property
    def share(self) -> float:
        """Of all canaries."""
        return self.condemned / self.canaries

    @property
    def upper(self) -> float:
        """Upper end of the one-sided 95 % Clopper-Pearson interval of that share."""
        return (
            1.0
            if self.condemned == self.canaries
            else float(special.betaincinv(self.condemned + 1, self.canaries - self.condemned, 0.95))
        )

    @property
    def lower(self) -> float:
        """Lower end of the one-sided 95 % Clopper-Pearson interval of that share."""
        return (
            0.0
            if not self.condemned
            else float(special.betaincinv(self.condemned, self.canaries - self.condemned + 1, 0.05))
        )


def rates(scenario: Scenario, canaries: int, seed: int) -> Outcome:
    """Rates of requests, such as SuccessRate or EmptyAnswers, under the sequential test."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(canaries):
        past_bad = int(rng.binomial(scenario.past, scenario.stable_rate)) if scenario.past else 0
        memory = TestMemory(past_requests=scenario.past, past_bad=past_bad)
        for bad, stable, stable_bad in _stretches(scenario, rng):
            memory = sequential.observe(memory, sequential.Increment(STRETCH, bad, stable, stable_bad))
            memory, look = sequential.look(memory, PLANNED)
            if look and look.condemned:
                found.append(memory.requests)
                break
    return _outcome(canaries, found)


def latencies(slowdown: float, canaries: int, seed: int, past: int = 20_000) -> Outcome:
    """LatencyP99 under the test. Stable's 99th percentile is one of the bounds, which is the hardest case."""
    rng = np.random.default_rng(seed)
    bounds = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
    scale, spread = 0.1 / np.exp(0.6 * stats.norm.isf(0.01)), 0.6
    edges = np.array([0.0, *bounds, np.inf])
    stable = np.diff(stats.lognorm.cdf(edges, spread, scale=scale))
    canary = np.diff(stats.lognorm.cdf(edges, spread, scale=scale * slowdown))
    metric = Metric.model_validate({"name": "p99", "builtIn": "LatencyP99", "test": "Sequential"})
    layout, at = Layout(bounds, ()), datetime(2026, 1, 2, tzinfo=UTC)
    nothing = np.zeros(len(bounds) + 1, dtype=int)

    def arm(new: np.ndarray, total: np.ndarray) -> Arm:
        head = (0,) * HEAD
        reading = Reading("Canary", "", at, ())
        return Arm(reading, layout, (*head, *total.tolist(), 0), (*head, *new.tolist(), 0))

    found = []
    for _ in range(canaries):
        served = rng.multinomial(past, stable)
        entry = MetricStatus(name="p99", start_time="", time="", test=tested.begin("LatencyP99", arm(nothing, served)))
        entry = tested.gather(metric, entry, arm(nothing, nothing), arm(nothing, served))
        news = (
            rng.multinomial(STRETCH, canary, PLANNED // STRETCH),
            rng.multinomial(STRETCH, stable, PLANNED // STRETCH),
        )
        for of_canary, of_stable in zip(*news, strict=True):
            entry = tested.gather(metric, entry, arm(of_canary, of_canary), arm(of_stable, of_stable))
            memory, finding = tested.look(metric, entry.test or TestMemory(), 0)
            entry = entry.model_copy(update={"test": memory})
            if finding.final:
                found.append(memory.requests)
                break
    return _outcome(canaries, found)


def threshold(scenario: Scenario, canaries: int, seed: int) -> Outcome:
    """What is common elsewhere: more than 2 % bad of 100 requests, twice, takes a canary back."""
    rng = np.random.default_rng(seed)
    bad = rng.binomial(STRETCH, scenario.canary_rate, (canaries, scenario.requests // STRETCH))
    failures = np.cumsum(bad > 0.02 * STRETCH, axis=1) >= 2
    return _outcome(canaries, ((failures.argmax(1) + 1) * STRETCH)[failures.any(1)].tolist())


def repeated(scenario: Scenario, canaries: int, seed: int, looks: int = PLANNED // STRETCH) -> Outcome:
    """An ordinary test at one per cent, done at each of so many looks as if it were the only one."""
    rng = np.random.default_rng(seed)
    size = scenario.requests // looks
    bad = np.cumsum(rng.binomial(size, scenario.canary_rate, (canaries, looks)), axis=1)
    stable_bad = np.cumsum(rng.binomial(size, scenario.stable_rate, (canaries, looks)), axis=1)
    tails = stats.binom.sf(bad - 1, bad + stable_bad, 0.5)
    condemned = (tails <= 0.01) & (bad > 0)
    return _outcome(canaries, ((condemned.argmax(1) + 1) * size)[condemned.any(1)].tolist())


def one_look(scenario: Scenario, canaries: int, seed: int) -> Outcome:
    """The same test done once, at the end."""
    return repeated(scenario, canaries, seed, looks=1)


def always_valid(scenario: Scenario, canaries: int, seed: int, level: float = 0.01) -> Outcome:
    """A mixture likelihood ratio (Robbins 1970), valid at any number of looks: beta-binomial against binomial."""
    rng = np.random.default_rng(seed)
    looks = scenario.requests // STRETCH
    bad = np.cumsum(rng.binomial(STRETCH, scenario.canary_rate, (canaries, looks)), axis=1)
    stable_bad = np.cumsum(rng.binomial(STRETCH, scenario.stable_rate, (canaries, looks)), axis=1)
    a, b = 18.0, 9.0
    log_ratio = special.betaln(a + bad, b + stable_bad) - special.betaln(a, b) + (bad + stable_bad) * np.log(2)
    condemned = log_ratio >= np.log(1 / level)
    return _outcome(canaries, ((condemned.argmax(1) + 1) * STRETCH)[condemned.any(1)].tolist())


def _stretches(scenario: Scenario, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Bad requests to the canary, requests to stable and bad ones of these, for each stretch."""
    count = scenario.requests // STRETCH
    part = np.arange(count) * len(scenario.beside) // count
    stable = STRETCH * np.array(scenario.beside)[part]
    late = np.arange(count) >= count // 2
    canary_rate, stable_rate = (
        np.where(late & (scenario.worsens is not None), scenario.worsens or 0.0, rate)
        for rate in (scenario.canary_rate, scenario.stable_rate)
    )
    bad, stable_bad = rng.binomial(STRETCH, canary_rate), rng.binomial(stable, stable_rate)
    return list(zip(bad.tolist(), stable.tolist(), stable_bad.tolist(), strict=True))


def _outcome(canaries: int, found: list[int]) -> Outcome:
    return Outcome(canaries, len(found), median(found) if found else 0)
