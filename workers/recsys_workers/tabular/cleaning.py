"""Leaving rows of a table out: missing values, then a time window. Duplicates and least interactions are for ids."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from recsys_workers.data.cleaning import Cleaning, Dropped, inside, outside_told
from recsys_workers.data.errors import InvalidData
from recsys_workers.tabular.reading import Table

Rows = npt.NDArray[np.int64]


def kept_rows(table: Table, cleaning: Cleaning) -> tuple[Rows, list[Dropped]]:
    """The numbers of the rows that stay, and what each rule that was asked for dropped; raises InvalidData.

    A column whose values may be missing (missing: Impute) costs no row.
    """
    asked = cleaning.document()
    for rule in ("duplicates", "minUserInteractions", "minItemInteractions"):
        if rule in asked:
            told = "a Tabular model has none" if table.schema.user is None else "a Ranking model learns from rows"
            raise InvalidData(f"cleaning.{rule} is for interactions of users and items, and {told}.")
    if "timeWindow" in asked and table.times is None:
        raise InvalidData("cleaning.timeWindow needs a column with the role Timestamp, and schema.columns has none.")
    rows: Rows = np.arange(len(table))
    dropped: list[Dropped] = []
    absent = _absent(table)
    if cleaning.missing == "Drop":
        gone = np.logical_or.reduce(list(absent.values()))
        rows = rows[~gone]
        dropped.append(Dropped("missing", int(gone.sum())))
    else:
        for name, empty in absent.items():
            _require_filled(table, name, empty)
    told = ""
    if "timeWindow" in asked and table.times is not None and len(rows):
        time, timed = table.times.found[rows], table.times.timed
        kept = rows[inside(time, cleaning, timed=timed)]
        dropped.append(Dropped("timeWindow", len(rows) - len(kept)))
        told = outside_told(time, timed=timed)
        rows = kept
    if not len(rows):
        rules = ", ".join(f"{entry.rule} dropped {entry.rows}" for entry in dropped)
        raise InvalidData(f"Cleaning left none of the {len(table)} rows: {rules}.{told} Loosen spec.cleaning.")
    return rows, dropped


def _absent(table: Table) -> dict[str, npt.NDArray[np.bool_]]:
    """For each column that must be whole, where it is empty."""
    schema = table.schema
    may = {feature.name for feature in schema.features if feature.missing} | {schema.timestamp}
    names: Sequence[str] = [name for name in schema.columns if name not in may]
    absent = {name: table.columns[name].is_null().to_numpy() for name in names}
    if schema.timestamp is not None and table.times is not None:
        absent[schema.timestamp] = table.times.absent
    return absent


def _require_filled(table: Table, name: str, empty: npt.NDArray[np.bool_]) -> None:
    count = int(empty.sum())
    if not count:
        return
    label = name == table.schema.label
    advice = "drop such rows with cleaning.missing: Drop"
    # A Timestamp with calendar features orders the rows, and so is never missing.
    if name in {feature.name for feature in table.schema.features} - {table.schema.timestamp}:
        advice += ", or say missing: Impute for the column"
    raise InvalidData(
        f"{table.place(int(empty.argmax()))}: the {'label ' if label else ''}column {name!r} is empty, and so in "
        f"{count} of {len(table)} rows: fill it, or {advice}."
    )
