"""What the RecModel's schema, task and objective say of a table of rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recsys_workers.calendars import (
    CYCLIC,
    LONGEST_SECONDS,
    PARTS,
    UNITS,
    USUAL,
    seconds_of_number,
    seconds_of_text,
)
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.types import types_of
from recsys_workers.preprocessing import BINARY, OBJECTIVES
from recsys_workers.spelling import spelled
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
CONSTANT, MEAN, MODE, FORWARD_FILL = "Constant", "Mean", "Mode", "ForwardFill"
FILLS = {CONSTANT: FEATURES, MEAN: (NUMERIC,), MODE: (NUMERIC, CATEGORICAL), FORWARD_FILL: (NUMERIC, CATEGORICAL)}
"""What puts a value in the place of a missing one, and for which roles."""
MISSING = (FAIL, IMPUTE, *FILLS)


@dataclass(frozen=True, slots=True)
class Feature:
    """A column that the model sees."""

    name: str
    role: str
    """One of FEATURES. A Timestamp with calendar features is CALENDAR here."""
    buckets: int | None
    """How many buckets a hashed column has; None: another code, or no category."""
    missing: bool
    """Whether a value may be missing, and the model is told (IMPUTE)."""
    min_rows: int | None = None
    """How many training rows a value of a vocabulary needs for a row of its own; None: another code, or no category."""
    parts: tuple[str, ...] = ()
    """Of CALENDAR, and so the next two; see recsys_workers.calendars."""
    cyclic: bool = False
    unit: str = "Seconds"
    words: int = 0
    """Of TEXT: how many words there are at most."""
    fill: str | None = None
    """Which of FILLS; None: none."""
    constant: float | str | None = None
    """Of CONSTANT: the number, the seconds since 1970 or the text."""

    @property
    def optional(self) -> bool:
        """Whether a value may be missing."""
        return self.missing or self.fill is not None


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
    def categories(self) -> frozenset[str]:
        """The columns whose texts are categories, ids among them; see recsys_workers.spelling."""
        return frozenset(feature.name for feature in self.features if feature.role == CATEGORICAL)

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
    carried = next((feature.name for feature in features if feature.fill == FORWARD_FILL), None)
    if carried is not None and TIMESTAMP not in names:
        raise InvalidData(
            f"schema.columns: {carried!r} has missing: {FORWARD_FILL}, which goes by a column with the role "
            "Timestamp: add one."
        )
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
    missing = column["role"] == CALENDAR and column.get("missing") == IMPUTE
    fill, constant = _fill(column)
    return Feature(
        *(name, CALENDAR, None, missing),
        parts=parts,
        cyclic=encoding == CYCLIC,
        unit=unit,
        fill=fill,
        constant=constant,
    )


def _fill(column: Mapping[str, Any]) -> tuple[str | None, float | str | None]:
    """Which of FILLS a column has, and of CONSTANT with what; raises InvalidData."""
    name, role, asked, fill = column["name"], column["role"], column.get("missing") or FAIL, column.get("fill")
    if asked not in MISSING:
        raise InvalidData(f"schema.columns: {name!r} has missing: {asked}: use {', '.join(MISSING)}.")
    if (asked == CONSTANT) != (fill is not None):
        raise InvalidData(f"schema.columns: {name!r} must have both missing {CONSTANT} and fill, or neither.")
    if role not in FILLS.get(asked, (role,)):
        roles = " or ".join(FILLS[asked])
        raise InvalidData(f"schema.columns: {name!r} has missing: {asked}, which is for the role {roles}: use another.")
    if asked not in FILLS:
        return None, None
    return asked, None if fill is None else _constant(column, str(fill))


def _constant(column: Mapping[str, Any], fill: str) -> float | str:
    """What `fill` says in the terms of the role; raises InvalidData."""
    role, found, wanted = column["role"], None, "a finite number"
    if role == TEXT:
        return fill
    if role not in (NUMERIC, CALENDAR):
        return spelled(fill)
    if role == NUMERIC:
        found = _finite(fill)
    else:
        found = _seconds(fill, str(column.get("unit") or "Seconds"))
        wanted = "an ISO 8601 date or time, or a number of its unit since 1970, from 1677-09-22 to 2262-04-10"
    if found is None:
        raise InvalidData(f"schema.columns: {column['name']!r} has the fill {fill!r}: write {wanted}.")
    return float(found)


def _finite(text: str) -> int | float | None:
    """The number that a text is; None for anything else."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds(text: str, unit: str) -> int | None:
    """The seconds since 1970 of a time, or of a number of this unit; None for anything else."""
    seconds, number = seconds_of_text(text), _finite(text)
    if seconds is None and number is not None:
        seconds = seconds_of_number(number, unit)
    return None if seconds is None or abs(seconds) > LONGEST_SECONDS else seconds


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
    fill, constant = _fill(column)
    return Feature(
        name,
        CATEGORICAL if role in IDS else role,
        None if buckets is None else int(str(buckets)),
        column.get("missing") == IMPUTE,
        int(str(MIN_ROWS if least is None else least)) if encoding == VOCABULARY else None,
        words=int(str(USUAL_WORDS if words is None else words)) if role == TEXT else 0,
        fill=fill,
        constant=constant,
    )
