"""What users may say about pods, besides resources: where they run, as whom, with which environment."""

from typing import Annotated, Literal, Self, cast

from pydantic import Field

from recsys_operator.api.affinity import Affinity, LabelKey, Labels, LabelValue
from recsys_operator.api.schema import DNS_SUBDOMAIN, Model, Rule, listing

ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
KEY = r"^[-._a-zA-Z0-9]+$"

Subdomain = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN)]


class Toleration(Model):
    """A taint of nodes that the pods bear with."""

    CEL = (
        Rule("self.operator == 'Equal' || !has(self.value)", "a toleration with the operator Exists has no value"),
        Rule("self.operator == 'Exists' || has(self.key)", "a toleration without a key needs the operator Exists"),
        Rule(
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "tolerationSeconds needs the effect NoExecute",
        ),
    )

    key: LabelKey | None = Field(None, description="Key of the taint; all when absent.")
    operator: Literal["Equal", "Exists"] = Field("Equal", description="How the value is compared.")
    value: LabelValue | None = Field(None, description="Value of the taint.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Effect of the taint; all when absent."
    )
    toleration_seconds: int | None = Field(
        None, ge=0, le=604800, description="How long pods stay on a node that gets the taint; for ever when absent."
    )


class KeyRef(Model):
    """A key of a Secret or of a ConfigMap, in the same namespace."""

    name: Subdomain = Field(description="Name of the object.")
    key: str = Field(min_length=1, max_length=253, pattern=KEY, description="The key.")


class EnvSource(Model):
    """Where a variable's value is read when a pod starts."""

    CEL = (
        Rule(
            "has(self.secretKeyRef) != has(self.configMapKeyRef)",
            "valueFrom must set exactly one of: secretKeyRef, configMapKeyRef",
        ),
    )

    secret_key_ref: KeyRef | None = Field(None, description="From a Secret.")
    config_map_key_ref: KeyRef | None = Field(None, description="From a ConfigMap.")


class EnvVar(Model):
    """A variable of the container's environment."""

    CEL = (
        Rule(
            "!self.name.startsWith('RECSYS_') && self.name != 'HOME'",
            "HOME and names that begin with RECSYS_ are the operator's",
        ),
        Rule("has(self.value) != has(self.valueFrom)", "a variable must set exactly one of: value, valueFrom"),
    )

    name: str = Field(min_length=1, max_length=128, pattern=ENV_NAME, description="Its name.")
    value: str | None = Field(None, max_length=2048, description="Its value.")
    value_from: EnvSource | None = Field(None, description="Where its value is read.")


class SecretName(Model):
    """Names a Secret of the same namespace."""

    name: Subdomain = Field(description="Name of the Secret.")


class SharedPodFields(Model):
    """What the pods of servers and of trainers alike are made from, besides image and resources."""

    node_selector: Labels | None = Field(None, description="Labels that a node must have.")
    tolerations: tuple[Toleration, ...] | None = Field(
        None, max_length=16, json_schema_extra=listing("atomic"), description="Taints of nodes that the pods bear with."
    )
    affinity: Affinity | None = Field(None, description="Where the pods may run, by nodes and by other pods.")
    priority_class_name: Subdomain | None = Field(None, description="Their PriorityClass.")
    image_pull_secrets: tuple[SecretName, ...] | None = Field(
        None,
        max_length=8,
        json_schema_extra=listing("map", keys=("name",)),
        description="Secrets to pull the image by.",
    )
    env: tuple[EnvVar, ...] | None = Field(
        None,
        max_length=32,
        json_schema_extra=listing("map", keys=("name",)),
        description="More variables of the container's environment.",
    )

    @classmethod
    def of(cls, spec: "SharedPodFields") -> Self | None:
        """What a spec says of this; None when it says nothing, so that what is not said changes no revision."""
        said = {name: value for name in cls.model_fields if (value := getattr(spec, name))}
        if not said:
            return None
        fields = cast("Self", cls.model_construct(**said))
        return fields if fields.wire() else None


class PodFields(SharedPodFields):
    """What a server's pod is made from, besides version, image, resources and catalogue."""

    service_account_name: Subdomain | None = Field(None, description="Their ServiceAccount; its token is not mounted.")
