"""Which rows train, validate and test: at random by a fixed seed, by time, or as a column says.

Where the schema has a Group column, rows of one group stand in one part.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.files import named
from recsys_workers.data.protocol import BY_COLUMN, BY_RATIO, BY_TIME, Protocol
from recsys_workers.data.split_column import PARTS, TEST, TRAIN, VALIDATION, coded, wrong_part
from recsys_workers.data.times import written
from recsys_workers.preprocessing import Floats
from recsys_workers.tabular.table import Rows, Table

PROTOCOLS = (BY_RATIO, BY_TIME, BY_COLUMN)
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
    group = table.schema.group
    if protocol.name == BY_COLUMN:
        part, rules = _by_column(table, rows)
        if group is not None:
            _require_whole(table, rows, part, group)
    elif protocol.name == BY_TIME:
        part, rules = _by_time(table, rows, protocol)
    else:
        part, rules = _by_ratio(table, rows, protocol)
    parts = _parts(table, part, protocol)
    test = parts.test
    return parts, {
        "name": protocol.name,
        **rules,
        "trainedRows": len(parts.train),
        "validatedRows": len(parts.validation),
        "evaluatedRows": len(parts.test),
        **({} if group is None else {"group": group, "evaluatedGroups": table.distinct(group, rows[test])}),
        "interval": _interval(table),
    }


def fold(table: Table, rows: Rows, protocol: Protocol, number: int) -> Parts:
    """The parts of one fold, from 1, of the rows that do not test: these are `test` here; raises InvalidData.

    The folds are pieces of one line; those behind a fold's end, and after the last the first, validate for it, in the
    proportion to those that train that the whole run has.
    """
    place = _places(table, rows)
    others = _dealt(place, protocol) != TEST
    count = int(others.sum())
    # Where a row stands among the others: the test's rows stand before them all.
    place = place - (len(rows) - count)
    held = others & (np.floor(place * protocol.folds / count) == number - 1)
    behind = np.mod(place - number * count / protocol.folds, count)
    validation = (count - int(held.sum())) * protocol.validation_percent // (100 - protocol.test_percent)
    part = np.where(held, TEST, np.where(behind < validation, VALIDATION, TRAIN))
    return _parts(table, np.where(others, part, -1), protocol)


def _parts(table: Table, part: npt.NDArray[np.int64], protocol: Protocol) -> Parts:
    """The positions of each part, where `part` says it for each row, with -1 for none; raises InvalidData."""
    counts = np.bincount(part[part >= 0], minlength=len(PARTS))
    if not counts.all():
        told = ", ".join(f"{count} {name}" for name, count in zip(PARTS, counts.tolist(), strict=True))
        empty = PARTS[int(counts.argmin())]
        raise InvalidData(
            f"{named([place.path for place in table.places])}: the protocol {protocol.name} splits {counts.sum()} rows "
            f"{_by(table, protocol)}into {told}: nothing is left for {empty}. Change spec.evaluation of the RecModel, "
            "or add data."
        )
    return Parts(*(np.flatnonzero(part == index) for index in range(len(PARTS))))


def _interval(table: Table) -> str:
    """What the intervals of the figures are."""
    if table.schema.user is None and table.schema.group is None:
        return "95 %, normal over rows, the metric linearised"
    one = "user" if table.schema.user is not None else "group"
    return f"95 %, normal over {one}s, the metric linearised, the rows of a {one} counted together"


def _by_ratio(table: Table, rows: Rows, protocol: Protocol) -> tuple[npt.NDArray[np.int64], dict[str, Any]]:
    group = table.schema.group
    dealt = "rows are" if group is None else f"groups (all rows of one value of the column {group}) are"
    rules = {
        "split": f"{dealt} dealt at random, by a seed that all runs share",
        "validationPercent": protocol.validation_percent,
        "testPercent": protocol.test_percent,
    }
    if protocol.folds:
        rules["crossValidation"] = (
            f"what does not test is dealt into {protocol.folds} folds; each is judged by a model that is trained and "
            "validated on the others"
        )
    return _dealt(_places(table, rows), protocol), rules


def _dealt(place: Floats, protocol: Protocol) -> npt.NDArray[np.int64]:
    """The part of each row of ByRatio, from where it stands."""
    test = len(place) * protocol.test_percent // 100
    validation = len(place) * protocol.validation_percent // 100
    return np.where(place < test, TEST, np.where(place < test + validation, VALIDATION, TRAIN)).astype(np.int64)


def _places(table: Table, rows: Rows) -> Floats:
    """Where each row stands when all are dealt in a line, from 0: that of a group's rows is the middle of them all.

    A group's turn follows from its name alone, so that further rows move few groups to another part.
    """
    group = table.schema.group
    if group is None:
        return np.random.default_rng(SEED).permutation(len(rows)).astype(np.float64)
    codes, texts = table.coded(group)
    codes = codes[rows]
    present = np.flatnonzero(np.bincount(codes)).tolist()
    turn = sorted(present, key=lambda code: hashlib.blake2b(f"{SEED}={texts[code]}".encode()).digest())
    number = np.zeros(len(texts), dtype=np.int64)
    number[turn] = np.arange(len(turn))
    numbers = number[codes]
    sizes = np.bincount(numbers)
    middles: Floats = np.cumsum(sizes) - (sizes + 1) / 2
    return middles[numbers]


def _require_whole(table: Table, rows: Rows, part: npt.NDArray[np.int64], group: str) -> None:
    """Raise InvalidData unless each group stands in one part."""
    codes = table.codes(group)[rows]
    first = np.full(int(codes.max()) + 1, -1, dtype=np.int64)
    first[codes[::-1]] = part[::-1]
    torn = part != first[codes]
    if not torn.any():
        return
    position = int(torn.argmax())
    row, name = int(rows[position]), table.text(group, int(rows[position]))
    raise InvalidData(
        f"{table.place(row)}: the column {table.schema.split!r} says {PARTS[part[position]]}, but rows of the same "
        f"group ({group} {name!r}) stand in {PARTS[first[codes[position]]]} before it, and so do "
        f"{len(np.unique(codes[torn]))} of {len(np.unique(codes))} groups in several parts: give each group one part."
    )


def _by_time(table: Table, rows: Rows, protocol: Protocol) -> tuple[npt.NDArray[np.int64], dict[str, Any]]:
    if table.schema.group is not None:
        raise InvalidData(
            f"evaluation.protocol ByTime may cut the groups of the column {table.schema.group!r} in two: use ByRatio "
            "or ByColumn, or leave the column out."
        )
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
    codes = coded(table.columns[name])
    part: Rows = codes.fill_null(-1).to_numpy().astype(np.int64)[rows]
    wrong = part < 0
    if wrong.any():
        row = int(rows[int(wrong.argmax())])
        raise wrong_part(table.place(row), name, table.text(name, row), int(wrong.sum()), len(rows))
    return part, {"split": f"as the column {name} says: {', '.join(PARTS)}"}


def _by(table: Table, protocol: Protocol) -> str:
    """By which column the protocol splits."""
    schema = table.schema
    column = {BY_COLUMN: schema.split, BY_TIME: schema.timestamp}.get(protocol.name, schema.group)
    return "" if column is None else f"by the column {column!r} "
