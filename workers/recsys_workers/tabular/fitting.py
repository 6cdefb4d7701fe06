"""Fitting the preprocessing on the training rows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.calendars import CYCLIC, ONE_HOT, Calendar, part_of
from recsys_workers.data.categories import canonical
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.interactions import id_order
from recsys_workers.preprocessing import Column, Floats, Hashed, Numeric, OneHot, Preprocessing, Target, Vocabulary
from recsys_workers.tabular.filling import fill_of
from recsys_workers.tabular.schema import CALENDAR, CATEGORICAL, NUMERIC, TEXT, Feature
from recsys_workers.tabular.table import Rows, Table, pieces
from recsys_workers.tfidf import Text, fitted

MOST_VALUES, MOST_WORDS = 1000, 1_000_000
"""Of a one-hot column, and of a vocabulary."""


def fit(table: Table, training: Rows, target: Target) -> Preprocessing:
    """The preprocessing of the schema's features, from these rows of the table; raises InvalidData."""
    return Preprocessing(tuple(_column(table, feature, training) for feature in table.schema.features), target)


def _column(table: Table, feature: Feature, training: Rows) -> Column:
    """What is filled counts as if it had stood in the table."""
    if feature.role == TEXT:
        return _text(table, feature, training)
    column = table.taken([feature.name], training)[feature.name]
    if feature.role == CATEGORICAL:
        column = canonical(column)
    known = column.drop_null()
    if not len(known) and (feature.fill is not None or feature.role in (NUMERIC, CALENDAR)):
        raise _empty(table, feature, training)
    fill = fill_of(feature, known)
    if fill is None:
        return _made(table, feature, known, len(training))
    by: dict[str, Any] = {"fill": fill}
    return replace(_made(table, feature, column.fill_null(fill), len(training)), **by)


def _empty(table: Table, feature: Feature, training: Rows) -> InvalidData:
    return InvalidData(
        f"{table.places[0].path}: the column {feature.name!r} is empty in all {len(training)} training rows: "
        "leave it out."
    )


def _made(table: Table, feature: Feature, known: pa.ChunkedArray, rows: int) -> Column:
    """From the values of those of so many training rows that have one."""
    if feature.role == NUMERIC:
        return _numeric(table, feature, known.to_numpy())
    if feature.role == CALENDAR:
        return _calendar(feature, known.to_numpy())
    if feature.buckets is not None:
        return Hashed(feature.name, feature.buckets, feature.missing)
    if feature.min_rows is not None:
        return _vocabulary(table, feature, known, feature.min_rows)
    distinct = known.unique()
    if len(distinct) > MOST_VALUES:
        raise InvalidData(
            f"{table.places[0].path}: the column {feature.name!r} has {len(distinct)} values in {rows} training "
            f"rows, and one-hot codes at most {MOST_VALUES}: give it encoding: Hashed with buckets, or leave it out."
        )
    return OneHot(feature.name, tuple(id_order(distinct.to_pylist())), feature.missing)


def _vocabulary(table: Table, feature: Feature, known: pa.ChunkedArray, least: int) -> Vocabulary:
    counted = known.value_counts()
    enough = pc.greater_equal(counted.field("counts"), least)
    values = counted.field("values").filter(enough)
    if len(values) > MOST_WORDS:
        raise InvalidData(
            f"{table.places[0].path}: the column {feature.name!r} has {len(values)} values with {least} training rows "
            f"or more, and a vocabulary at most {MOST_WORDS}: raise minRows, or give it encoding: Hashed with buckets."
        )
    ordered = tuple(id_order(values.to_pylist()))
    return Vocabulary(feature.name, ordered, len(values) < len(counted), feature.missing)


def _text(table: Table, feature: Feature, training: Rows) -> Text:
    """Of texts, which may be long, some are held at a time."""
    if feature.fill is not None and not table.columns[feature.name].is_valid().to_numpy()[training].any():
        raise _empty(table, feature, training)
    fill = None if feature.constant is None else str(feature.constant)
    some_at_a_time = pieces(training, table.bytes_a_row([feature.name]))
    read = (table.taken([feature.name], some)[feature.name].to_pylist() for some in some_at_a_time)
    texts = (fill if text is None else text for some in read for text in some)
    found = fitted(feature.name, (text for text in texts if text is not None), feature.words, missing=feature.missing)
    if not found.words:
        raise InvalidData(
            f"{table.places[0].path}: the column {feature.name!r} has no word of two letters or more in all "
            f"{len(training)} training rows: leave it out."
        )
    return replace(found, fill=fill)


def _calendar(feature: Feature, seconds: Floats) -> Calendar:
    parts: dict[str, tuple[int, ...]] = {}
    for part in feature.parts:
        parts[part] = () if feature.cyclic else tuple(np.unique(part_of(part, seconds)).tolist())
    return Calendar(feature.name, feature.unit, CYCLIC if feature.cyclic else ONE_HOT, parts, feature.missing)


def _numeric(table: Table, feature: Feature, known: Floats) -> Numeric:
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = float(known.mean()), float(known.std())
    if not np.isfinite([mean, spread]).all():
        largest = np.abs(known[np.isfinite(known)]).max()
        raise InvalidData(
            f"{table.places[0].path}: the column {feature.name!r} has numbers in {len(known)} training rows that are "
            f"too large to be averaged, up to {largest:g}: scale them down."
        )
    # Of equal numbers the spread is what rounding leaves.
    return Numeric(feature.name, mean, spread if spread > 1e-12 * abs(mean) else 1.0, feature.missing)
