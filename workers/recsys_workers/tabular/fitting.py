"""Fitting the preprocessing on the training rows."""

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.calendars import CYCLIC, ONE_HOT, Calendar, part_of
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.interactions import id_order
from recsys_workers.preprocessing import Column, Floats, Hashed, Numeric, OneHot, Preprocessing, Target, Vocabulary
from recsys_workers.tabular.cleaning import Rows
from recsys_workers.tabular.reading import Table
from recsys_workers.tabular.schema import CALENDAR, NUMERIC, TEXT, Feature
from recsys_workers.tfidf import Text, fitted

MOST_VALUES, MOST_WORDS = 1000, 1_000_000
"""Of a one-hot column, and of a vocabulary."""


def fit(table: Table, training: Rows, target: Target) -> Preprocessing:
    """The preprocessing of the schema's features, from these rows of the table; raises InvalidData."""
    return Preprocessing(tuple(_column(table, feature, training) for feature in table.schema.features), target)


def _column(table: Table, feature: Feature, training: Rows) -> Column:
    if feature.role == NUMERIC:
        return _numeric(table, feature, training)
    if feature.role == CALENDAR:
        return _calendar(table, feature, training)
    if feature.role == TEXT:
        return _text(table, feature, training)
    if feature.buckets is not None:
        return Hashed(feature.name, feature.buckets, feature.missing)
    column = table.columns[feature.name].take(training)
    if feature.min_rows is not None:
        return _vocabulary(table, feature, column, feature.min_rows)
    values = id_order([text for text in column.unique().to_pylist() if text is not None])
    if len(values) > MOST_VALUES:
        raise InvalidData(
            f"{table.places[0].path}: the column {feature.name!r} has {len(values)} values in {len(training)} training "
            f"rows, and one-hot codes at most {MOST_VALUES}: give it encoding: Hashed with buckets, or leave it out."
        )
    return OneHot(feature.name, tuple(values), feature.missing)


def _vocabulary(table: Table, feature: Feature, column: pa.ChunkedArray, least: int) -> Vocabulary:
    counted = column.drop_null().value_counts()
    enough = pc.greater_equal(counted.field("counts"), least)
    values = id_order(counted.field("values").filter(enough).to_pylist())
    if len(values) > MOST_WORDS:
        raise InvalidData(
            f"{table.places[0].path}: the column {feature.name!r} has {len(values)} values with {least} training rows "
            f"or more, and a vocabulary at most {MOST_WORDS}: raise minRows, or give it encoding: Hashed with buckets."
        )
    return Vocabulary(feature.name, tuple(values), len(values) < len(counted), feature.missing)


def _text(table: Table, feature: Feature, training: Rows) -> Text:
    texts = table.columns[feature.name].take(training).drop_null().to_pylist()
    found = fitted(feature.name, texts, feature.words, missing=feature.missing)
    if not found.words:
        raise InvalidData(
            f"{table.places[0].path}: the column {feature.name!r} has no word of two letters or more in all "
            f"{len(training)} training rows: leave it out."
        )
    return found


def _calendar(table: Table, feature: Feature, training: Rows) -> Calendar:
    seconds = _known(table, feature, training)
    parts: dict[str, tuple[int, ...]] = {}
    for part in feature.parts:
        parts[part] = () if feature.cyclic else tuple(np.unique(part_of(part, seconds)).tolist())
    return Calendar(feature.name, feature.unit, CYCLIC if feature.cyclic else ONE_HOT, parts, feature.missing)


def _known(table: Table, feature: Feature, training: Rows) -> Floats:
    """The numbers, or seconds, of the training rows that have one."""
    values = table.numbers(feature.name)[training]
    known = values[~np.isnan(values)]
    if not len(known):
        raise InvalidData(
            f"{table.places[0].path}: the column {feature.name!r} is empty in all {len(training)} training rows: "
            "leave it out."
        )
    return known


def _numeric(table: Table, feature: Feature, training: Rows) -> Numeric:
    known = _known(table, feature, training)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = float(known.mean()), float(known.std())
    if not np.isfinite([mean, spread]).all():
        raise InvalidData(
            f"{table.places[0].path}: the column {feature.name!r} has numbers in {len(known)} training rows that are "
            f"too large to be averaged, up to {np.abs(known).max():g}: scale them down."
        )
    # Of equal numbers the spread is what rounding leaves.
    return Numeric(feature.name, mean, spread if spread > 1e-12 * abs(mean) else 1.0, feature.missing)
