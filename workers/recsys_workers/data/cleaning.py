"""Leaving rows out, by rules in a fixed order: missing values, time window, outliers, duplicates, least interactions.

Each rule sees what the ones before it left. The order is part of the protocol, and is that of `data.json`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.readers import Columns
from recsys_workers.data.times import bound, written

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept of a column of numbers: values, or shares of them; decimal texts, None where there is no limit."""

    column: str
    low: str | None
    high: str | None

    def document(self, low: str, high: str) -> dict[str, str]:
        """By the fields of spec.cleaning, whose names for the two are given."""
        ends = {low: self.low, high: self.high}
        return {"column": self.column, **{name: end for name, end in ends.items() if end is not None}}


@dataclass(frozen=True, slots=True)
class Cleaning:
    """spec.cleaning of a TrainingRun; without any of it, nothing is dropped and a missing value is an error."""

    missing: str = "Fail"
    """Fail or Drop."""
    window_from: str | int | None = None
    """The first time that is kept."""
    window_to: str | int | None = None
    """The first time that is not kept any more."""
    duplicates: str = "KeepAll"
    """KeepAll, KeepFirst or KeepLast, of rows with the same user, item and timestamp."""
    min_user_interactions: int | None = None
    min_item_interactions: int | None = None
    bounds: tuple[Limits, ...] = ()
    """Values that are kept."""
    quantiles: tuple[Limits, ...] = ()
    """Values that are kept, by the share of values below them."""

    def document(self) -> dict[str, Any]:
        """What it drops, by the fields of spec.cleaning; empty when it drops nothing."""
        window = {name: end for name, end in (("from", self.window_from), ("to", self.window_to)) if end is not None}
        least = {"minUserInteractions": self.min_user_interactions, "minItemInteractions": self.min_item_interactions}
        return {
            **({"missing": self.missing} if self.missing != "Fail" else {}),
            **({"timeWindow": window} if window else {}),
            **({"bounds": [one.document("min", "max") for one in self.bounds]} if self.bounds else {}),
            **({"quantiles": [one.document("lower", "upper") for one in self.quantiles]} if self.quantiles else {}),
            **({"duplicates": self.duplicates} if self.duplicates != "KeepAll" else {}),
            **{name: value for name, value in least.items() if value is not None},
        }


