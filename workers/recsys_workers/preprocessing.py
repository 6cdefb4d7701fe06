"""From a row's columns to what the graph of a model of rows takes, by the trainer and by the server alike.

Everything is fitted on the training rows (recsys_workers.tabular.fitting) and saved as preprocessing.json. This is the
only code that applies it; numpy and the standard library only, since the server's image has little more.

The graph takes `numeric` float32 [rows, N] and `categorical` int64 [rows, C]. A categorical value is a row of one table
that all columns share: row 0 is for what the training did not know, and never learns, which is what a one-hot code of
zeros does. N and C are at least 1; a place without a column is always 0.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from recsys_workers.manifest import ArtifactError

BINARY, MULTICLASS, REGRESSION = "Binary", "Multiclass", "Regression"
OBJECTIVES = (BINARY, MULTICLASS, REGRESSION)
UNKNOWN = 0
FURTHEST = 1000.0
"""Values further from the mean, in standard deviations, count as this far: float32 must not overflow."""
SCHEMA_VERSION = 1

Floats = npt.NDArray[np.float64]
Texts: TypeAlias = Sequence[str | None]
Columns: TypeAlias = Mapping[str, "Floats | Texts"]
"""The values of each column: numbers with NaN where nothing is, or texts with None."""


@dataclass(frozen=True, slots=True)
class Numeric:
    """(value - mean) / scale; a missing value becomes the mean, and with `missing` a 0-or-1 input beside it tells."""

    name: str
    mean: float
    scale: float
    missing: bool
    """Whether a value may be missing."""

    @property
    def width(self) -> int:
        """How many inputs it makes."""
        return 2 if self.missing else 1


@dataclass(frozen=True, slots=True)
class OneHot:
    """One input for each of `values`, and with `missing` one for a missing value."""

    name: str
    values: tuple[str, ...]
    missing: bool

    @property
    def size(self) -> int:
        """How many rows of the table are its own."""
        return len(self.values) + self.missing


@dataclass(frozen=True, slots=True)
class Hashed:
    """One input for each bucket, into which values fall by their hash, and with `missing` one for a missing value."""

    name: str
    buckets: int
    missing: bool

    @property
    def size(self) -> int:
        """How many rows of the table are its own."""
        return self.buckets + self.missing


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One row for each of `values`, those that enough training rows have, and with `missing` one for a missing value.

    With `rare`, all other values share a row, which is what the training learned of its own rare ones; without, no
    training row had a rare value, and another one is row 0 like what a one-hot code does not know.
    """

    name: str
    values: tuple[str, ...]
    rare: bool
    missing: bool
    places: Mapping[str, int] = field(init=False, repr=False, compare=False)
    """Each value's place among the column's own rows; made once, since there may be a million."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {value: index for index, value in enumerate(self.values)})

    @property
    def size(self) -> int:
        """How many rows of the table are its own."""
        return len(self.values) + self.rare + self.missing


Categorical: TypeAlias = OneHot | Hashed | Vocabulary
Column: TypeAlias = Numeric | OneHot | Hashed | Vocabulary


@dataclass(frozen=True, slots=True)
class Target:
    """What the label is. `classes` in the order of the outputs; of Binary the second is the positive one.

    Regression has no classes; its outputs are (label - mean) / scale.
    """

    name: str
    objective: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0

    @property
    def outputs(self) -> int:
        """How many numbers the graph gives for a row."""
        return len(self.classes) if self.objective == MULTICLASS else 1


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the graph takes; see the module's text."""

    numeric: npt.NDArray[np.float32]
    categorical: npt.NDArray[np.int64]
    unknown: int
    """Values of one-hot columns and vocabularies that have no row of their own there."""

    def __len__(self) -> int:
        return len(self.numeric)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """preprocessing.json: the columns in the order of the schema, and the target."""

    columns: tuple[Column, ...]
    target: Target

    @property
    def numerics(self) -> tuple[Numeric, ...]:
        """The columns of numbers."""
        return tuple(column for column in self.columns if isinstance(column, Numeric))

    @property
    def categoricals(self) -> tuple[Categorical, ...]:
        """The columns of categories."""
        return tuple(column for column in self.columns if not isinstance(column, Numeric))

    @property
    def numeric_width(self) -> int:
        """N of the graph's inputs."""
        return max(1, sum(column.width for column in self.numerics))

    @property
    def table_size(self) -> int:
        """How many rows the table of categories has, row 0 included."""
        return 1 + sum(column.size for column in self.categoricals)

    def apply(self, columns: Columns, rows: int) -> Inputs:
        """The inputs of so many rows. Each is computed by itself: how many stand beside it changes no bit.

        A column that may not be missing must be whole: callers check that, and say where it is not.
        """
        numeric = np.zeros((rows, self.numeric_width), dtype=np.float32)
        place = 0
        for number in self.numerics:
            values = np.asarray(columns[number.name], dtype=np.float64)
            absent = np.isnan(values)
            scaled = (np.where(absent, number.mean, values) - number.mean) / number.scale
            numeric[:, place] = np.clip(scaled, -FURTHEST, FURTHEST)
            if number.missing:
                numeric[:, place + 1] = absent
            place += number.width
        categorical = np.zeros((rows, max(1, len(self.categoricals))), dtype=np.int64)
        first, unknown = 1, 0
        for position, category in enumerate(self.categoricals):
            found, strangers = _indices(category, columns[category.name])
            unknown += strangers
            categorical[:, position] = np.where(found < 0, UNKNOWN, first + found)
            first += category.size
        return Inputs(numeric, categorical, unknown)


