"""Fitting the preprocessing on the training rows."""

import numpy as np

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.interactions import id_order
from recsys_workers.preprocessing import Column, Hashed, Numeric, OneHot, Preprocessing, Target
from recsys_workers.tabular.cleaning import Rows
from recsys_workers.tabular.reading import Table
from recsys_workers.tabular.schema import NUMERIC, Feature

MOST_VALUES = 1000


def fit(table: Table, training: Rows, target: Target) -> Preprocessing:
    """The preprocessing of the schema's features, from these rows of the table; raises InvalidData."""
    return Preprocessing(tuple(_column(table, feature, training) for feature in table.schema.features), target)


def _column(table: Table, feature: Feature, training: Rows) -> Column:
    if feature.role == NUMERIC:
        return _numeric(table, feature, training)
    if feature.buckets is not None:
        return Hashed(feature.name, feature.buckets, feature.missing)
    column = table.columns[feature.name].take(training)
    values = id_order([text for text in column.unique().to_pylist() if text is not None])
    if len(values) > MOST_VALUES:
        raise InvalidData(
            f"{table.places[0].path}: the column {feature.name!r} has {len(values)} values in {len(training)} training "
            f"rows, and one-hot codes at most {MOST_VALUES}: give it encoding: Hashed with buckets, or leave it out."
        )
    return OneHot(feature.name, tuple(values), feature.missing)


def _numeric(table: Table, feature: Feature, training: Rows) -> Numeric:
    values = table.numbers(feature.name)[training]
    known = values[~np.isnan(values)]
    if not len(known):
        raise InvalidData(
            f"{table.places[0].path}: the column {feature.name!r} is empty in all {len(training)} training rows: "
            "leave it out."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = float(known.mean()), float(known.std())
    if not np.isfinite([mean, spread]).all():
        raise InvalidData(
            f"{table.places[0].path}: the column {feature.name!r} has numbers in {len(known)} training rows that are "
            f"too large to be averaged, up to {np.abs(known).max():g}: scale them down."
        )
    # Of equal numbers the spread is what rounding leaves.
    return Numeric(feature.name, mean, spread if spread > 1e-12 * abs(mean) else 1.0, feature.missing)
