"""How a new version takes over, and what takes it back."""

from typing import Literal

from pydantic import Field, JsonValue

from recsys_operator.api.analysis import BackgroundAnalysis, StepAnalysis
from recsys_operator.api.common import one_of
from recsys_operator.api.schema import Model, ObjectName, Rule, listing
from recsys_operator.api.shadow import Shadow


def _cron(unit: str) -> str:
    """One field of a cron schedule: a star, numbers, ranges and steps, and lists of them."""
    item = rf"(\*|{unit}(-{unit})?)(/[1-9][0-9]?)?"
    return f"{item}(,{item})*"


SCHEDULE = "^{}$".format(
    " ".join(
        _cron(unit)
        for unit in (
            "[0-5]?[0-9]",
            "([01]?[0-9]|2[0-3])",
            "(0?[1-9]|[12][0-9]|3[01])",
            "(0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)",
            "([0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)",
        )
    )
)
"""A cron schedule of five fields."""


class Pause(Model):
    """Wait before the next step."""

    duration_seconds: int | None = Field(
        None, ge=1, le=604800, description="How long; until the command promote, if absent."
    )


class Bake(Model):
    """Wait until all has been well for a while."""

    duration_seconds: int = Field(
        ge=1,
        le=604800,
        description="For how long without a break: all pods of canary and stable available, the weight accepted, and no "
        "alert that freezes. Any trouble begins it anew.",
    )


class Step(Model):
    """One step of a canary."""

    CEL = (one_of("weight", "pause", "bake", "analysis", "shadow", subject="a step"),)

    weight: int | None = Field(None, ge=1, le=99, description="Share of the requests that the canary gets, in percent.")
    pause: Pause | None = Field(None, description="Wait before the next step.")
    bake: Bake | None = Field(None, description="Wait until all has been well for a while.")
    analysis: StepAnalysis | None = Field(None, description="Measure the canary until all is good.")
    shadow: Shadow | None = Field(
        None, description="Have the canary answer copies of stable's requests, and compare, before its first weight."
    )


class Canary(Model):
    """How a new version takes over. After the last step it gets everything."""

    CEL = (
        Rule(
            "self.steps.size() == 0 || has(self.steps[0].weight) || has(self.steps[0].shadow)",
            "strategy.canary.steps must begin with a weight or a shadow",
        ),
        Rule(
            "self.steps.filter(s, has(s.weight) || has(s.shadow)).map(s, has(s.weight) ? 1 : 0).isSorted()",
            "a shadow must come before the first weight of strategy.canary.steps",
        ),
        Rule(
            "self.steps.filter(s, has(s.weight)).map(s, s.weight).isSorted() && self.steps.all(s, !has(s.weight) || "
            "self.steps.filter(t, has(t.weight) && t.weight == s.weight).size() == 1)",
            "the weights of strategy.canary.steps must rise from step to step",
        ),
        Rule(
            "!has(self.analysis) || self.steps.all(s, !has(s.analysis) || s.analysis.metrics.all(m, "
            "self.analysis.metrics.all(b, b.name != m.name)))",
            "metrics of a step and of strategy.canary.analysis must have different names",
        ),
    )

    steps: tuple[Step, ...] = Field(
        min_length=1, max_length=20, json_schema_extra=listing("atomic"), description="Steps in their order."
    )
    scale: Literal["Full", "FollowWeight"] = Field(
        "Full",
        description="Pods of a canary. Full: as many as spec.replicas from the start. FollowWeight: as large a part of "
        "them as its share of the requests, rounded up. With spec.autoscaling it always follows.",
    )
    progress_deadline_seconds: int = Field(
        600,
        ge=1,
        le=604800,
        description="How long a canary may wait for its pods, or for the gateway to accept its weight, before it is taken "
        "back and its revision blocked. Time in which something holds it does not count.",
    )
    analysis: BackgroundAnalysis | None = Field(
        None, description="What is measured all the while, from the canary's first request until it gets everything."
    )


class Strategy(Model):
    """How a new version takes over."""

    canary: Canary = Field(description="Step by step, by the weights of an HTTPRoute.")
    resource_edits: Literal["Canary", "Surge"] = Field(
        "Canary",
        description="How an edit of the pods alone takes over, with the same version and server image. Canary: through the "
        "steps. Surge: all at once when a full set of new pods is available.",
    )


# Of a zone that the API server does not know this is an error, which refuses it, and names it.
KNOWN_ZONE: JsonValue = {
    "rule": "timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0",
    "message": "must be a time zone of the IANA database, such as Europe/Berlin",
}


class FreezeWindow(Model):
    """A stretch of time, again and again, in which no rollout begins and no weight rises. Rollbacks still happen."""

    name: ObjectName = Field(description="What it is called in conditions.")
    schedule: str = Field(
        max_length=128,
        pattern=SCHEDULE,
        description="When it opens, as in cron: minute, hour, day of the month, month, day of the week.",
    )
    duration_seconds: int = Field(ge=60, le=2678400, description="How long it stays open.")
    time_zone: str = Field(
        "UTC",
        max_length=64,
        pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$",
        description="Time zone of the schedule, as the IANA database names it, such as Europe/Berlin.",
        json_schema_extra={"x-kubernetes-validations": [KNOWN_ZONE]},
    )


class Rollback(Model):
    """What happens when an alert speaks of this Deployment."""

    warm_seconds: int = Field(
        3600,
        ge=0,
        le=604800,
        description="How long the previous version keeps its pods after a promotion, to be back at once.",
    )
    freeze_seconds: int = Field(
        3600, ge=1, le=604800, description="How long a warning holds the weight when it is never resolved."
    )
