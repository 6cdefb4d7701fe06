"""What is asked of rows holds a piece of them, however many there are, and gives the same."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recsys_workers.data import cleaning
from recsys_workers.predictions import Outputs, log_probabilities, scores
from recsys_workers.preprocessing import BINARY, MULTICLASS, Floats, Inputs, Preprocessing, Target
from recsys_workers.tabular import data, distinct, graph, metrics, table
from recsys_workers.tabular.cleaning import kept_rows
from recsys_workers.tabular.schema import CATEGORICAL, TEXT, Feature, TableSchema
from recsys_workers.tabular.scratch import scratch
from recsys_workers.tabular.splitting import Parts
from recsys_workers.tabular.table import SCORED_TOGETHER, Table, pieces
from recsys_workers.tfidf import Text

COUNT, LENGTH, CLASSES = 6000, 3000, 200
NOTE, PLAN = Feature("note", TEXT, None, missing=True), Feature("plan", CATEGORICAL, None, missing=True)
KINDS = pa.schema([(name, pa.string()) for name in ("note", "plan", "label")])


@pytest.fixture
def long_texts(monkeypatch: pytest.MonkeyPatch) -> Table:
    """Some 18 MB of texts on the disk; every fifth is that of the row before, every seventh is missing."""
    monkeypatch.setattr(table, "AT_ONCE", 300)
    return made("ä" * (LENGTH // 2))


def made(text: str) -> Table:
    with scratch(KINDS) as laid_down:
        for some in np.split(np.arange(COUNT), 10):
            each = [number - (number % 5 == 4) for number in some.tolist()]
            notes = [None if number % 7 == 3 else f"{text} {number}" for number in each]
            plans = [None if number % 7 == 3 else f"plan-{number}" for number in each]
            laid_down.add(pa.table([notes, plans, ["1"] * len(each)], schema=KINDS))
        columns = laid_down.mapped()
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


def test_wide_rows_are_laid_down_and_asked_about_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = tuple(str(number) for number in range(1000, 2000))
    fitted = Preprocessing((Text("note", words, (1.0,) * len(words), missing=True),), Target("label", BINARY))
    short = made("word")
    short = Table(TableSchema(BINARY, "label", None, (NOTE,)), short.columns, None, [])
    rows, none = np.arange(COUNT), np.arange(0)
    loaded = data.Rowwise(short, rows, Parts(rows, none, none), fitted, {}, [], np.zeros(COUNT))
    monkeypatch.setattr(table, "BYTES", (4 * SCORED_TOGETHER + 600) * len(words))
    with at_most(4 * 4 * SCORED_TOGETHER * len(words)):
        data.write(tmp_path, loaded, parts=["train"])
        asked = [len(inputs) for inputs in data.inputs_of(fitted, short, rows)]
    assert asked == [SCORED_TOGETHER] * 5 + [COUNT - 5 * SCORED_TOGETHER]
    whole = fitted.apply(data.columns_of(short, rows), COUNT)
    assert data.read_part(tmp_path, "train").inputs.numeric.tobytes() == whole.numeric.tobytes()
    assert whole.numeric.any(axis=1).sum() > COUNT // 4


class Recorder:
    """In the place of a session: what it is given together."""

    def __init__(self) -> None:
        self.given: list[list[float]] = []

    def run(self, _: list[str], fed: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.given.append(fed["numeric"][:, 0].tolist())
        return [fed["numeric"]]


@pytest.mark.parametrize("width", [0, 40, 30_000, 60_000, 10**9])
def test_however_wide_rows_are_a_graph_is_given_the_same_ones_together(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 70_000
    inputs = Inputs(np.arange(count, dtype=np.float32)[:, None], np.zeros((count, 1), dtype=np.int64), 0)
    recorders = Recorder(), Recorder()
    for recorder in recorders:
        monkeypatch.setattr(graph, "session", lambda *_, found=recorder: found)
        asked = graph.RowGraph(b"", 1)
        some = (
            [inputs]
            if recorder is recorders[0]
            else [Inputs(inputs.numeric[rows], inputs.categorical[rows], 0) for rows in pieces(np.arange(count), width)]
        )
        assert len(some) == 1 or max(map(len, some)) <= max(SCORED_TOGETHER, table.BYTES // max(1, width))
        asked.of_pieces(some)
    assert recorders[0].given == recorders[1].given


def of_many_classes() -> tuple[Target, Outputs, Floats]:
    random = np.random.default_rng(1)
    target = Target("label", MULTICLASS, tuple(str(number) for number in range(CLASSES)))
    labels = random.integers(0, CLASSES, COUNT)
    outputs = (random.normal(0, 1, (COUNT, CLASSES)) + 3 * np.eye(CLASSES)[labels]).astype(np.float32)
    return target, outputs, labels.astype(np.float64)


@pytest.mark.parametrize("name", ["Precision", "Recall", "F1"])
def test_a_mean_over_many_classes_does_not_hold_what_each_gives(name: str) -> None:
    target, outputs, labels = of_many_classes()
    with at_most(8 * COUNT * CLASSES // 4):
        found = metrics.per_row(name, target, outputs, labels)
    said = outputs.argmax(axis=1)
    each = [metrics.RATIOS[name](said == index, labels == index) for index in range(CLASSES)]
    assert found.tobytes() == np.mean(each, axis=0).tobytes()
    assert 0.1 < found.mean() < 1


def test_the_log_loss_of_many_classes_holds_the_probabilities_of_some_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    target, outputs, labels = of_many_classes()
    expected = -log_probabilities(target, outputs)[np.arange(COUNT), labels.astype(np.int64)]
    monkeypatch.setattr(table, "BYTES", 1 << 20)
    with at_most(8 * COUNT * CLASSES):
        found = metrics.per_row("LogLoss", target, outputs, labels)
    assert found.tobytes() == expected.tobytes()


def test_the_scores_of_many_classes_hold_the_probabilities_of_some_rows() -> None:
    target, outputs, _ = of_many_classes()
    with at_most(8 * COUNT * CLASSES):
        found = scores(target, outputs)
    log = log_probabilities(target, outputs).max(axis=1)
    assert found.tobytes() == (log - np.log(np.maximum(-np.expm1(log), 1e-12))).astype(np.float32).tobytes()
    assert not len(scores(target, outputs[:0]))
