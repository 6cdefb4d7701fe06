"""The table of numbers: the same for the same seed, and whoever knows its rule tells as many as it says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from recsys_workers.data.generate import numbers
from recsys_workers.data.generate.__main__ import main
from recsys_workers.data.generate.numbers import Settings


def written(folder: Path, *options: str) -> tuple[Any, dict[str, Any]]:
    assert main([str(folder), "--table", "numbers", *options]) == 0
    return parquet.read_table(folder / "numbers"), json.loads((folder / "truth.json").read_text())


def test_the_same_seed_gives_the_same_rows_and_another_one_others(tmp_path: Path) -> None:
    asked = ("--rows", "300", "--features", "7")
    one, told = written(tmp_path / "a", *asked)
    again, told_again = written(tmp_path / "b", *asked)
    other, _ = written(tmp_path / "c", *asked, "--seed", "2")
    assert (one.equals(again), told == told_again, one.equals(other)) == (True, True, False)
    assert one.column_names == [*(f"x{place}" for place in range(7)), "part", "label"]
    assert numbers.names(100)[::99] == ["x00", "x99"]


@pytest.mark.parametrize("accuracy", [0.85, 0.7, 1.0])
def test_its_rule_tells_as_many_as_it_says_and_no_line_does(accuracy: float, tmp_path: Path) -> None:
    rows = 120_000  # more than one chunk
    table, told = written(tmp_path / "a", "--rows", str(rows), "--features", "10", "--bayes-accuracy", str(accuracy))
    assert told["bayesAccuracy"] == accuracy
    settings = Settings(rows, 10, accuracy)
    x = np.column_stack([np.asarray(table[name], dtype=np.float64) for name in numbers.names(10)])
    label = np.asarray(table["label"]) == 1
    straight, bent = numbers.directions(settings)
    found = float(((numbers.score(x, straight, bent) > 0) == label).mean())
    assert found == pytest.approx(told["ofTheSign"]["accuracy"], abs=1e-4)  # but for the rounding to 32 bits
    assert found == pytest.approx(accuracy, abs=4 * np.sqrt(0.25 / rows))
    assert told["ones"] == label.sum()
    line = float(((x @ straight > 0) == label).mean())
    assert line < 0.5 + (accuracy - 0.5) * 0.9


def test_settings_of_which_no_table_can_be_made_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "a"), "--table", "numbers", "--bayes-accuracy", "0.5"]) == 2
    assert main([str(tmp_path / "a"), "--table", "numbers", "--features", "1"]) == 2
    assert main([str(tmp_path / "a"), "--table", "churn", "--bayes-accuracy", "0.9"]) == 2
    told = capsys.readouterr().err
    assert "--bayes-accuracy is 0.5: it must be above 0.5, and at most 1." in told
    assert "--features is 1: it must be at least 2." in told
    assert "--bayes-accuracy is not for --table churn: leave it out." in told
