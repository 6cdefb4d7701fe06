"""The table of the benchmark on rows, and the plain loop that it compares with."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

pytest.importorskip("torch")

from benchmarks.tabular import report
from benchmarks.tabular.clocks import Steps, Time
from benchmarks.tabular.reference import Reference


def result(seed: int, accuracy: float, step: float, of_reference: float) -> dict[str, Any]:
    def told(milliseconds: float) -> dict[str, float]:
        return {"median": milliseconds, "mean": 2 * milliseconds, "processor": milliseconds / 2}

    reference = {"accuracy": 0.8, "stepMilliseconds": told(of_reference), "steps": 10}
    ours = {"accuracy": accuracy, "accuracy±": 0.003, "stepMilliseconds": told(step), "steps": 10}
    return {"name": "MLP", "seed": seed, **ours, "reference": reference, "best": 0.851}


def test_the_worst_seed_and_the_mean_step_decide() -> None:
    good = [result(1, 0.84, 0.5, 2.0), result(2, 0.836, 1.5, 4.0)]
    told = report.verdict(good)
    assert "The lowest accuracy is 83.60%; at least 83.50%: reached." in told
    assert "A step is 36 times as fast as 36 ms (by the processor's time 72 times); at least 20: reached." in told
    assert "Beside the plain loop in the same run it is 3.0 times as fast" in told
    bad = report.verdict([result(1, 0.8349, 2.0, 2.0)])
    assert bad.count("NOT reached") == 2
    lines = report.table(good).splitlines()
    assert "| recsys-operator | 2 | 83.60% ± 0.30% | 1.50 / 3.00 / 0.75 | 24 |" in lines
    assert lines[-1] == "| who knows the rule (85% expected) | | 85.10% | | |"


def test_a_step_that_is_interrupted_does_not_move_the_middle_one() -> None:
    steps = Steps([Time(0.001, 0.001), Time(0.002, 0.001), Time(0.5, 0.001)])
    assert steps.milliseconds() == {"median": 2.0, "mean": pytest.approx(167.6667), "processor": 1.0}


def test_the_plain_loop_takes_a_step_a_row_group_and_learns(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    x = random.standard_normal((600, 2)).astype(np.float32)
    table = pa.table({"x0": x[:, 0], "x1": x[:, 1], "label": (x[:, 0] > 0).astype(np.int8)})
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=100)
    reference = Reference(tmp_path / "rows.parquet", ["x0", "x1"], width=8, learning_rate=0.02, seed=1)
    losses = [reference.epoch() for _ in range(10)]
    assert len(reference.steps.times) == 60
    assert losses[-1] < losses[0] / 2
    assert reference.accuracy(tmp_path / "rows.parquet") > 0.95
