"""The preprocessing of a run that begins with a version's weights: what these were learned with, and new categories.

Mean and scale of numbers, and of the label of Regression, the words of texts, and what fills missing numbers and texts,
stay the version's: the weights count in these units, so that a row that the version could tell gives what it gave.
Categories with what fills them, the values of a time's parts and classes are those of the new training rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from recsys_workers.calendars import Calendar
from recsys_workers.preprocessing import BINARY, Column, Hashed, Numeric, OneHot, Preprocessing, Target, Vocabulary
from recsys_workers.spelling import spelled
from recsys_workers.tfidf import Text
from recsys_workers.train import axes
from recsys_workers.train.axes import Axis


class OtherNetwork(ValueError):
    """The weights are of another one; the message is a clause that says where both differ."""


@dataclass(frozen=True, slots=True)
class Continued:
    """The preprocessing, and how its categories and classes stand in the version."""

    preprocessing: Preprocessing
    axes: dict[str, Axis]


def continued(fitted: Preprocessing, theirs: Preprocessing, version: int) -> Continued:
    """From what was fitted on the run's rows and on the version's; raises OtherNetwork."""
    _require_same(fitted, theirs, version)
    columns = tuple(_column(*pair) for pair in zip(fitted.columns, theirs.columns, strict=True))
    target = replace(fitted.target, mean=theirs.target.mean, scale=theirs.target.scale)
    both = zip(columns, theirs.columns, strict=True)
    unknown = Axis(np.zeros(1, dtype=np.int64), 1)
    return Continued(
        Preprocessing(columns, target),
        {
            axes.CATEGORIES: axes.chained([unknown, *(of_categories(old, new, theirs) for new, old in both)]),
            axes.CLASSES: axes.by_name(output_names(theirs.target), output_names(target)),
        },
    )


def _require_same(fitted: Preprocessing, theirs: Preprocessing, version: int) -> None:
    """Equal schemas make equal columns; what else there is comes from the label."""
    before, now = (", ".join(map(_kind, each.columns)) for each in (theirs, fitted))
    if before != now:
        raise OtherNetwork(f"the columns are {before} in version {version} and {now} in this run")
    old, new = theirs.target, fitted.target
    if (old.name, old.objective) != (new.name, new.objective):
        before, now = (f"{each.name} ({each.objective})" for each in (old, new))
        raise OtherNetwork(f"the label is {before} in version {version} and {now} in this run")
    if new.objective == BINARY and old.classes != new.classes:
        raise OtherNetwork(
            f"the classes of the label {new.name} are {' and '.join(old.classes)} in version {version} and "
            f"{' and '.join(new.classes)} in this run"
        )


def _kind(column: Column) -> str:
    buckets = f" {column.buckets}" if isinstance(column, Hashed) else ""
    parts = f" {column.encoding} {' '.join(column.parts)}" if isinstance(column, Calendar) else ""
    missing = ", missing" if column.missing else ", filled" if column.fill is not None else ""
    return f"{column.name} ({type(column).__name__}{buckets}{parts}{missing})"


def _column(new: Column, old: Column) -> Column:
    return old if isinstance(old, Numeric | Text) else new


def of_categories(old: Column, new: Column, theirs: Preprocessing) -> Axis:
    """The column's rows of the table by their names."""
    return axes.by_name(rows_of(old, canonical=theirs.canonical), rows_of(new))


def rows_of(column: Column, *, canonical: bool = True) -> list[str]:
    """A name for each of the column's rows of the table, in their order.

    Not `canonical` is a version that took each way to write a category for another one: its name is the spelling, but
    where the version has that itself.
    """
    if canonical or not isinstance(column, OneHot | Vocabulary):
        return list(_names(column))
    names, taken = [], set(column.values)
    for value in column.values:
        name = spelled(value)
        names.append(value if name in taken else name)
        taken.add(name)
    return list(_names(replace(column, values=tuple(names))))


def _names(column: Column) -> Iterator[str]:
    if isinstance(column, Numeric | Text):
        return
    if isinstance(column, Calendar):
        for part, values in column.parts.items() if column.sizes else ():
            yield from (f"{part} {value}" for value in values)
            if column.missing:
                yield f"{part} missing"
        return
    if isinstance(column, Hashed):
        yield from (f"bucket {number}" for number in range(column.buckets))
    else:
        yield from (f"value {value}" for value in column.values)
    if isinstance(column, Vocabulary) and column.rare:
        yield "rare"
    if column.missing:
        yield "missing"


def output_names(target: Target) -> list[str]:
    """A name for each of the outputs."""
    return list(target.classes) if target.outputs == len(target.classes) else ["output"]
