"""What several kinds share: references, conditions, metrics, gate verdicts."""

from typing import Literal

from pydantic import Field

from recsys_operator.api.schema import (
    Decimal,
    Digest,
    MetricName,
    Model,
    ObjectName,
    Quantity,
    Rule,
    Text,
    Time,
    listing,
)


class LocalRef(Model):
    """Names an object of the same namespace."""

    name: ObjectName = Field(description="Name of the object, in the same namespace.")


class Origin(Model):
    """A version that another one was made from."""

    version: int = Field(ge=1, description="Its number.")
    digest: Digest = Field(description="Its digest.")


FusedBy = Literal["Scores", "Weights"]
"""How an ensemble makes one graph of its members."""


class Members(Model):
    """What an ensemble was made of."""

    method: FusedBy = Field(
        description="Scores: the mean of what the members give. Weights: one network, of the mean of them."
    )
    versions: tuple[Origin, ...] = Field(
        (), max_length=8, json_schema_extra=listing("atomic"), description="The versions; absent with seeds."
    )
    seeds: tuple[int, ...] = Field(
        (),
        max_length=8,
        json_schema_extra=listing("atomic"),
        description="The seeds that the run trained with; absent with versions.",
    )


class Condition(Model):
    """A `metav1.Condition`."""

    type: str = Field(max_length=64, description="What is told, in CamelCase.")
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    reason: str = Field(max_length=64, description="Why, as one CamelCase word that programs may rely on.")
    message: str = Field(max_length=4096, description="Why, as a sentence for people.")
    last_transition_time: Time = Field(description="When the status last changed.")
    observed_generation: int = Field(ge=0, description="The generation of the spec that this condition is about.")


class MetricValue(Model):
    """One evaluation figure with its 95 % confidence interval."""

    name: MetricName = Field(description="The metric, such as NDCG@10 or AUC.")
    value: Decimal = Field(description="Its value over the evaluated users or rows.")
    low: Decimal | None = Field(None, description="Lower end of the 95 % confidence interval.")
    high: Decimal | None = Field(None, description="Upper end of the 95 % confidence interval.")


class GateVerdict(Model):
    """What one gate found."""

    name: ObjectName = Field(description="Name of the gate.")
    verdict: Literal["Passed", "Failed"] = Field(description="Passed or Failed.")
    metric: str | None = Field(None, max_length=64, description="What was measured.")
    value: str | None = Field(None, max_length=32, description="What was found.")
    threshold: str | None = Field(None, max_length=32, description="What was asked for.")
    margin_standard_errors: str | None = Field(
        None, max_length=32, description="Distance from the threshold in standard errors; positive is on the good side."
    )
    message: Text = Field("", description="The verdict as a sentence.")


class ResourceAmounts(Model):
    """CPU and memory of one container."""

    cpu: Quantity | None = Field(None, description="CPU, such as 1 or 500m.")
    memory: Quantity | None = Field(None, description="Memory, such as 512Mi.")


class ResourceLimits(Model):
    """CPU and memory that one container may use at most."""

    cpu: Quantity = Field(description="CPU, such as 1 or 500m. ONNX Runtime gets as many threads, rounded up.")
    memory: Quantity = Field(description="Memory, such as 512Mi.")


class Resources(Model):
    """Requests and limits of one container."""

    CEL = tuple(
        Rule(
            f"!has(self.requests) || !has(self.requests.{name}) || "
            f"!isQuantity(string(self.requests.{name})) || !isQuantity(string(self.limits.{name})) || "
            f"quantity(string(self.requests.{name})).compareTo(quantity(string(self.limits.{name}))) <= 0",
            f"resources.requests.{name} must not exceed resources.limits.{name}",
        )
        for name in ("cpu", "memory")
    )

    requests: ResourceAmounts | None = Field(None, description="What is reserved; absent amounts equal the limits.")
    limits: ResourceLimits = Field(description="What may be used at most.")


def one_of(*names: str, subject: str) -> Rule:
    """Exactly one of the named optional fields is set."""
    present = ", ".join(f"has(self.{name})" for name in names)
    listed = ", ".join(names)
    return Rule(f"[{present}].filter(x, x).size() == 1", f"{subject} must set exactly one of: {listed}")
