"""Analysis: what is measured of a canary, and what is good."""

from typing import Literal

from pydantic import Field

from recsys_operator.api.common import Resources, one_of
from recsys_operator.api.schema import DNS_SUBDOMAIN, Decimal, Model, ObjectName, Rule, listing

BuiltIn = Literal[
    "SuccessRate",
    "LatencyP50",
    "LatencyP90",
    "LatencyP99",
    "ThroughputPerPod",
    "EmptyAnswers",
    "UnknownItems",
    "ScoreShift",
]

HTTP_URL = r"^https?://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[^\s]*)?$"
BASE_URL = r"^https?://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[^\s?#]*)?$"


class SecretKey(Model):
    """One entry of a Secret in the same namespace."""

    name: str = Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN, description="Name of the Secret.")
    key: str = Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$", description="Key in it.")


class PrometheusQuery(Model):
    """A query whose answer is one number."""

    address: str | None = Field(
        None,
        max_length=512,
        pattern=BASE_URL,
        description="Where Prometheus is, such as http://prometheus.monitoring.svc:9090; the operator's own setting when absent.",
    )
    query: str = Field(
        min_length=1,
        max_length=4096,
        description="PromQL. {{namespace}}, {{deployment}}, {{version}} and {{interval}} (such as 30s) are filled in; the "
        "version is the canary's, and stable's where the metric is relative to stable.",
    )
    token: SecretKey | None = Field(None, description="Secret with a bearer token to be sent along.")


class JobVariable(Model):
    """A variable of an analysis Job's environment."""

    name: str = Field(min_length=1, max_length=253, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Its name.")
    value: str = Field("", max_length=4096, description="Its value.")


class JobTemplate(Model):
    """The one container of an analysis Job. It runs restricted, without a service account's token."""

    image: str = Field(min_length=1, max_length=1024, description="Image.")
    command: tuple[str, ...] = Field(
        (),
        max_length=32,
        json_schema_extra={**listing("atomic"), "items": {"type": "string", "maxLength": 4096}},
        description="Entry point; the image's own when empty.",
    )
    args: tuple[str, ...] = Field(
        (),
        max_length=32,
        json_schema_extra={**listing("atomic"), "items": {"type": "string", "maxLength": 4096}},
        description="Arguments.",
    )
    env: tuple[JobVariable, ...] = Field(
        (), max_length=32, json_schema_extra=listing("map", keys=("name",)), description="Environment."
    )
    resources: Resources = Field(description="What the pod gets.")
    active_deadline_seconds: int = Field(600, ge=1, le=86400, description="How long it may take.")


class AnalysisJob(Model):
    """A Job that succeeds when the canary is good: exit code 0. Exit code 1 says that it is bad, others say nothing."""

    template: JobTemplate = Field(description="What runs.")


class Webhook(Model):
    """A gate: somebody who is asked by a POST whether the rollout may go on. In a step it holds until it says yes.

    Yes is any 2xx but 202 (ask again). No is 403, 409, 412 or 422 with a JSON object that has a message.
    """

    url: str = Field(max_length=1024, pattern=HTTP_URL, description="Where the question is posted.")
    token: SecretKey | None = Field(None, description="Secret with a bearer token to be sent along.")


class TimedWebhook(Webhook):
    """A gate, and when it is asked.

    Yes is any 2xx but 202 (ask again). No is 403, 409, 412 or 422 with a JSON object that has a message.
    """

    when: Literal["Confirm", "Pre", "Post"] = Field(
        "Confirm",
        description="Confirm: before the canary gets everything; it holds until it says yes. Pre: before the canary's first "
        "request. Post: with all the requests, before it is stable. A no to Pre or Post takes the canary back.",
    )


class RelativeBounds(Model):
    """Bounds on the canary's value divided by stable's."""

    CEL = (Rule("has(self.min) || has(self.max)", "relativeToStable must set min or max"),)

    min: Decimal | None = Field(None, description='At least this many times stable\'s value, such as "0.9".')
    max: Decimal | None = Field(None, description='At most this many times stable\'s value, such as "1.2".')


TESTABLE = ("SuccessRate", "EmptyAnswers", "LatencyP50", "LatencyP90", "LatencyP99")
"""Rates of requests, and latencies as the share of requests that are slower than stable's own quantile."""


def _metric_rules(*sources: str) -> tuple[Rule, ...]:
    """What holds for a metric that has one of these sources."""
    told = [source for source in sources if source not in ("builtIn", "prometheus")]
    bounds = "has(self.min) || has(self.max) || has(self.relativeToStable)"
    verdict = " || ".join(f"has(self.{source})" for source in told)
    return (
        one_of(*sources, subject="a metric"),
        Rule(
            f"{verdict} || {bounds} || has(self.test)",
            "a builtIn or prometheus metric must say what is good: min, max, relativeToStable or test",
        ),
        Rule(
            f"!({verdict}) || !({bounds})",
            f"{' and '.join(told)} say yes or no: min, max and relativeToStable are for builtIn and prometheus",
        ),
        Rule(
            f"!has(self.test) || (has(self.builtIn) && self.builtIn in {list(TESTABLE)})",
            "test is for the builtIn metrics " + ", ".join(TESTABLE),
        ),
        Rule(
            f"!has(self.test) || !({bounds} || has(self.failureLimit))",
            "test compares with stable by itself: leave out min, max, relativeToStable and failureLimit",
        ),
        Rule("!has(self.tolerancePercent) || has(self.test)", "tolerancePercent is for test"),
        Rule(
            "!has(self.against) || (has(self.builtIn) && self.builtIn == 'ScoreShift')",
            "against is for the builtIn metric ScoreShift",
        ),
        Rule(
            "!has(self.builtIn) || self.builtIn != 'ScoreShift' || !has(self.relativeToStable)",
            "ScoreShift is a comparison already: give it a max instead of relativeToStable",
        ),
        Rule("!has(self.minSamples) || has(self.builtIn)", "minSamples is for builtIn metrics"),
        Rule("!self.name.startsWith('shadow')", "names that begin with shadow are those of the step shadow"),
        Rule("!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)", "min must not exceed max"),
    )


class AnyMetric(Model):
    """What all metrics have."""

    name: ObjectName = Field(description="Name of the metric, unique in its list.")
    built_in: BuiltIn | None = Field(
        None,
        description="Read from the pods. SuccessRate: answers that are no 5xx, of all but 4xx. LatencyP50, P90, P99: seconds. "
        "ThroughputPerPod: requests a second. EmptyAnswers: share of answers without items. UnknownItems: share of "
        "item ids that the model does not know. ScoreShift: population stability index of the scores.",
    )
    prometheus: PrometheusQuery | None = Field(None, description="Asked of Prometheus.")
    min: Decimal | None = Field(None, description='The value must be at least this, such as "0.99".')
    max: Decimal | None = Field(None, description='The value must be at most this, such as "0.2".')
    relative_to_stable: RelativeBounds | None = Field(
        None, description="Bounds relative to what stable shows in the same interval."
    )
    test: Literal["Sequential"] | None = Field(
        None,
        description="Compare with stable by a statistical test that may look as often as it likes: it takes back one equal "
        "canary in a hundred at most, as long as stable stays as it was.",
    )
    tolerance_percent: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="How much worse than stable is still good, in percent of stable's rate or latency; 0 when absent.",
    )
    against: Literal["Stable", "Evaluation"] | None = Field(
        None, description="What ScoreShift compares with: Stable (when absent), or the version's own Evaluation."
    )
    interval_seconds: int = Field(10, ge=1, le=3600, description="Time between two looks.")
    min_samples: int | None = Field(
        None,
        ge=1,
        le=100000000,
        description="Requests to the canary (and to stable, where both are compared) that a look needs; 100 when absent. With "
        "test: how many must have been seen before it passes; 5000 when absent.",
    )
    failure_limit: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="How many bad looks are let pass; one more takes the canary back. 1 when absent.",
    )
    inconclusive_limit: int = Field(
        5,
        ge=0,
        le=1000,
        description="How many looks in a row may lack evidence before that is told. It holds from the first.",
    )
    consecutive_error_limit: int = Field(
        4,
        ge=0,
        le=1000,
        description="How many looks in a row may fail to measure before that is told. It holds from the first.",
    )


