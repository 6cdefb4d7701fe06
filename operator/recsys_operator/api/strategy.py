"""How a new version takes over, and what takes it back."""

from typing import Literal

from pydantic import Field

from recsys_operator.api.common import one_of
from recsys_operator.api.schema import Model, Rule, listing


class Pause(Model):
    """Wait before the next step."""

    duration_seconds: int = Field(ge=1, le=604800, description="How long.")


class Step(Model):
    """One step of a canary."""

    CEL = (one_of("weight", "pause", subject="a step"),)

    weight: int | None = Field(None, ge=1, le=99, description="Share of the requests that the canary gets, in percent.")
    pause: Pause | None = Field(None, description="Wait before the next step.")


class Canary(Model):
    """How a new version takes over. After the last step it gets everything."""

    CEL = (
        Rule("has(self.steps[0].weight)", "strategy.canary.steps must begin with a weight"),
        Rule(
            "self.steps.filter(s, has(s.weight)).map(s, s.weight).isSorted() && self.steps.all(s, !has(s.weight) || "
            "self.steps.filter(t, has(t.weight) && t.weight == s.weight).size() == 1)",
            "the weights of strategy.canary.steps must rise from step to step",
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


class Strategy(Model):
    """How a new version takes over."""

    canary: Canary = Field(description="Step by step, by the weights of an HTTPRoute.")


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