@dataclass(frozen=True, slots=True)
class Dropped:
    """What one rule dropped; `rule` is its field of spec.cleaning."""

    rule: str
    rows: int
    rounds: int | None = None
    """How often the least interactions were counted until nothing changed."""

    def document(self) -> dict[str, Any]:
        """The entry in data.json."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def parse(document: Mapping[str, Any] | None) -> Cleaning:
    """The typed form of the object in run.json."""
    found = document or {}
    window = found.get("timeWindow") or {}
    cleaning = Cleaning(
        missing=found.get("missing", "Fail"),
        window_from=window.get("from"),
        window_to=window.get("to"),
        bounds=_limits(found.get("bounds"), "min", "max"),
        quantiles=_limits(found.get("quantiles"), "lower", "upper"),
        duplicates=found.get("duplicates", "KeepAll"),
        min_user_interactions=found.get("minUserInteractions"),
        min_item_interactions=found.get("minItemInteractions"),
    )
    if cleaning.missing not in {"Fail", "Drop"} or cleaning.duplicates not in {"KeepAll", "KeepFirst", "KeepLast"}:
        raise ValueError(f"cleaning is {dict(found)}")
    return cleaning


def _limits(found: Sequence[Mapping[str, str]] | None, low: str, high: str) -> tuple[Limits, ...]:
    return tuple(Limits(one["column"], one.get(low), one.get(high)) for one in found or ())


def require_for_interactions(cleaning: Cleaning) -> None:
    """Raises InvalidData for rules that interactions do not have."""
    for rule in ("bounds", "quantiles"):
        if rule in cleaning.document():
            raise InvalidData(
                f"cleaning.{rule} is for columns of numbers, which the tasks Tabular and Ranking have: use timeWindow, "
                "duplicates, minUserInteractions and minItemInteractions for interactions."
            )


def clean(columns: Columns, cleaning: Cleaning) -> tuple[Columns, list[Dropped]]:
    """The rows that stay, in their order, and what each rule that was asked for dropped, in the order of the rules.

    `columns` have no missing values any more; it says how many rows that cost. Raises InvalidData when nothing stays.
    """
    total = columns.incomplete + len(columns.time)
    dropped = [Dropped("missing", columns.incomplete)] if cleaning.missing == "Drop" else []
    asked = cleaning.document()
    rows: Rows = np.arange(len(columns.time))
    time = columns.time.to_numpy()
    if "timeWindow" in asked:
        kept = rows[inside(time, cleaning, timed=columns.timed)]
        dropped.append(Dropped("timeWindow", len(rows) - len(kept)))
        if not len(kept):
            raise nothing_left(total, dropped, outside_told(time, timed=columns.timed))
        rows = kept
    if asked.keys() & {"duplicates", "minUserInteractions", "minItemInteractions"}:
        user, item = _codes(columns.user)[rows], _codes(columns.item)[rows]
        if "duplicates" in asked:
            kept = distinct(user, item, time[rows], last=cleaning.duplicates == "KeepLast")
            dropped.append(Dropped("duplicates", len(rows) - len(kept)))
            rows, user, item = rows[kept], user[kept], item[kept]
        least_user, least_item = cleaning.min_user_interactions or 0, cleaning.min_item_interactions or 0
        if least_user or least_item:
            kept, rounds = core(user, item, least_user, least_item)
            dropped.append(Dropped("minInteractions", len(rows) - len(kept), rounds))
            rows = rows[kept]
    if not len(rows):
        raise nothing_left(total, dropped, "")
    if len(rows) == len(columns.time):
        return columns, dropped
    found = {name: getattr(columns, name) for name in ("user", "item", "time", "part")}
    table = pa.table({name: column for name, column in found.items() if column is not None}).take(pa.array(rows))
    return replace(columns, **{name: table[name] for name in table.column_names}), dropped


def core(user: Rows, item: Rows, least_user: int, least_item: int) -> tuple[Rows, int]:
    """The k-core: positions of the rows whose user has `least_user` and whose item `least_item` of them or more.

    A user that goes takes rows from items, and the other way round, so counting starts anew until nothing changes;
    what is left is the largest such set, whatever the order. Also returns how often was counted.
    """
    kept: Rows = np.arange(len(user))
    for rounds in range(1, len(user) + 2):
        if not len(kept):
            return kept, rounds
        of_user, of_item = user[kept], item[kept]
        enough = (np.bincount(of_user)[of_user] >= least_user) & (np.bincount(of_item)[of_item] >= least_item)
        if enough.all():
            return kept, rounds
        kept = kept[enough]
    raise AssertionError("Each round drops a row.")


def inside(time: npt.NDArray[Any], cleaning: Cleaning, *, timed: bool) -> npt.NDArray[np.bool_]:
    """Which of the times lie in the cleaning's window; raises InvalidData when none can."""
    field = "cleaning.timeWindow"
    inside = np.ones(len(time), dtype=np.bool_)
    ends = [
        None if end is None else bound(end, f"{field}.{name}", timed=timed)
        for name, end in (("from", cleaning.window_from), ("to", cleaning.window_to))
    ]
    first, after = ends
    if first is not None and after is not None and first >= after:
        raise InvalidData(
            f"{field} keeps nothing: from ({cleaning.window_from}) must be before to ({cleaning.window_to})."
        )
    if first is not None:
        inside &= time >= first
    if after is not None:
        inside &= time < after
    return inside


def distinct(user: npt.NDArray[Any], item: npt.NDArray[Any], time: npt.NDArray[Any], *, last: bool) -> Rows:
    """Positions, in order, of the first or the last of rows with the same user, item and time."""
    if not len(user):
        return np.zeros(0, dtype=np.int64)
    order = np.lexsort((time, item, user))
    same = np.ones(len(order) - 1, dtype=np.bool_)
    for column in (user, item, time):
        sorted_column = column[order]
        same &= sorted_column[1:] == sorted_column[:-1]
    kept = np.concatenate([~same, [True]] if last else [[True], ~same])
    return np.sort(order[kept])


def _codes(column: pa.ChunkedArray) -> Rows:
    codes: Rows = column.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    return codes


def outside_told(time: npt.NDArray[Any], *, timed: bool) -> str:
    """What to say of the times when a window holds none of them."""
    return (
        f" The times are from {written(time.min().item(), timed=timed)} to {written(time.max().item(), timed=timed)}."
    )


def nothing_left(total: int, dropped: Sequence[Dropped], more: str) -> InvalidData:
    """What to raise when the rules dropped all rows; `more` is what else there is to say."""
    told = ", ".join(f"{entry.rule} dropped {entry.rows}" for entry in dropped)
    return InvalidData(f"Cleaning left none of the {total} rows: {told}.{more} Loosen spec.cleaning.")