class Metric(AnyMetric):
    """A metric wherever it stands."""

    job: AnalysisJob | None = None
    webhook: TimedWebhook | None = None


class StepMetric(AnyMetric):
    """One thing that is measured in a step, and what is good."""

    CEL = _metric_rules("builtIn", "prometheus", "job", "webhook")

    job: AnalysisJob | None = Field(None, description="Found out by a Job, once in its step.")
    webhook: Webhook | None = Field(None, description="Asked of a webhook, until it says yes.")

    def anywhere(self) -> Metric:
        """The same without its place."""
        webhook = TimedWebhook(url=self.webhook.url, token=self.webhook.token) if self.webhook else None
        return Metric.model_construct(**{**dict(self), "webhook": webhook})


class BackgroundMetric(AnyMetric):
    """One thing that is measured all the while, and what is good."""

    CEL = _metric_rules("builtIn", "prometheus", "webhook")

    webhook: TimedWebhook | None = Field(None, description="Asked of a webhook.")

    def anywhere(self) -> Metric:
        """The same without its place."""
        return Metric.model_construct(**dict(self))


class Analysis(Model):
    """How long evidence may be missing."""

    deadline_seconds: int | None = Field(
        None, ge=1, le=604800, description="How long evidence may be missing before onDeadline; forever when absent."
    )
    on_deadline: Literal["Hold", "Abort"] = Field(
        "Hold",
        description="What missing evidence leads to at the deadline: tell it and hold on, or take the canary back.",
    )


class BackgroundAnalysis(Analysis):
    """What is measured from the canary's first request to its promotion. No weight rises while evidence is missing."""

    metrics: tuple[BackgroundMetric, ...] = Field(
        min_length=1, max_length=10, json_schema_extra=listing("map", keys=("name",)), description="What is measured."
    )


class StepAnalysis(Analysis):
    """What is measured in one step, which ends when all of it is good."""

    metrics: tuple[StepMetric, ...] = Field(
        min_length=1, max_length=10, json_schema_extra=listing("map", keys=("name",)), description="What is measured."
    )
    duration_seconds: int = Field(60, ge=0, le=604800, description="How long it is watched at least.")
