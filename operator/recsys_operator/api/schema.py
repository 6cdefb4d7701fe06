"""How the kinds are written down: frozen pydantic models that carry what an OpenAPI structural schema needs.

`hack/gen/crds.py` turns these models into `crds/*.yaml` and the API reference. Constraints that a schema cannot say
are CEL rules: list them in a model's `CEL` class variable.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL validation: `rule` must hold, else the API server answers with `message`."""

    rule: str
    message: str
    field_path: str | None = None


class Model(BaseModel):
    """Base of every object in a spec or status: immutable, camelCase on the wire, unknown fields ignored on reading."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    CEL: ClassVar[tuple[Rule, ...]] = ()

    def wire(self) -> dict[str, Any]:
        """The object as the API server takes it: camelCase, without absent fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`."""

    name: str
    type: str
    path: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """One custom resource definition of the group."""

    kind: str
    plural: str
    short_name: str
    spec: type[Model]
    status: type[Model]
    description: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    scale: tuple[str, str, str] | None = None
    group: str = "recsys.dev"
    version: str = "v1alpha1"

    @property
    def api_version(self) -> str:
        """`group/version`, as an object's `apiVersion` reads."""
        return f"{self.group}/{self.version}"

    @property
    def singular(self) -> str:
        """The kind in lower case, as kubectl takes it."""
        return self.kind.lower()


def listing(kind: str, *, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    """`x-kubernetes-list-type` (atomic, set or map) and its keys, for a field's `json_schema_extra`."""
    extra: dict[str, Any] = {"x-kubernetes-list-type": kind}
    if keys:
        extra["x-kubernetes-list-map-keys"] = list(keys)
    return extra


QUANTITY = r"^([0-9]+(\.[0-9]+)?)([numkMGTPE]|[KMGTPE]i)?$"
DECIMAL = r"^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?(e-?[0-9]{1,2})?$"
NAME = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
# A whole number is not checked against the pattern, and zero passes it. What is no quantity at all fails the pattern.
MORE_THAN_NOTHING = {
    "rule": "!isQuantity(string(self)) || quantity(string(self)).isGreaterThan(quantity('0'))",
    "message": "must be more than 0",
}

METRIC = r"^((NDCG|HR|MRR)@([1-9][0-9]?|100)|AUC|GAUC|LogLoss|Accuracy|Precision|Recall|F1|RMSE|MAE)$"

ObjectName = Annotated[str, Field(min_length=1, max_length=40, pattern=NAME)]
ColumnName = Annotated[str, Field(min_length=1, max_length=63)]
MetricName = Annotated[str, Field(max_length=16, pattern=METRIC)]
Decimal = Annotated[str, Field(max_length=32, pattern=DECIMAL)]
Digest = Annotated[str, Field(max_length=71, pattern=r"^sha256:[0-9a-f]{64}$")]
Quantity = Annotated[
    str | int,
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "pattern": QUANTITY,
            "maxLength": 20,
            "x-kubernetes-validations": [MORE_THAN_NOTHING],
        }
    ),
]
LOCATION = r"^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/[A-Za-z0-9_=+@%-][A-Za-z0-9._=+@%-]*)*$"
LOCATION_ASKED = "must be pvc://CLAIM/PATH, such as pvc://data/clicks (PersistentVolumeClaims only so far)"
DATA_LOCATION = r"^(pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?|s3://[a-z0-9][-a-z0-9.]{1,61}[a-z0-9]|gs://[a-z0-9][-_a-z0-9.]{1,220}[a-z0-9])(/[A-Za-z0-9_=+@%-][A-Za-z0-9._=+@%-]*)*$"
DATA_LOCATION_ASKED = "must be pvc://CLAIM/PATH, such as pvc://data/clicks, or s3://BUCKET/PATH or gs://BUCKET/PATH, such as s3://shop/clicks"


def _location(pattern: str, asked: str) -> WithJsonSchema:
    rule = {
        "rule": f"self.matches('{pattern}')",
        "message": asked,
        "messageExpression": f"'{asked}, found ' + self",
    }
    return WithJsonSchema({"type": "string", "maxLength": 512, "x-kubernetes-validations": [rule]})


Location = Annotated[str, _location(LOCATION, LOCATION_ASKED)]
DataLocation = Annotated[str, _location(DATA_LOCATION, DATA_LOCATION_ASKED)]
Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Text = Annotated[str, Field(max_length=4096)]
Hyperparameters = Annotated[
    dict[str, Annotated[str, Field(max_length=64)]],
    Field(max_length=32, json_schema_extra={"x-recsys-key-pattern": "^[a-z][A-Za-z0-9]{0,39}$"}),
]

ANNOTATION = "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
ANNOTATED = {
    "rule": f"self.all(name, name.matches('{ANNOTATION}'))",
    "message": "each name must be that of an annotation, such as eks.amazonaws.com/role-arn",
}
Annotations = Annotated[
    dict[str, Annotated[str, Field(max_length=2048)]],
    Field(max_length=8, json_schema_extra={"x-kubernetes-validations": [ANNOTATED]}),
]

NAME_RULES = (
    Rule(
        "self.metadata.name.size() <= 40", "metadata.name must have at most 40 characters: names of children grow on it"
    ),
    Rule(
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name must be a DNS label that starts with a letter (a-z, 0-9, '-'; no dots): Services are named after it",
    ),
)
