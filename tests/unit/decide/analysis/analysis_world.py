"""A canary under analysis in miniature: pods that count, sources that answer, looks at the test's word."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from recsys_operator.api.analysis import BackgroundAnalysis, StepAnalysis
from recsys_operator.api.analysis_status import MetricStatus
from recsys_operator.api.rollout import CanaryStatus, Revision
from recsys_operator.decide.analysis import counters, verdict
from recsys_operator.decide.analysis.decision import take
from recsys_operator.decide.analysis.facts import Answer, Arm, Evidence, Histogram, Measurement, PodReading, Reading
from recsys_operator.decide.analysis.watch import Watch, plan, watches
from recsys_operator.decide.times import rfc3339

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATENCY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
SCORES = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0)


def revision(version: int) -> Revision:
    """The revision that a version always has here."""
    return Revision(
        version=version, digest=f"sha256:{version:064x}", uri="pvc://store/v", revision=f"r{version}", image="server:1"
    )


def nothing(bounds: tuple[float, ...]) -> Histogram:
    """An empty histogram."""
    return Histogram(bounds, (0,) * (len(bounds) + 1))


def pod(uid: str, started: datetime = START) -> PodReading:
    """A pod that has counted nothing."""
    return PodReading(uid, 0, started, 0, 0, nothing(LATENCY), nothing(SCORES), 0, 0, 0, 0)


def observed(histogram: Histogram, value: float, count: int) -> Histogram:
    """The histogram with so many observations more of one value."""
    bounds = (*histogram.bounds, float("inf"))
    counts = (old + (count if value <= bound else 0) for old, bound in zip(histogram.counts, bounds, strict=True))
    return Histogram(histogram.bounds, tuple(counts))


def served(
    before: PodReading,
    requests: int,
    errors: int = 0,
    *,
    seconds: float = 0.02,
    slow: int = 0,
    score: float = 0.5,
    empty: int = 0,
    unknown: int = 0,
) -> PodReading:
    """The pod after so many requests more, of which so many failed, were slow (0.7 s), or empty; ten scores each."""
    latency = observed(observed(before.latency, seconds, requests - slow), 0.7, slow)
    return replace(
        before,
        requests=before.requests + requests,
        errors=before.errors + errors,
        answers=before.answers + requests - errors,
        empty_answers=before.empty_answers + empty,
        items_asked=before.items_asked + 10 * requests,
        unknown_items=before.unknown_items + unknown,
        latency=latency,
        scores=observed(before.scores, score, 10 * requests),
    )


@dataclass
class World:
    """One canary (version 4) beside stable (version 1), with 10 % of the requests since START."""

    metrics: list[dict[str, Any]]
    step: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    weight: int = 10
    now: datetime = START
    canary_pods: dict[str, PodReading] = field(default_factory=lambda: {"c1": pod("c1"), "c2": pod("c2")})
    stable_pods: dict[str, PodReading] = field(
        default_factory=lambda: {"s1": pod("s1", START - timedelta(days=1)), "s2": pod("s2", START - timedelta(days=1))}
    )
    unreadable: dict[Arm, tuple[str, ...]] = field(default_factory=dict)
    answers: dict[tuple[str, Arm], Answer] = field(default_factory=dict)
    before: tuple[Reading, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    all_steps_done: bool = False
    first_weight: bool = True

    def __post_init__(self) -> None:
        self.canary = CanaryStatus.model_validate(
            {
                **revision(4).wire(),
                "weight": self.weight,
                "step": 1,
                "startTime": rfc3339(START),
                "stepStartTime": rfc3339(START),
                "firstWeightTime": rfc3339(START) if self.first_weight else None,
            }
        )
        self.stable = revision(1)

    @property
    def in_force(self) -> tuple[Watch, ...]:
        """The metrics in force."""
        said = {"metrics": self.metrics, **self.settings}
        background = None if self.step else BackgroundAnalysis.model_validate(said)
        step = StepAnalysis.model_validate(said) if self.step else None
        return watches(self.canary, background, step, all_steps_done=self.all_steps_done)

    def serve(self, arm: Arm, requests: int, errors: int = 0, **detail: Any) -> None:
        """The first pod of an arm serves so many requests more."""
        pods = self.canary_pods if arm == "Canary" else self.stable_pods
        first = next(iter(pods))
        pods[first] = served(pods[first], requests, errors, **detail)

    def measure(self) -> None:
        """Everything is measured now, as the plan asks for it."""
        due = plan(self.canary, self.stable, self.in_force, self.now)
        assert due
        readings: tuple[Reading, ...] = ()
        for arm, name in due.read:
            pods = tuple((self.canary_pods if arm == "Canary" else self.stable_pods).values())
            missing = self.unreadable.get(arm, ())
            pods = tuple(one for one in pods if one.uid not in missing)
            reading = Reading(arm, name, self.now, pods, tuple(f"pod {uid}: timed out" for uid in missing))
            known = next((one for one in self.before if one.arm == arm), None)
            readings = (*readings, counters.carry(known, reading))
        self.evidence = Evidence(
            readings=readings,
            measurements=tuple(
                Measurement(one.metric.name, one.arm, one.revision, self.now, self.answers[one.metric.name, one.arm])
                for one in due.questions
            ),
            before=self.before,
        )
        self.before = tuple(one for one in readings if one.pods) or self.before

    def judge(self) -> None:
        """One reconcile with the evidence that there is. The status goes over the wire."""
        canary = take(self.canary, self.stable, self.in_force, self.evidence, self.now)
        self.canary = CanaryStatus.model_validate(canary.wire())

    def look(self, times: int = 1, seconds: float = 10) -> None:
        """Time passes, everything is measured and judged; so many times."""
        for _ in range(times):
            self.now += timedelta(seconds=seconds)
            self.measure()
            self.judge()

    def restart(self) -> None:
        """The operator is restarted: what it remembered beside the status is gone."""
        self.before, self.evidence = (), Evidence()

    def entry(self, name: str | None = None) -> MetricStatus:
        """The entry of a metric, the first one by default."""
        return next(one for one in self.canary.analysis if name in (None, one.name))

    @property
    def phase(self) -> str:
        """Phase of the first metric."""
        return self.entry().phase

    @property
    def condemned(self) -> verdict.Condemned | None:
        """What takes the canary back."""
        return verdict.condemned(self.canary, self.in_force, self.now)

    def holds(self, move: verdict.Move = "RaiseWeight") -> bool:
        """Whether a move has to wait."""
        return verdict.holding(self.canary, self.in_force, move) is not None
