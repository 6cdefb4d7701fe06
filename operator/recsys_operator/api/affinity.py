"""Affinity of pods to nodes and to other pods, as core/v1 has it."""

from typing import Annotated, Literal

from pydantic import Field

from recsys_operator.api.schema import Model, Rule, listing

LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"

LabelKey = Annotated[str, Field(max_length=317, pattern=LABEL_KEY)]
LabelValue = Annotated[str, Field(max_length=63, pattern=LABEL_VALUE)]
KEYS = {
    "rule": f"self.all(name, name.size() <= 317 && name.matches('{LABEL_KEY}'))",
    "message": "each name must be that of a label, such as kubernetes.io/arch",
}
Labels = Annotated[dict[str, LabelValue], Field(max_length=16, json_schema_extra={"x-kubernetes-validations": [KEYS]})]
Weight = Annotated[int, Field(ge=1, le=100)]

VALUES = (
    "self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0 : "
    "!has(self.values) || self.values.size() == 0"
)


class NodeRequirement(Model):
    """What a label of a node must be."""

    CEL = (
        Rule(
            f"self.operator in ['Gt', 'Lt'] ? has(self.values) && self.values.size() == 1 : ({VALUES})",
            "In and NotIn need values, Gt and Lt need one value, Exists and DoesNotExist none",
        ),
    )

    key: LabelKey = Field(description="Name of the label.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(description="How it is compared.")
    values: tuple[LabelValue, ...] | None = Field(
        None, max_length=32, json_schema_extra=listing("atomic"), description="What it is compared with."
    )


class NodeTerm(Model):
    """Nodes that fulfil all of this."""

    match_expressions: tuple[NodeRequirement, ...] = Field(
        min_length=1, max_length=8, json_schema_extra=listing("atomic"), description="What their labels must be."
    )


class NodeSelector(Model):
    """Nodes that fulfil any of its terms."""

    node_selector_terms: tuple[NodeTerm, ...] = Field(
        min_length=1, max_length=8, json_schema_extra=listing("atomic"), description="The terms."
    )


class PreferredNodes(Model):
    """Nodes that are rather taken."""

    weight: Weight = Field(description="How much rather.")
    preference: NodeTerm = Field(description="Which nodes.")


class NodeAffinity(Model):
    """Which nodes the pods run on."""

    required: NodeSelector | None = Field(
        None, alias="requiredDuringSchedulingIgnoredDuringExecution", description="Only on these."
    )
    preferred: tuple[PreferredNodes, ...] | None = Field(
        None,
        alias="preferredDuringSchedulingIgnoredDuringExecution",
        max_length=8,
        json_schema_extra=listing("atomic"),
        description="Rather on these.",
    )


class LabelRequirement(Model):
    """What a label of a pod must be."""

    CEL = (Rule(VALUES, "In and NotIn need values, Exists and DoesNotExist none"),)

    key: LabelKey = Field(description="Name of the label.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(description="How it is compared.")
    values: tuple[LabelValue, ...] | None = Field(
        None, max_length=32, json_schema_extra=listing("atomic"), description="What it is compared with."
    )


class LabelSelector(Model):
    """Pods that fulfil all of this."""

    match_labels: Labels | None = Field(None, description="Labels that they have.")
    match_expressions: tuple[LabelRequirement, ...] | None = Field(
        None, max_length=8, json_schema_extra=listing("atomic"), description="What their labels must be."
    )


class PodTerm(Model):
    """Places that hold such pods of the same namespace."""

    label_selector: LabelSelector = Field(description="Which pods.")
    topology_key: LabelKey = Field(description="Label of nodes that says what one place is.")


class PreferredPods(Model):
    """Places that are rather taken."""

    weight: Weight = Field(description="How much rather.")
    pod_affinity_term: PodTerm = Field(description="Which places.")


class PodAffinity(Model):
    """Near which other pods, or away from which, the pods run."""

    required: tuple[PodTerm, ...] | None = Field(
        None,
        alias="requiredDuringSchedulingIgnoredDuringExecution",
        max_length=8,
        json_schema_extra=listing("atomic"),
        description="Only so.",
    )
    preferred: tuple[PreferredPods, ...] | None = Field(
        None,
        alias="preferredDuringSchedulingIgnoredDuringExecution",
        max_length=8,
        json_schema_extra=listing("atomic"),
        description="Rather so.",
    )


class Affinity(Model):
    """Where the pods may run, by labels of nodes and by other pods."""

    node_affinity: NodeAffinity | None = Field(None, description="By the nodes.")
    pod_affinity: PodAffinity | None = Field(None, description="Near other pods.")
    pod_anti_affinity: PodAffinity | None = Field(None, description="Away from other pods.")
