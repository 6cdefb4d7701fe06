"""The generated customers: the same for the same seed, and no better to tell than truth.json says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from recsys_workers.data.generate import churn
from recsys_workers.data.generate.__main__ import main


def written(folder: Path, *options: str) -> dict[str, Any]:
    assert main([str(folder), "--table", "churn", *options]) == 0
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return truth


def test_the_seed_decides(tmp_path: Path) -> None:
    first = written(tmp_path / "a", "--rows", "1000", "--seed", "3")
    assert written(tmp_path / "b", "--rows", "1000", "--seed", "3") == first
    one, other = (parquet.read_table(tmp_path / name / "churn") for name in "ab")
    assert one == other
    assert written(tmp_path / "c", "--rows", "1000", "--seed", "4") != first


def test_nobody_tells_more_than_85_percent() -> None:
    table, sign = churn.chunk(np.random.default_rng(1), 0, 100_000)
    label = np.asarray(table["churned"]) == 1
    assert (sign == label).mean() == pytest.approx(0.85, abs=4 * 0.0011)
    assert 0.3 < label.mean() < 0.7
    assert 0.05 < table["days_since_login"].null_count / 100_000 < 0.15
    # The turn does not depend on the columns: the sign is right as often wherever one looks.
    tenure = np.asarray(table["tenure_months"])
    for part in (tenure < 15, tenure > 35):
        assert (sign == label)[part].mean() == pytest.approx(0.85, abs=0.01)


def test_the_truth_is_counted(tmp_path: Path) -> None:
    truth = written(tmp_path / "a", "--rows", "120000", "--format", "CSV")
    assert len(list((tmp_path / "a" / "churn").iterdir())) == 2
    assert truth["bayesAccuracy"] == 0.85
    assert truth["ofTheSign"]["accuracy"] == pytest.approx(0.85, abs=0.005)
    assert truth["ofTheSign"]["auc"] == pytest.approx(0.85, abs=0.01)
    assert truth["bayesLogLoss"] == pytest.approx(0.4227, abs=1e-4)


def test_options_of_the_other_table_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "a"), "--table", "churn", "--users", "5"]) == 2
    assert "--users is not for --table churn" in capsys.readouterr().err
    assert main([str(tmp_path / "a"), "--rows", "5"]) == 2
    assert "--rows is not for --table shop" in capsys.readouterr().err
    assert main([str(tmp_path / "a"), "--table", "churn", "--rows", "5"]) == 2
    assert "--rows is 5: it must be at least 10" in capsys.readouterr().err
