"""What takes the place of missing values: that of the row before, or one that is fitted on the training rows.

The fitted one is saved with the column and applied by recsys_workers.preprocessing. Only in a table there is a row
before: a request has none, and gets the fitted value, as the first rows of the table do.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from recsys_workers.data.interactions import id_order
from recsys_workers.tabular.schema import CONSTANT, FORWARD_FILL, MEAN, NUMERIC, Feature
from recsys_workers.tabular.scratch import scratch
from recsys_workers.tabular.table import Rows, Table, pieces

Flags = npt.NDArray[np.bool_]


def carry_forward(table: Table, rows: Rows) -> Table:
    """The table in which these rows have, in columns with missing: ForwardFill, the value of the row before.

    Before is by the Timestamp, at one time by the row's number, and within a group where the schema has a Group. Other
    rows neither give nor take.
    """
    names = [feature.name for feature in table.schema.features if feature.fill == FORWARD_FILL]
    if not names or table.times is None:
        return table
    groups = np.zeros(len(rows), dtype=np.int64)
    if table.schema.group is not None:
        groups = table.codes(table.schema.group)[rows]
    order = np.lexsort((table.times.found[rows], groups))
    ordered, groups = rows[order], groups[order]
    begins = np.append(True, groups[1:] != groups[:-1])
    columns, carried = table.columns, {}
    for name in names:
        there = columns[name].is_valid().to_numpy()
        source = np.arange(len(table))
        source[ordered] = ordered[last_there(there[ordered], begins)]
        carried[name] = int(np.count_nonzero(source != np.arange(len(table))))
        columns = columns.set_column(columns.schema.get_field_index(name), name, _gathered(table, name, source))
    return replace(table, columns=columns, carried=carried)


def _gathered(table: Table, name: str, source: Rows) -> pa.ChunkedArray:
    """The column that has in each row the value of the source's row."""
    kind = table.columns.schema.field(name)
    with scratch(pa.schema([kind])) as laid_down:
        if kind.type == pa.float64():
            numbers = table.numbers(name)
            parts = (pa.array(numbers[rows], from_pandas=True) for rows in pieces(source))
        else:
            codes, texts = table.coded(name)
            distinct = pa.array(texts, pa.string())
            coded = (codes[rows] for rows in pieces(source))
            parts = (distinct.take(pa.array(some, mask=some < 0)) for some in coded)
        for part in parts:
            laid_down.add(pa.table([part], schema=pa.schema([kind])))
        return laid_down.mapped()[name]


def last_there(there: Flags, begins: Flags) -> Rows:
    """For each position the last one up to it, of the same stretch, that is there; itself where none is.

    `begins` is where a stretch begins; the first position does.
    """
    positions = np.arange(len(there))
    last = np.maximum.accumulate(np.where(there, positions, -1))
    begin = np.maximum.accumulate(np.where(begins, positions, 0))
    found: Rows = np.where(last >= begin, last, positions)
    return found


def fill_of(feature: Feature, known: pa.ChunkedArray) -> float | str | None:
    """What takes the place of a missing value, from the training rows' values, of which there is one; None: nothing."""
    if feature.fill in (None, CONSTANT):
        return feature.constant
    if feature.role != NUMERIC:
        return _most_frequent(known)
    numbers = known.to_numpy()
    if feature.fill in (MEAN, FORWARD_FILL):
        with np.errstate(over="ignore"):  # It is told where the column is fitted.
            return float(numbers.mean())
    values, counts = np.unique(numbers, return_counts=True)
    return float(values[counts.argmax()])


def _most_frequent(known: pa.ChunkedArray) -> str:
    """The first, in the order of ids, of those that are there most often."""
    counted = known.value_counts()
    most = pc.equal(counted.field("counts"), pc.max(counted.field("counts")))
    return id_order(counted.field("values").filter(most).to_pylist())[0]
