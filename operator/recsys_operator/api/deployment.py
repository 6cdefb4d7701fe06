"""Deployment: one served endpoint of one model of its own namespace."""

from typing import Literal

from pydantic import Field

from recsys_operator.api.common import LocalRef, Resources, one_of
from recsys_operator.api.notifications import Notification
from recsys_operator.api.podfields import PodFields
from recsys_operator.api.rollout import DeploymentStatus
from recsys_operator.api.scaling import Autoscaling
from recsys_operator.api.schema import NAME_RULES, Column, Kind, Model, listing
from recsys_operator.api.strategy import FreezeWindow, Rollback, Strategy
from recsys_operator.api.traffic import Traffic


class VersionChoice(Model):
    """Which version is served."""

    CEL = (one_of("pin", "follow", subject="spec.version"),)

    pin: int | None = Field(None, ge=1, le=1000000000, description="This number.")
    follow: Literal["Champion", "LatestPassing"] | None = Field(
        None,
        description="LatestPassing: the newest that passed its gates and is not blocked here. Champion: the RecModel's champion.",
    )


class DeploymentSpec(PodFields):
    """Which version of which model is served, by how many pods, behind which gateway, changed how."""

    model_ref: LocalRef = Field(
        description="The RecModel, in the same namespace. Immutable.",
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": "self == oldSelf", "message": "spec.modelRef is immutable: make another Deployment"}
            ]
        },
    )
    version: VersionChoice = Field(description="Which version is served.")
    replicas: int = Field(
        1, ge=1, le=1000, description="Pods of the stable version, and of a canary. Ignored when autoscaling is set."
    )
    autoscaling: Autoscaling | None = Field(None, description="An autoscaler for each version decides instead.")
    resources: Resources = Field(description="What one pod gets.")
    traffic: Traffic = Field(
        default_factory=Traffic, description="How requests reach the model; by a Service of its own name when absent."
    )
    strategy: Strategy | None = Field(None, description="How a new version takes over; at once when ready, if absent.")
    rollback: Rollback | None = Field(None, description="What happens when an alert speaks of this Deployment.")
    notifications: tuple[Notification, ...] = Field(
        (),
        max_length=10,
        json_schema_extra=listing("map", keys=("name",)),
        description="Who is told of what happens, by targets of the operator's configuration.",
    )
    freeze_windows: tuple[FreezeWindow, ...] = Field(
        (),
        max_length=16,
        json_schema_extra=listing("map", keys=("name",)),
        description="When no rollout begins and no weight rises. Rollbacks still happen.",
    )
    paused: bool = Field(False, description="Hold the rollout where it is. Rollbacks still happen.")


DEPLOYMENT = Kind(
    kind="Deployment",
    plural="deployments",
    short_name="rdep",
    spec=DeploymentSpec,
    status=DeploymentStatus,
    description="Deployment is one served endpoint of a RecModel, with canary rollouts and automatic rollback.",
    rules=NAME_RULES,
    scale=(".spec.replicas", ".status.replicas", ".status.selector"),
    columns=(
        Column("Model", "string", ".spec.modelRef.name"),
        Column("Stable", "integer", ".status.stable.version"),
        Column("Canary", "integer", ".status.canary.version"),
        Column("Weight", "integer", ".status.canary.weight"),
        Column("Status", "string", '.status.conditions[?(@.type=="Ready")].reason'),
        Column("URL", "string", ".status.url", priority=1),
        Column("Age", "date", ".metadata.creationTimestamp"),
    ),
)
