"""Who is told what about a rollout, by mail, chat or webhook."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from recsys_operator.api.schema import Model, ObjectName, Rule, listing

EventName = Literal[
    "RolloutStarted",
    "WeightChanged",
    "Promoted",
    "Superseded",
    "Aborted",
    "RolledBack",
    "VersionBlocked",
    "RevertStarted",
    "Reverted",
    "Frozen",
    "Degraded",
    "ChildRefused",
    "ModelNotFound",
    "Unblocked",
    "StatusRecovered",
    "AwaitingPromotion",
    "CommandIgnored",
    "FreezeWindow",
    "Held",
    "InsufficientCapacity",
    "PodsFailed",
    "ProgressDeadlineExceeded",
    "Resumed",
    "StepEnded",
    "StepsSkipped",
    "AnalysisPassed",
    "AnalysisFailed",
    "AnalysisInconclusive",
    "AnalysisError",
    "ShadowLacksEvidence",
]
FieldName = Literal[
    "event", "severity", "namespace", "deployment", "model", "stable", "canary", "weight", "message", "time"
]
FIELDS: tuple[FieldName, ...] = get_args(FieldName)
"""What a template may name."""

USUAL: tuple[EventName, ...] = ("RolledBack", "RevertStarted", "Reverted", "Degraded", "Promoted")
"""What is told unless a notification says which events."""

TEMPLATE = f"^([^{{}}]|[{{]({'|'.join(FIELDS)})[}}])*$"
"""What a template may look like: no braces but those around a field. CEL (RE2) and Python read it alike."""

TITLE = "[{namespace}/{deployment}] {event}"
BODY = "{message}\n\nDeployment {namespace}/{deployment}, model {model}: stable {stable}, canary {canary} at {weight} %.\n{time}"


class Template(Model):
    """How a notification reads. `{event}` and the like become what they name."""

    CEL = tuple(
        Rule(
            f"!has(self.{name}) || self.{name}.matches('{TEMPLATE}')",
            f"template.{name} may name these fields, and hold no other braces: "
            + ", ".join(f"{{{field}}}" for field in FIELDS),
        )
        for name in ("title", "body")
    )

    title: str | None = Field(
        None, min_length=1, max_length=200, description="One line, such as `{event} of {namespace}/{deployment}`."
    )
    body: str | None = Field(None, min_length=1, max_length=2000, description="The text.")


class Notification(Model):
    """Who is told, and of what."""

    name: ObjectName = Field(
        description="A target of the operator's configuration. Where it leads, only the operator knows."
    )
    events: Annotated[tuple[EventName, ...], Field(json_schema_extra=listing("set"))] = Field(
        USUAL, min_length=1, max_length=len(get_args(EventName)), description="Reasons of events of this Deployment."
    )
    template: Template | None = Field(None, description="Another wording than the target's own.")
