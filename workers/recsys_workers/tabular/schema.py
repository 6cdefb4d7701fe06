"""What the RecModel's schema and objective say of a table of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recsys_workers.data.errors import InvalidData
from recsys_workers.preprocessing import BINARY, OBJECTIVES

LABEL, NUMERIC, CATEGORICAL, TIMESTAMP, SPLIT, WEIGHT = (
    "Label",
    "Numeric",
    "Categorical",
    "Timestamp",
    "Split",
    "Weight",
)
ONCE = (TIMESTAMP, SPLIT, WEIGHT)
ONE_HOT, HASHED = "OneHot", "Hashed"
IMPUTE = "Impute"


@dataclass(frozen=True, slots=True)
class Feature:
    """A column that the model sees."""

    name: str
    role: str
    """NUMERIC or CATEGORICAL."""
    buckets: int | None
    """How many buckets a hashed column has; None: one-hot, or a number."""
    missing: bool
    """Whether a value may be missing."""


@dataclass(frozen=True, slots=True)
class TableSchema:
    """The columns by their roles."""

    objective: str
    label: str
    positive: str | None
    """The label's value that is the positive class of Binary; None: 1 of 0 and 1, or true."""
    features: tuple[Feature, ...]
    timestamp: str | None = None
    split: str | None = None
    weight: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read."""
        others = (self.label, self.timestamp, self.split, self.weight)
        return (*(feature.name for feature in self.features), *(name for name in others if name is not None))


def parse(columns: Sequence[Mapping[str, object]], objective: str | None) -> TableSchema:
    """The typed form of schema.columns; raises InvalidData. The CRD refuses the same, with the same meaning."""
    if objective not in OBJECTIVES:
        raise InvalidData(f"spec.objective is {objective!r}: a Tabular model needs one of {', '.join(OBJECTIVES)}.")
    names: dict[str, list[str]] = {}
    for column in columns:
        role = str(column["role"])
        if role not in (LABEL, NUMERIC, CATEGORICAL, *ONCE):
            raise InvalidData(f"schema.columns: {column['name']!r} has the role {role}, which Tabular does not have.")
        names.setdefault(role, []).append(str(column["name"]))
    for role in (LABEL, *ONCE):
        if len(names.get(role, [])) > 1:
            raise InvalidData(f"schema.columns gives the role {role} to {', '.join(names[role])}: give it to one.")
    if LABEL not in names:
        raise InvalidData("schema.columns has no column with the role Label: add it.")
    features = tuple(_feature(column) for column in columns if column["role"] in (NUMERIC, CATEGORICAL))
    if not features:
        raise InvalidData("schema.columns has no column with the role Numeric or Categorical: add what to learn from.")
    positive = next((column.get("positive") for column in columns if column["role"] == LABEL), None)
    if positive is not None and objective != BINARY:
        raise InvalidData(
            f"schema.columns: positive is for the objective Binary, and this is {objective}: leave it out."
        )
    once = {role: names[role][0] if role in names else None for role in ONCE}
    return TableSchema(
        objective,
        names[LABEL][0],
        None if positive is None else str(positive),
        features,
        once[TIMESTAMP],
        once[SPLIT],
        once[WEIGHT],
    )


def _feature(column: Mapping[str, object]) -> Feature:
    buckets = column.get("buckets")
    hashed = column.get("encoding") == HASHED
    if hashed != (buckets is not None):
        raise InvalidData(f"schema.columns: {column['name']!r} must have both encoding Hashed and buckets, or neither.")
    return Feature(
        str(column["name"]), str(column["role"]), int(str(buckets)) if hashed else None, column.get("missing") == IMPUTE
    )
