"""What the RecModel's schema, task and objective say of a table of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recsys_workers.calendars import CYCLIC, PARTS, UNITS, USUAL
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.types import types_of
from recsys_workers.preprocessing import BINARY, OBJECTIVES
from recsys_workers.tasks import RANKING, TABULAR
from recsys_workers.tfidf import USUAL_WORDS

LABEL, NUMERIC, CATEGORICAL, TIMESTAMP, SPLIT, WEIGHT, GROUP = (
    "Label",
    "Numeric",
    "Categorical",
    "Timestamp",
    "Split",
    "Weight",
    "Group",
)
CALENDAR, TEXT = "Calendar", "Text"
FEATURES = (NUMERIC, CATEGORICAL, CALENDAR, TEXT)
USER, ITEM = IDS = ("User", "Item")
ONCE = (TIMESTAMP, SPLIT, WEIGHT, GROUP)
ONE_HOT, HASHED, VOCABULARY = ENCODINGS = ("OneHot", "Hashed", "Vocabulary")
MIN_ROWS = 5
"""Of a Vocabulary, where the schema does not say."""
FAIL, IMPUTE = "Fail", "Impute"


@dataclass(frozen=True, slots=True)
class Feature:
    """A column that the model sees."""

    name: str
    role: str
    """One of FEATURES. A Timestamp with calendar features is CALENDAR here."""
    buckets: int | None
    """How many buckets a hashed column has; None: another code, or no category."""
    missing: bool
    """Whether a value may be missing."""
    min_rows: int | None = None
    """How many training rows a value of a vocabulary needs for a row of its own; None: another code, or no category."""
    parts: tuple[str, ...] = ()
    """Of CALENDAR, and so the next two; see recsys_workers.calendars."""
    cyclic: bool = False
    unit: str = "Seconds"
    words: int = 0
    """Of TEXT: how many words there are at most."""


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
    group: str | None = None
    """Rows of one value stand in one part of the split."""
    user: str | None = None
    """Of Ranking; a feature as well, and so is the item."""
    item: str | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    """Of the columns that have one, by their names; see recsys_workers.data.types."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read."""
        others = (self.label, self.timestamp, self.split, self.weight, self.group)
        names = (*(feature.name for feature in self.features), *(name for name in others if name is not None))
        return tuple(dict.fromkeys(names))


def parse(columns: Sequence[Mapping[str, object]], objective: str | None, task: str = TABULAR) -> TableSchema:
    """The typed form of schema.columns; raises InvalidData. The CRD refuses the same, with the same meaning.

    Ranking has a user and an item, and its objective is Binary; Tabular has neither.
    """
    if objective not in OBJECTIVES:
        raise InvalidData(f"spec.objective is {objective!r}: a Tabular model needs one of {', '.join(OBJECTIVES)}.")
    ids = IDS if task == RANKING else ()
    names: dict[str, list[str]] = {}
    for column in columns:
        role = str(column["role"])
        if role not in (LABEL, *FEATURES, *ONCE, *ids):
            raise InvalidData(f"schema.columns: {column['name']!r} has the role {role}, which {task} does not have.")
        names.setdefault(role, []).append(str(column["name"]))
    for role in (LABEL, *ONCE, *ids):
        if len(names.get(role, [])) > 1:
            raise InvalidData(f"schema.columns gives the role {role} to {', '.join(names[role])}: give it to one.")
    for role in (LABEL, *ids):
        if role not in names:
            raise InvalidData(f"schema.columns has no column with the role {role}: add it.")
    features = tuple(
        _time(column) if column["role"] in (CALENDAR, TIMESTAMP) else _feature(column)
        for column in columns
        if column["role"] in (*FEATURES, *ids) or (column["role"] == TIMESTAMP and column.get("calendar"))
    )
    if not features:
        known = ", ".join(FEATURES)
        raise InvalidData(f"schema.columns has no column to learn from: give one of the roles {known} to some.")
    positive = next((column.get("positive") for column in columns if column["role"] == LABEL), None)
    if positive is not None and objective != BINARY:
        raise InvalidData(
            f"schema.columns: positive is for the objective Binary, and this is {objective}: leave it out."
        )
    once = {role: names[role][0] if role in names else None for role in (*ONCE, *IDS)}
    return TableSchema(
        objective,
        names[LABEL][0],
        None if positive is None else str(positive),
        features,
        once[TIMESTAMP],
        once[SPLIT],
        once[WEIGHT],
        once[GROUP],
        once[USER],
        once[ITEM],
        types_of(columns),
    )


def _time(column: Mapping[str, Any]) -> Feature:
    """A column of times, of which parts are seen."""
    name, unit, encoding = str(column["name"]), str(column.get("unit") or "Seconds"), column.get("encoding")
    named = column.get("calendar") or USUAL
    if unknown := [part for part in named if part not in PARTS]:
        raise InvalidData(f"schema.columns: {name!r} has the calendar part {unknown[0]}: use {', '.join(PARTS)}.")
    # They are a set: in which order the spec names them changes no input, also where a run begins with a version.
    parts = tuple(part for part in PARTS if part in named)
    if unit not in UNITS or encoding not in (None, ONE_HOT, CYCLIC):
        raise InvalidData(f"schema.columns: {name!r} has the unit {unit} and the encoding {encoding}, not of times.")
    missing = column["role"] == CALENDAR and _imputed(column)
    return Feature(name, CALENDAR, None, missing, parts=parts, cyclic=encoding == CYCLIC, unit=unit)


def _imputed(column: Mapping[str, Any]) -> bool:
    """Whether a value may be missing."""
    missing = column.get("missing") or FAIL
    if missing not in (FAIL, IMPUTE):
        raise InvalidData(f"schema.columns: {column['name']!r} has missing: {missing}: use {FAIL} or {IMPUTE}.")
    return bool(missing == IMPUTE)


def _feature(column: Mapping[str, object]) -> Feature:
    name, role, buckets, least = str(column["name"]), str(column["role"]), column.get("buckets"), column.get("minRows")
    encoding = column.get("encoding") or (VOCABULARY if role in IDS else ONE_HOT)
    if encoding not in ENCODINGS:
        raise InvalidData(f"schema.columns: {name!r} has the encoding {encoding}: use {', '.join(ENCODINGS)}.")
    if (encoding == HASHED) != (buckets is not None):
        raise InvalidData(f"schema.columns: {name!r} must have both encoding Hashed and buckets, or neither.")
    words = column.get("maxFeatures")
    if words is not None and role != TEXT:
        raise InvalidData(f"schema.columns: {name!r} has maxFeatures, which is for the role Text: leave it out.")
    if least is not None and encoding != VOCABULARY:
        raise InvalidData(f"schema.columns: {name!r} has minRows, which is for the encoding Vocabulary: leave it out.")
    return Feature(
        name,
        CATEGORICAL if role in IDS else role,
        None if buckets is None else int(str(buckets)),
        _imputed(column),
        int(str(MIN_ROWS if least is None else least)) if encoding == VOCABULARY else None,
        words=int(str(USUAL_WORDS if words is None else words)) if role == TEXT else 0,
    )
