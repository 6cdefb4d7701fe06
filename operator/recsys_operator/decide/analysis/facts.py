"""What was measured of a canary and of the stable version beside it.

Two sorts of evidence. A `Reading` holds the counters of all pods of one revision, for the built-in metrics. An `Answer`
is what a source outside the pods said to a `Question`: Prometheus, a Job, a webhook. Neither says whether that is good.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from recsys_operator.api.analysis import Metric
from recsys_operator.decide.analysis.shadow_facts import ShadowReading

Arm = Literal["Canary", "Stable"]

AnswerKind = Literal[
    "Value", "Passed", "Failed", "Pending", "Empty", "NotANumber", "SeveralSeries", "Unavailable", "Refused"
]


@dataclass(frozen=True, slots=True)
class Histogram:
    """As Prometheus has it: `counts[i]` observations were at most `bounds[i]`; the last count, one more, is of all."""

    bounds: tuple[float, ...]
    """In rising order, without infinity. Seconds for a latency."""
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PodReading:
    """The counters of one pod, cumulative since its server started."""

    uid: str
    restarts: int
    """How often the server's container was restarted: counters begin anew with each."""
    started: datetime
    """When that container started."""
    requests: int
    """Prediction requests that were answered, those refused with 4xx left out."""
    errors: int
    """Of these, the ones answered with 5xx."""
    latency: Histogram
    scores: Histogram
    answers: int
    """Requests answered with 200."""
    empty_answers: int
    """Of these, the ones without any item."""
    items_asked: int
    """Item ids in the requests' histories."""
    unknown_items: int
    """Of these, the ones that the model does not know."""
    evaluation: Histogram | None = None
    """Scores of the version's own evaluation, with the bounds of `scores`, where the pod tells them."""
    shadows: tuple[ShadowReading, ...] = ()
    """What it counted as a shadow, one reading for each stable version."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the pods of a revision."""

    arm: Arm
    revision: str
    at: datetime
    pods: tuple[PodReading, ...]
    missing: tuple[str, ...] = ()
    """A sentence for each pod that should have been read and could not be; it names the pod."""
    gone: tuple[PodReading, ...] = ()
    """The last counters of pods that were read earlier, by the same operator process, and not now."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be asked outside the pods, about one metric (prometheus, job or webhook) and one arm."""

    metric: Metric
    arm: Arm
    revision: str
    version: int
    digest: str
    weight: int
    """The arm's share of the requests now, in percent."""
    stable_version: int
    interval_seconds: int
    """What {{interval}} stands for."""
    occasion: str
    """Names when it is asked, the same for each look of one step of one canary: a Job runs once for it."""
    step: int | None = None
    """Index of the step that asks; None in the background."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The next look: when it is due and what it takes."""

    at: datetime
    read: tuple[tuple[Arm, str], ...] = ()
    """Arms and revisions whose pods are to be read."""
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What Prometheus, a Job or a webhook said.

    Value        `value` is a finite number
    Passed       the Job succeeded, the webhook says yes
    Failed       the Job failed by its own word, the webhook says no
    Pending      the Job runs, the webhook asks to be asked again
    Empty        the query is right and finds nothing
    NotANumber   NaN or infinite
    SeveralSeries   the query finds more than one series: it has to be aggregated
    Unavailable  nobody answered in time, or with an error that may pass (5xx, a Job's pod that could not start)
    Refused      the source says that the question is wrong (a query that does not parse, 401, 404, a secret missing)
    """

    kind: AnswerKind
    value: float | None = None
    message: str = ""
    """A sentence for people; it never quotes a secret."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The answer about one metric and one arm."""

    metric: str
    """The metric's name in the spec."""
    arm: Arm
    revision: str
    at: datetime
    answer: Answer


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was measured in one look: at most one reading an arm, one measurement a metric and arm."""

    readings: tuple[Reading, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    before: tuple[Reading, ...] = ()
    """The readings of the look before, if the same operator process took them."""

    def reading(self, arm: Arm, revision: str) -> Reading | None:
        """The reading of an arm, if it is about this revision."""
        return _of(self.readings, arm, revision)

    def earlier(self, arm: Arm, revision: str) -> Reading | None:
        """The same of the look before."""
        return _of(self.before, arm, revision)

    def measurement(self, metric: str, arm: Arm, revision: str) -> Measurement | None:
        """The measurement of a metric and an arm, if it is about this revision."""
        return next(
            (one for one in self.measurements if one.metric == metric and one.arm == arm and one.revision == revision),
            None,
        )


NO_EVIDENCE = Evidence()


def _of(readings: tuple[Reading, ...], arm: Arm, revision: str) -> Reading | None:
    return next((one for one in readings if one.arm == arm and one.revision == revision), None)