def bucket_of(name: str, value: str, buckets: int) -> int:
    """The bucket of a value of the column `name`: the same in every process and on every machine."""
    hashed = hashlib.blake2b(f"{name}={value}".encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(hashed.digest(), "big") % buckets


def _indices(column: Categorical, values: "Floats | Texts") -> tuple[npt.NDArray[np.int64], int]:
    """Each value's row among the column's own, from 0 (-1 is row 0 of the table), and how many were not known."""
    known: dict[str | None, int]
    if isinstance(column, Vocabulary):
        absent = len(column.values) + column.rare if column.missing else -1
        found = _each(values, lambda value: absent if value is None else column.places.get(value, -1))
        strangers = found < 0
        if column.rare:
            found[strangers] = len(column.values)
        return found, int(strangers.sum())
    if isinstance(column, OneHot):
        known = {value: index for index, value in enumerate(column.values)}
        if column.missing:
            known[None] = len(column.values)
    else:
        known = {
            value: bucket_of(column.name, str(value), column.buckets) for value in set(values) if value is not None
        }
        if column.missing:
            known[None] = column.buckets
    found = _each(values, lambda value: known.get(value, -1))
    return found, int((found < 0).sum())


def _each(values: "Floats | Texts", place: Callable[[Any], int]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(place, values), dtype=np.int64, count=len(values))


def encode(preprocessing: Preprocessing) -> bytes:
    """The bytes of preprocessing.json; reading them gives the same numbers to the bit."""
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "target": asdict(preprocessing.target),
        "columns": [_document(column) for column in preprocessing.columns],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _document(column: Column) -> dict[str, Any]:
    written = [name.name for name in fields(column) if name.init]
    return {"kind": type(column).__name__, **{name: getattr(column, name) for name in written}}


def decode(data: bytes) -> Preprocessing:
    """Parse preprocessing.json; raises ArtifactError."""
    kinds = {kind.__name__: kind for kind in (Numeric, OneHot, Hashed, Vocabulary)}
    try:
        document: dict[str, Any] = json.loads(data)
        if document["schemaVersion"] != SCHEMA_VERSION:
            raise ValueError(f"schemaVersion {document['schemaVersion']!r}; this image reads {SCHEMA_VERSION} only")
        target = Target(**{**document["target"], "classes": tuple(document["target"]["classes"])})
        if target.objective not in OBJECTIVES:
            raise ValueError(f"the objective {target.objective!r}")
        columns = []
        for entry in document["columns"]:
            kind = kinds[entry.pop("kind")]
            columns.append(kind(**{**entry, **({"values": tuple(entry["values"])} if "values" in entry else {})}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"preprocessing.json cannot be used: {error!r}.") from error
    return Preprocessing(tuple(columns), target)
