"""How many pods: by an autoscaler for each version instead of a fixed number."""

from typing import Annotated, Literal

from pydantic import Field

from recsys_operator.api.affinity import Labels
from recsys_operator.api.schema import Model, Quantity, Rule, listing

CustomMetricName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9_:./-]+$")]

TARGETS = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}
SOURCES = {"Resource": "resource", "Pods": "pods", "External": "external"}


class ScalingTarget(Model):
    """What the autoscaler aims at."""

    CEL = (
        Rule(
            " && ".join(f"has(self.{name}) == (self.type == '{kind}')" for kind, name in TARGETS.items()),
            "a target must set exactly the field that its type names",
        ),
    )

    type: Literal["Utilization", "AverageValue", "Value"] = Field(description="What is compared.")
    average_utilization: int | None = Field(
        None, ge=1, le=1000, description="Percent of what the pods request, averaged over them."
    )
    average_value: Quantity | None = Field(None, description="An amount, averaged over the pods.")
    value: Quantity | None = Field(None, description="An amount.")


class ResourceMetric(Model):
    """What the pods use."""

    name: Literal["cpu", "memory"] = Field(description="Of what.")
    target: ScalingTarget = Field(description="How much.")


class MetricIdentifier(Model):
    """A metric of the custom or external metrics API."""

    name: CustomMetricName = Field(description="Its name.")
    match_labels: Labels | None = Field(None, description="Labels that it has.")


class AdapterMetric(Model):
    """A metric that an adapter gives, for instance from Prometheus."""

    metric: MetricIdentifier = Field(description="Which.")
    target: ScalingTarget = Field(description="How much.")


class ScalingMetric(Model):
    """One thing that decides the number of pods, as autoscaling/v2 has it; the one that asks for most wins."""

    CEL = (
        Rule(
            " && ".join(f"has(self.{name}) == (self.type == '{kind}')" for kind, name in SOURCES.items()),
            "a metric must set exactly the field that its type names",
        ),
        Rule(
            "(!has(self.resource) || self.resource.target.type != 'Value') && "
            "(!has(self.pods) || self.pods.target.type == 'AverageValue') && "
            "(!has(self.external) || self.external.target.type != 'Utilization')",
            "a target is Utilization or AverageValue for Resource, AverageValue for Pods, Value or AverageValue for "
            "External",
        ),
    )

    type: Literal["Resource", "Pods", "External"] = Field(description="Where it comes from.")
    resource: ResourceMetric | None = Field(None, description="What the pods use.")
    pods: AdapterMetric | None = Field(None, description="A metric of each pod.")
    external: AdapterMetric | None = Field(None, description="A metric of something else.")


class Autoscaling(Model):
    """An autoscaler for each version, instead of spec.replicas."""

    CEL = (
        Rule("self.minReplicas <= self.maxReplicas", "autoscaling.minReplicas must not exceed autoscaling.maxReplicas"),
        Rule(
            "self.canaryMinReplicas <= self.maxReplicas",
            "autoscaling.canaryMinReplicas must not exceed autoscaling.maxReplicas",
        ),
        Rule(
            "!has(self.targetCPUUtilizationPercentage) || !has(self.metrics)",
            "autoscaling may set one of: targetCPUUtilizationPercentage, metrics",
        ),
    )

    min_replicas: int = Field(1, ge=1, le=1000, description="Pods of the stable version at least.")
    max_replicas: int = Field(ge=1, le=1000, description="Pods of one version at most.")
    canary_min_replicas: int = Field(
        1, ge=1, le=1000, description="Pods of a canary at least, however small its weight."
    )
    target_cpu_utilization_percentage: int | None = Field(
        None,
        ge=1,
        le=1000,
        alias="targetCPUUtilizationPercentage",
        description="CPU in percent of what the pods request; 80 when neither this nor metrics is set.",
    )
    metrics: tuple[ScalingMetric, ...] | None = Field(
        None,
        min_length=1,
        max_length=8,
        json_schema_extra=listing("atomic"),
        description="What decides the number of pods instead.",
    )
    dynamic_stable_scale: bool = Field(
        False,
        description="Let the autoscaler take pods of the stable version away while a canary has some of its requests. "
        "A rollback then finds fewer of them.",
    )
