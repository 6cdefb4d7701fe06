"""Which runs of the training benchmark are recorded, and what tells one from another."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from benchmarks import keep
from benchmarks.training import beauty
from benchmarks.training.__main__ import _may_read_test, arguments, is_sample
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


def test_test_is_read_only_where_what_decides_the_figures_is_committed_and_nothing_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uncommitted: list[str] = []
    looked_at: list[str] = []

    def changed(*paths: str) -> list[str]:
        looked_at.extend(paths)
        return uncommitted

    def may(*options: str) -> tuple[bool, str]:
        monkeypatch.setattr("sys.argv", ["bench-training", *options])
        return _may_read_test(arguments())

    monkeypatch.setattr(keep, "changed", changed)
    assert may("--users", "9") == (True, "")
    assert looked_at == ["benchmarks/training", "workers/recsys_workers"]
    for option in (["--set", "dropout=0.1"], ["--epochs", "1"]):
        assert may(*option) == (False, "this is a trial, and validation chooses.")
    uncommitted += ["benchmarks/training/configuration.py", "workers/recsys_workers/models/sasrec.py"]
    said = f"commit what decides the figures first; changed are {', '.join(uncommitted)}."
    assert may() == (False, said)


def test_another_number_of_threads_has_checkpoints_of_its_own(tmp_path: Path) -> None:
    (tmp_path / beauty.SEQUENCES).write_text("1 1 2 3 4\n2 2 3 1\n")
    (tmp_path / beauty.ATTRIBUTES).write_text('{"1": [7], "2": [7]}')
    data = beauty.read(tmp_path, None)
    one, same, two = (Job("Small", "SASRec", check("SASRec", {}), 1, data, threads, False).key for threads in (1, 1, 2))
    assert one == same != two
