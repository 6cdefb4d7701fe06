"""Labels as numbers: the class's index, or the value itself. What is in no range is refused by file, row and count."""

import numpy as np
import numpy.typing as npt

from recsys_workers.data.errors import InvalidData
from recsys_workers.data.interactions import id_order
from recsys_workers.data.split_column import PARTS
from recsys_workers.preprocessing import BINARY, MULTICLASS, REGRESSION, Floats, Target
from recsys_workers.tabular.splitting import Parts
from recsys_workers.tabular.table import Rows, Table

MOST_CLASSES = 1000
LARGEST_LABEL = 1e30
"""Of Regression: the graph predicts in float32, which ends at 3.4e38."""
WORDS = (("0", "1"), ("false", "true"), ("False", "True"))
"""What Binary's labels may be, the positive one second, where `positive` does not say it."""


def labels(table: Table, rows: Rows, parts: Parts) -> tuple[Target, Floats]:
    """The target, fitted on the training rows, and each kept row's label; raises InvalidData."""
    schema = table.schema
    if schema.objective == REGRESSION:
        values = table.numbers(schema.label)[rows]
        _require_small(table, rows, values)
        mean, spread = float(values[parts.train].mean()), float(values[parts.train].std())
        if spread <= 1e-12 * abs(mean):
            raise InvalidData(_told(table, len(rows), f"is {mean} in all {len(parts.train)} training rows"))
        return Target(schema.label, REGRESSION, mean=mean, scale=spread), values
    codes, texts = table.coded(schema.label)
    codes = codes[rows]
    if schema.objective == BINARY:
        classes: tuple[str, ...] = _binary_classes(table, len(rows), _present(codes, texts))
    else:
        classes = tuple(id_order(list(_present(codes[parts.train], texts))))
        _require_classes(table, len(rows), classes)
    index = {text: position for position, text in enumerate(classes)}
    coded = np.array([index.get(text, -1) for text in texts], dtype=np.int64)[codes]
    _require_known(table, rows, coded, classes)
    for name, part in zip(PARTS, (parts.train, parts.validation, parts.test), strict=True):
        _require_both(table, coded[part], classes, name)
    return Target(schema.label, schema.objective, classes), coded.astype(np.float64)


def _require_small(table: Table, rows: Rows, values: Floats) -> None:
    large = np.abs(values) > LARGEST_LABEL
    if large.any():
        row = int(large.argmax())
        raise InvalidData(
            f"{table.place(int(rows[row]))}: the label column {table.schema.label!r} holds {values[row]:g}, and "
            f"{large.sum()} of {len(rows)} rows hold more than {LARGEST_LABEL:g} or less than -{LARGEST_LABEL:g}: "
            "scale them down, or drop them."
        )


def _present(codes: Rows, texts: list[str]) -> set[str]:
    return {texts[code] for code in np.flatnonzero(np.bincount(codes)).tolist()}


def _binary_classes(table: Table, rows: int, distinct: set[str]) -> tuple[str, str]:
    """Negative and positive."""
    positive = table.schema.positive
    if positive is None:
        for words in WORDS:
            if distinct <= set(words):
                return words
        # What is left is told of as out of range.
        return WORDS[0]
    others = id_order(list(distinct - {positive}))
    if positive not in distinct:
        raise InvalidData(_told(table, rows, f"is never {positive!r}, which schema.columns calls positive"))
    if len(others) > 1:
        shown = ", ".join(repr(text) for text in others[:5])
        raise InvalidData(_told(table, rows, f"has {len(others)} values besides {positive!r} ({shown})"))
    return (others[0] if others else f"not {positive}"), positive


def _require_classes(table: Table, rows: int, classes: tuple[str, ...]) -> None:
    if len(classes) > MOST_CLASSES:
        raise InvalidData(
            _told(table, rows, f"has {len(classes)} classes in the training rows, of at most {MOST_CLASSES}")
        )


def _require_known(table: Table, rows: Rows, coded: npt.NDArray[np.int64], classes: tuple[str, ...]) -> None:
    outside = coded < 0
    if not outside.any():
        return
    row = int(rows[int(outside.argmax())])
    value = table.text(table.schema.label, row)
    if table.schema.objective == MULTICLASS:
        wanted = "a class that no training row has: add rows of it, or drop them"
    else:
        wanted = f"neither {classes[0]} nor {classes[1]}: correct it, or say with `positive` which value is positive"
    raise InvalidData(
        f"{table.place(row)}: the label column {table.schema.label!r} holds {value!r}, and {outside.sum()} of "
        f"{len(rows)} rows hold {wanted}."
    )


def _require_both(table: Table, coded: npt.NDArray[np.int64], classes: tuple[str, ...], part: str) -> None:
    present = np.unique(coded)
    if len(present) > 1:
        return
    raise InvalidData(
        _told(table, len(table), f"is {classes[int(present[0])]!r} in all {len(coded)} rows of the part {part}")
    )


def _told(table: Table, rows: int, said: str) -> str:
    files = ", ".join(str(file.path) for file in table.places[:3])
    wanted = "Regression needs a label that varies" if table.schema.objective == REGRESSION else ""
    wanted = wanted or f"{table.schema.objective} needs {'two' if table.schema.objective == BINARY else 'some'} classes"
    return (
        f"{files}: the label column {table.schema.label!r} ({rows} rows) {said}: {wanted}, in each part of the split."
    )
