"""Which rows train, validate and test: at random by a fixed seed, by time, or as a column says."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.protocol import BY_COLUMN, BY_RATIO, BY_TIME, Protocol
from recsys_workers.data.times import written
from recsys_workers.tabular.cleaning import Rows
from recsys_workers.tabular.reading import Table

PROTOCOLS = (BY_RATIO, BY_TIME, BY_COLUMN)
PARTS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
SEED = 20170217
"""Of ByRatio. Not the run's seed: all runs of a model are judged on the same rows."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Positions among the rows that were kept, each rising."""

    train: Rows
    validation: Rows
    test: Rows


def split(table: Table, rows: Rows, protocol: Protocol) -> tuple[Parts, dict[str, Any]]:
    """The parts, and what the manifest's `protocol` says of them; raises InvalidData when one is empty."""
    if protocol.name == BY_COLUMN:
        part, rules = _by_column(table, rows)
    elif protocol.name == BY_TIME:
        part, rules = _by_time(table, rows, protocol)
    else:
        part, rules = _by_ratio(len(rows), protocol)
    counts = np.bincount(part, minlength=len(PARTS))
    if not counts.all():
        told = ", ".join(f"{count} {name}" for name, count in zip(PARTS, counts.tolist(), strict=True))
        empty = PARTS[int(counts.argmin())]
        raise InvalidData(
            f"{_files(table)}: the protocol {protocol.name} splits {len(rows)} rows into {told}: nothing is left for "
            f"{empty}. Change spec.evaluation of the RecModel, or add data."
        )
    parts = Parts(*(np.flatnonzero(part == index) for index in range(len(PARTS))))
    return parts, {
        "name": protocol.name,
        **rules,
        "trainedRows": len(parts.train),
        "validatedRows": len(parts.validation),
        "evaluatedRows": len(parts.test),
        "interval": "95 %, normal over rows, the metric linearised"
        if table.schema.user is None
        else "95 %, normal over users, the metric linearised, the rows of a user counted together",
    }


def _by_ratio(count: int, protocol: Protocol) -> tuple[npt.NDArray[np.int64], dict[str, Any]]:
    place = np.random.default_rng(SEED).permutation(count)
    test = count * protocol.test_percent // 100
    validation = count * protocol.validation_percent // 100
    part = np.where(place < test, TEST, np.where(place < test + validation, VALIDATION, TRAIN))
    rules = {
        "split": "rows are dealt at random, by a seed that all runs share",
        "validationPercent": protocol.validation_percent,
        "testPercent": protocol.test_percent,
    }
    return part.astype(np.int64), rules


def _by_time(table: Table, rows: Rows, protocol: Protocol) -> tuple[npt.NDArray[np.int64], dict[str, Any]]:
    if table.times is None:
        raise InvalidData(
            "evaluation.protocol ByTime needs a column with the role Timestamp: add it to schema.columns."
        )
    time, timed, count = table.times.found[rows], table.times.timed, len(rows)
    ordered = np.sort(time)
    validation_from = ordered[count * (100 - protocol.validation_percent - protocol.test_percent) // 100]
    test_from = ordered[count * (100 - protocol.test_percent) // 100]
    part = np.where(time >= test_from, TEST, np.where(time >= validation_from, VALIDATION, TRAIN))
    rules = {
        "split": "rows from testFrom on test, those from validationFrom to testFrom validate, those before train",
        "validationPercent": protocol.validation_percent,
        "testPercent": protocol.test_percent,
        "validationFrom": written(validation_from.item(), timed=timed),
        "testFrom": written(test_from.item(), timed=timed),
    }
    return part.astype(np.int64), rules


def _by_column(table: Table, rows: Rows) -> tuple[npt.NDArray[np.int64], dict[str, Any]]:
    name = table.schema.split
    if name is None:
        raise InvalidData("evaluation.protocol ByColumn needs a column with the role Split: add it to schema.columns.")
    texts = table.texts(name)
    known = {text: index for index, text in enumerate(PARTS)}
    part = np.fromiter((known.get(str(texts[row]), -1) for row in rows), dtype=np.int64, count=len(rows))
    if (part < 0).any():
        row = int(rows[int((part < 0).argmax())])
        raise InvalidData(
            f"{table.place(row)}: the column {name!r} holds {texts[row]!r}, and another value than "
            f"{', '.join(PARTS)} in {(part < 0).sum()} of {len(rows)} rows: write one of these three."
        )
    return part, {"split": f"as the column {name} says: {', '.join(PARTS)}"}


def _files(table: Table) -> str:
    first = str(table.places[0].path)
    return first if len(table.places) == 1 else f"{first} and {len(table.places) - 1} more"
