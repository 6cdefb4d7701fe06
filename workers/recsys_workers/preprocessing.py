"""From a row's columns to what the graph of a model of rows takes, by the trainer and by the server alike.

Everything is fitted on the training rows (recsys_workers.tabular.fitting) and saved as preprocessing.json. This is the
only code that applies it; numpy and the standard library only, since the server's image has little more.

The graph takes `numeric` float32 [rows, N] and `categorical` int64 [rows, C]. A categorical value is a row of one table
that all columns share: row 0 is for what the training did not know, and never learns, which is what a one-hot code of
zeros does. N and C are at least 1; a place without a column is always 0.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from recsys_workers.calendars import Calendar
from recsys_workers.manifest import ArtifactError
from recsys_workers.spelling import spelled
from recsys_workers.tfidf import Text

BINARY, MULTICLASS, REGRESSION = "Binary", "Multiclass", "Regression"
OBJECTIVES = (BINARY, MULTICLASS, REGRESSION)
UNKNOWN = 0
FURTHEST = 1000.0
"""Values further from the mean, in standard deviations, count as this far: float32 must not overflow."""
SCHEMA_VERSION = 1
CANONICAL = "Canonical"
"""The spelling of categories in preprocessing.json; a version of before there was one has none."""

Floats = npt.NDArray[np.float64]
Texts: TypeAlias = Sequence[str | None]
Columns: TypeAlias = Mapping[str, "Floats | Texts"]
"""The values of each column: numbers, or seconds since 1970, with NaN where nothing is, or texts with None."""


@dataclass(frozen=True, slots=True)
class Numeric:
    """(value - mean) / scale; a missing value becomes the mean, and with `missing` a 0-or-1 input beside it tells."""

    name: str
    mean: float
    scale: float
    missing: bool
    """Whether a value may be missing, and the graph is told."""
    fill: float | None = None
    """What takes the place of a missing value before anything else, without telling; None: nothing does."""

    @property
    def width(self) -> int:
        """How many inputs it makes."""
        return 2 if self.missing else 1

    def numbers(self, values: Floats) -> npt.NDArray[np.float32]:
        """The inputs, [rows, width]."""
        made = np.empty((len(values), self.width), dtype=np.float32)
        absent = np.isnan(values)
        scaled = (np.where(absent, self.mean, values) - self.mean) / self.scale
        made[:, 0] = np.clip(scaled, -FURTHEST, FURTHEST)
        if self.missing:
            made[:, 1] = absent
        return made


@dataclass(frozen=True, slots=True)
class OneHot:
    """One input for each of `values`, and with `missing` one for a missing value."""

    name: str
    values: tuple[str, ...]
    missing: bool
    fill: str | None = None
    """As that of Numeric; so do all kinds have it."""

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
    fill: str | None = None

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
    fill: str | None = None
    places: Mapping[str, int] = field(init=False, repr=False, compare=False)
    """Each value's place among the column's own rows; made once, since there may be a million."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {value: index for index, value in enumerate(self.values)})

    @property
    def size(self) -> int:
        """How many rows of the table are its own."""
        return len(self.values) + self.rare + self.missing


Categorical: TypeAlias = OneHot | Hashed | Vocabulary
Column: TypeAlias = Numeric | Calendar | Text | OneHot | Hashed | Vocabulary
OF_NUMBERS = (Numeric, Calendar)
"""The kinds whose values are numbers; those of the others are texts."""


def values_of(column: Column) -> str:
    """What a column's values are: columns of which this is the same can be made of the same values."""
    if isinstance(column, Calendar):
        return "times"
    return "numbers" if isinstance(column, Numeric) else "texts"


def optional(column: Column) -> bool:
    """Whether a value may be missing."""
    return column.missing or column.fill is not None


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
    canonical: bool = True
    """Whether a category is what `spelled` makes of it. False in versions of before there was one: they keep serving as
    they did, and each way to write a category is another one."""

    @property
    def numeric_width(self) -> int:
        """N of the graph's inputs."""
        return max(1, sum(_width(column) for column in self.columns))

    @property
    def categorical_width(self) -> int:
        """C of the graph's inputs."""
        return max(1, sum(len(_sizes(column)) for column in self.columns))

    @property
    def table_size(self) -> int:
        """How many rows the table of categories has, row 0 included."""
        return 1 + sum(sum(_sizes(column)) for column in self.columns)

    @property
    def bytes_a_row(self) -> int:
        """What the inputs of a row take."""
        return 4 * self.numeric_width + 8 * self.categorical_width

    def apply(self, columns: Columns, rows: int) -> Inputs:
        """The inputs of so many rows. Each is computed by itself: how many stand beside it changes no bit.

        A column that may not be missing must be whole: callers check that, and say where it is not.
        """
        numeric = np.zeros((rows, self.numeric_width), dtype=np.float32)
        categorical = np.zeros((rows, self.categorical_width), dtype=np.int64)
        place, position, first, unknown = 0, 0, 1, 0
        for column in self.columns:
            values = _filled(column, columns[column.name])
            if width := _width(column):
                numeric[:, place : place + width] = _numbers(column, values)
                place += width
            for found, size, strangers in _placed(column, values, canonical=self.canonical):
                categorical[:, position] = np.where(found < 0, UNKNOWN, first + found)
                position, first, unknown = position + 1, first + size, unknown + strangers
        return Inputs(numeric, categorical, unknown)


