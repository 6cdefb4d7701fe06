"""What is asked of rows holds a piece of them, however many there are, and gives the same."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pytest

from recsys_workers.data import cleaning
from recsys_workers.preprocessing import BINARY
from recsys_workers.tabular import distinct, table
from recsys_workers.tabular.cleaning import kept_rows
from recsys_workers.tabular.schema import CATEGORICAL, TEXT, Feature, TableSchema
from recsys_workers.tabular.scratch import scratch
from recsys_workers.tabular.table import Table

COUNT, LENGTH = 6000, 3000
NOTE, PLAN = Feature("note", TEXT, None, missing=True), Feature("plan", CATEGORICAL, None, missing=True)
KINDS = pa.schema([(name, pa.string()) for name in ("note", "plan", "label")])


@pytest.fixture
def long_texts(monkeypatch: pytest.MonkeyPatch) -> Table:
    """Some 18 MB of texts on the disk; every fifth is that of the row before, every seventh is missing."""
    monkeypatch.setattr(table, "AT_ONCE", 300)
    numbers = np.arange(COUNT)
    with scratch(KINDS) as made:
        for some in np.split(numbers, 10):
            each = [number - (number % 5 == 4) for number in some.tolist()]
            notes = [None if number % 7 == 3 else f"{'ä' * (LENGTH // 2)} {number}" for number in each]
            plans = [None if number % 7 == 3 else f"plan-{number}" for number in each]
            made.add(pa.table([notes, plans, ["1"] * len(each)], schema=KINDS))
        columns = made.mapped()
    return Table(TableSchema(BINARY, "label", None, (NOTE, PLAN)), columns, None, [])


@contextmanager
def at_most(most: int) -> Iterator[None]:
    """Fails where Arrow, or Python with NumPy, holds more bytes at a time."""
    before, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        yield
        peak = max(tracemalloc.get_traced_memory()[1], pool.max_memory())
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)
    assert peak < most, f"{peak} bytes"


def test_values_are_counted_without_holding_the_texts(long_texts: Table) -> None:
    rows = np.flatnonzero(np.arange(COUNT) % 3)
    with at_most(COUNT * LENGTH // 4):
        found = distinct.counted(long_texts, NOTE, rows)
    texts = long_texts.columns["note"].take(pa.array(rows))
    assert found == (len(texts.drop_null().unique()), texts.null_count)
    assert distinct.counted(long_texts, PLAN, rows) == found
    assert 0 < found[1] < found[0] < len(rows)


def test_duplicates_are_found_without_holding_the_texts(long_texts: Table) -> None:
    rules = cleaning.parse({"missing": "Drop", "duplicates": "KeepFirst"})
    without = Table(long_texts.schema, long_texts.columns.set_column(1, "plan", long_texts.columns["label"]), None, [])
    with at_most(COUNT * LENGTH // 4):
        kept, _ = kept_rows(without, rules)
    texts = long_texts.columns["note"].to_pylist()
    firsts = {text: row for row, text in reversed(list(enumerate(texts)))}
    assert kept.tolist() == sorted(firsts.values())
    assert 0 < len(kept) < COUNT - COUNT // 10
