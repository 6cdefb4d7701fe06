"""Leaving rows of a table out, in this order: missing values, a time window, bounds and quantiles of numbers,
duplicates, and least interactions where there are users and items.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]

from recsys_workers.data.cleaning import Cleaning, Dropped, Limits, core, inside, nothing_left, outside_told
from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import telling_of
from recsys_workers.preprocessing import REGRESSION, Floats
from recsys_workers.tabular.distinct import same_texts
from recsys_workers.tabular.schema import NUMERIC, TEXT
from recsys_workers.tabular.table import Rows, Table


def kept_rows(table: Table, cleaning: Cleaning) -> tuple[Rows, list[Dropped]]:
    """The numbers of the rows that stay, and what each rule that was asked for dropped; raises InvalidData.

    A column whose values may be missing (any `missing` but Fail) costs no row.
    """
    asked = cleaning.document()
    for rule in ("minUserInteractions", "minItemInteractions"):
        if rule in asked and table.schema.user is None:
            raise InvalidData(f"cleaning.{rule} is for users and items, and a Tabular model has none.")
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
    for rule, limits, ends_of in (("bounds", cleaning.bounds, _bounds), ("quantiles", cleaning.quantiles, _quantiles)):
        if limits:
            _require_numbers(table, limits, rule)
            kept = _within(table, rows, limits, ends_of)
            dropped.append(Dropped(rule, len(rows) - len(kept)))
            rows = kept
    if "duplicates" in asked:
        kept = _distinct(table, rows, last=cleaning.duplicates == "KeepLast")
        dropped.append(Dropped("duplicates", len(rows) - len(kept)))
        rows = kept
    least = cleaning.min_user_interactions or 0, cleaning.min_item_interactions or 0
    if any(least) and table.schema.user is not None and table.schema.item is not None:
        stay, rounds = core(table.codes(table.schema.user)[rows], table.codes(table.schema.item)[rows], *least)
        dropped.append(Dropped("minInteractions", len(rows) - len(stay), rounds))
        rows = rows[stay]
    if not len(rows):
        with telling_of([place.path for place in table.places], table.schema.columns):
            raise nothing_left(len(table), dropped, told)
    return rows, dropped


def _distinct(table: Table, rows: Rows, *, last: bool) -> Rows:
    """Of the rows that are equal in every column the first or the last; a missing value equals a missing one."""
    kept = np.ones(len(rows), dtype=np.bool_)
    again: Rows = np.arange(len(rows))  # of which another one is equal as far as was looked
    same: Rows = np.zeros(len(rows), dtype=np.int64)
    for values in _values(table):
        # The number of a pair is below the square of the rows, which 64 bits hold.
        same = np.unique(same * (len(table) + 2) + values(rows[again]) + 1, return_inverse=True)[1]
        several = np.bincount(same)[same] > 1
        again, same = again[several], same[several]
        if not len(again):
            return rows
    firsts = np.unique(same[::-1] if last else same, return_index=True)[1]
    kept[again] = False
    kept[again[len(again) - 1 - firsts if last else firsts]] = True
    return rows[kept]


def _values(table: Table) -> Iterator[Callable[[Rows], Rows]]:
    """Each column as numbers from -1 on of some rows, equal where the values are: first what tells most rows apart."""
    if table.times is not None:
        found = table.times.found
        yield lambda rows: np.unique(found[rows], return_inverse=True)[1]
    texts = {feature.name for feature in table.schema.features if feature.role == TEXT}
    fields = sorted(table.columns.schema, key=lambda field: (field.type != pa.float64(), field.name in texts))
    for column in fields:
        of_text = same_texts if column.name in texts else _codes
        yield partial(_bits if column.type == pa.float64() else of_text, table, column.name)


def _bits(table: Table, name: str, rows: Rows) -> Rows:
    numbers: Floats = table.taken([name], rows)[name].to_numpy()
    return np.unique(numbers.view(np.int64), return_inverse=True)[1]


def _codes(table: Table, name: str, rows: Rows) -> Rows:
    return table.same(name, table.taken([name], rows)[name])


Ends = tuple[float, float]


def _within(table: Table, rows: Rows, limits: Sequence[Limits], ends_of: Callable[[Floats, Limits], Ends]) -> Rows:
    """The rows whose values lie within all limits, ends included, or are missing; the ends are those of all `rows`."""
    kept = np.ones(len(rows), dtype=np.bool_)
    for limit in limits:
        numbers = table.numbers(limit.column)[rows]
        low, high = ends_of(numbers[~np.isnan(numbers)], limit)
        kept &= np.isnan(numbers) | ((numbers >= low) & (numbers <= high))
    return rows[kept]


def _bounds(_: Floats, limit: Limits) -> Ends:
    return float(limit.low or "-inf"), float(limit.high or "inf")


def _quantiles(numbers: Floats, limit: Limits) -> Ends:
    """Between two values a quantile lies on the line from the one to the other, as numpy.quantile has it."""
    if not len(numbers):
        return -np.inf, np.inf
    low, high = (
        None if share is None else float(np.quantile(numbers, float(share))) for share in (limit.low, limit.high)
    )
    return -np.inf if low is None else low, np.inf if high is None else high


def _require_numbers(table: Table, limits: Sequence[Limits], rule: str) -> None:
    schema = table.schema
    known = [feature.name for feature in schema.features if feature.role == NUMERIC]
    known += [schema.label] if schema.objective == REGRESSION else []
    for limit in limits:
        if limit.column not in known:
            told = ", ".join(known) or "none"
            raise InvalidData(f"cleaning.{rule} names the column {limit.column!r}; columns of numbers are: {told}.")


def _absent(table: Table) -> dict[str, npt.NDArray[np.bool_]]:
    """For each column that must be whole, where it is empty."""
    schema = table.schema
    may = {feature.name for feature in schema.features if feature.optional} | {schema.timestamp}
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
        advice += ", or say for the column what becomes of them, such as missing: Impute"
    raise InvalidData(
        f"{table.place(int(empty.argmax()))}: the {'label ' if label else ''}column {name!r} is empty, and so in "
        f"{count} of {len(table)} rows: fill it, or {advice}."
    )