def bucket_of(name: str, value: str, buckets: int) -> int:
    """The bucket of a value of the column `name`: the same in every process and on every machine."""
    hashed = hashlib.blake2b(f"{name}={value}".encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(hashed.digest(), "big") % buckets


def _filled(column: Column, values: "Floats | Texts") -> "Floats | Texts":
    """The values with the column's fill where nothing is."""
    if column.fill is None:
        return values
    if isinstance(column, Numeric | Calendar):
        numbers = np.asarray(values, dtype=np.float64)
        return np.where(np.isnan(numbers), column.fill, numbers)
    return [column.fill if value is None else value for value in cast("Texts", values)]


def _width(column: Column) -> int:
    """How many numeric inputs a column makes."""
    return column.width if isinstance(column, Numeric | Calendar | Text) else 0


def _numbers(column: Column, values: "Floats | Texts") -> npt.NDArray[np.float32]:
    """The numeric inputs of a column that makes some."""
    if isinstance(column, Numeric | Calendar):
        return column.numbers(np.asarray(values, dtype=np.float64))
    return cast("Text", column).numbers(cast("Texts", values))


def _sizes(column: Column) -> tuple[int, ...]:
    """For each categorical input that a column makes, how many rows of the table are its own."""
    if isinstance(column, Numeric | Text):
        return ()
    return column.sizes if isinstance(column, Calendar) else (column.size,)


def _placed(
    column: Column, values: "Floats | Texts", *, canonical: bool
) -> Iterator[tuple[npt.NDArray[np.int64], int, int]]:
    """For each categorical input of a column what `_indices` gives, with the input's size in between."""
    if isinstance(column, Calendar):
        for found, size in zip(column.places(np.asarray(values, dtype=np.float64)), column.sizes, strict=True):
            yield found, size, 0
    elif not isinstance(column, Numeric | Text):
        found, strangers = _indices(column, values, canonical=canonical)
        yield found, column.size, strangers


def _indices(column: Categorical, values: "Floats | Texts", *, canonical: bool) -> tuple[npt.NDArray[np.int64], int]:
    """Each value's row among the column's own, from 0 (-1 is row 0 of the table), and how many were not known."""
    known: dict[str | None, int]
    spell = spelled if canonical else str
    if isinstance(column, Vocabulary):
        absent = len(column.values) + column.rare if column.missing else -1
        found = _each(values, lambda value: absent if value is None else _place(column.places, value, spell))
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
            value: bucket_of(column.name, spell(str(value)), column.buckets)
            for value in set(values)
            if value is not None
        }
        if column.missing:
            known[None] = column.buckets
    found = _each(values, lambda value: known.get(None, -1) if value is None else _place(known, value, spell))
    return found, int((found < 0).sum())


def _place(known: Mapping[Any, int], value: str, spell: Callable[[str], str]) -> int:
    """Known values are spelled already, so that most are found at once."""
    found = known.get(value)
    return known.get(spell(value), -1) if found is None else found


def _each(values: "Floats | Texts", place: Callable[[Any], int]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(place, values), dtype=np.int64, count=len(values))


def encode(preprocessing: Preprocessing) -> bytes:
    """The bytes of preprocessing.json; reading them gives the same numbers to the bit."""
    document = {
        "schemaVersion": SCHEMA_VERSION,
        # Images that know no spelling pass it over.
        **({"spelling": CANONICAL} if preprocessing.canonical else {}),
        "target": asdict(preprocessing.target),
        "columns": [_document(column) for column in preprocessing.columns],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _document(column: Column) -> dict[str, Any]:
    written = {one.name: getattr(column, one.name) for one in fields(column) if one.init}
    # Images that know no fill read what has none.
    if column.fill is None:
        del written["fill"]
    return {"kind": type(column).__name__, **written}


def decode(data: bytes) -> Preprocessing:
    """Parse preprocessing.json; raises ArtifactError."""
    try:
        document: dict[str, Any] = json.loads(data)
        if document["schemaVersion"] != SCHEMA_VERSION:
            raise ValueError(f"schemaVersion {document['schemaVersion']!r}; this image reads {SCHEMA_VERSION} only")
        spelling = document.get("spelling")
        if spelling not in (None, CANONICAL):
            raise ValueError(f"the spelling {spelling!r}; this image knows {CANONICAL} only")
        target = Target(**{**document["target"], "classes": tuple(document["target"]["classes"])})
        if target.objective not in OBJECTIVES:
            raise ValueError(f"the objective {target.objective!r}")
        columns = [_column(entry.pop("kind"), entry) for entry in document["columns"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"preprocessing.json cannot be used: {error!r}.") from error
    return Preprocessing(tuple(columns), target, spelling == CANONICAL)


def _column(kind: str, entry: Mapping[str, Any]) -> Column:
    """What `_document` wrote, but for its kind."""
    kinds = {kind.__name__: kind for kind in (Numeric, Calendar, Text, OneHot, Hashed, Vocabulary)}
    tuples = {name: tuple(entry[name]) for name in ("values", "words", "idf") if name in entry}
    parts = {"parts": {part: tuple(values) for part, values in entry["parts"].items()}} if "parts" in entry else {}
    made: Column = kinds[kind](**{**entry, **tuples, **parts})
    return made
