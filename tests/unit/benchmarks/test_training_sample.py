"""Which runs of the training benchmark are recorded, and what tells one from another."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from benchmarks.training import beauty
from benchmarks.training.__main__ import arguments, is_sample
from benchmarks.training.report import BEAUTY
from benchmarks.training.run import Job

from recsys_workers.models.hyperparameters import check


def sample(monkeypatch: pytest.MonkeyPatch, *options: str, digest: str = BEAUTY) -> bool:
    monkeypatch.setattr("sys.argv", ["bench-training", *options])
    return is_sample(arguments(), digest)


def test_only_the_benchmark_as_it_is_configured_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not sample(monkeypatch)
    assert not sample(monkeypatch, "--only", "SASRec", "--seed", "2", "--threads", "1")
    for option in (["--threads", "2"], ["--users", "9"], ["--epochs", "1"], ["--set", "dropout=0.1"]):
        assert sample(monkeypatch, *option)
    assert sample(monkeypatch, digest="0")


def test_another_number_of_threads_has_checkpoints_of_its_own(tmp_path: Path) -> None:
    (tmp_path / beauty.SEQUENCES).write_text("1 1 2 3 4\n2 2 3 1\n")
    (tmp_path / beauty.ATTRIBUTES).write_text('{"1": [7], "2": [7]}')
    data = beauty.read(tmp_path, None)
    one, same, two = (Job("Small", "SASRec", check("SASRec", {}), 1, data, threads, False).key for threads in (1, 1, 2))
    assert one == same != two
