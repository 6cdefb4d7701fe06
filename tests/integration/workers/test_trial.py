"""What Ray's processes do without Ray around them: what fails a trial, what the attempt, and who may write."""

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import ray.tune
import torch
from tests.integration.workers.curves import N_ITEMS, training

from recsys_workers.train import store, worker
from recsys_workers.train.fence import LOCK, Superseded
from recsys_workers.train.loop import TrainingDiverged
from recsys_workers.train.progress import Progress, StatusWriter
from recsys_workers.tune import outcomes, trial

pytestmark = pytest.mark.torch

ME = "this attempt\n"


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the trial tells Ray Tune; its run folder is the test's own."""
    found: list[dict[str, Any]] = []
    (tmp_path / LOCK).write_text(ME)
    monkeypatch.setattr(ray.tune, "report", found.append)
    monkeypatch.setattr(trial, "prepare_torch", torch.set_num_threads)
    monkeypatch.setattr(trial, "fresh", lambda _: (training("SASRec", epochs="1"), None))
    return found


@contextmanager
def no_larger_files_than(size: int) -> Iterator[None]:
    """For as long as the block runs: pytest's own output goes into a file too."""
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, kept[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)


def train(folder: Path) -> None:
    settings = {"threads": 1, "folder": str(folder), "attempt": ME, "events": str(folder / "events")}
    trial.train_trial(settings, 1, {})


def test_a_trial_ends_with_its_state_in_the_store(tmp_path: Path, reports: list[dict[str, Any]]) -> None:
    train(tmp_path)
    assert [(report["epoch"], report["finished"]) for report in reports] == [(1, True)]
    assert (outcomes.folder_of(tmp_path, 1) / outcomes.STATE).stat().st_size > store.PROBE_BYTES


def test_a_state_that_the_store_does_not_give_for_a_moment_is_waited_for(
    tmp_path: Path, reports: list[dict[str, Any]]
) -> None:
    """Reading a process's memory at its first byte is an input/output error, as the kernel has it of a store too."""
    train(tmp_path)
    state = outcomes.folder_of(tmp_path, 1) / outcomes.STATE
    found = torch.load(state, weights_only=True)
    torch.save({**found, "seconds": 1000.0}, tmp_path / "aside")
    state.unlink()
    state.symlink_to("/proc/self/mem")
    back = threading.Timer(1.5, (tmp_path / "aside").replace, (state,))
    back.start()
    reports.clear()
    train(tmp_path)
    back.join()
    assert [report["seconds"] > 1000 for report in reports] == [True], "it goes on"


def test_a_store_that_does_not_take_the_state_is_no_failure_of_the_trial(
    tmp_path: Path, reports: list[dict[str, Any]]
) -> None:
    """It would be kept as the trial's outcome, which no later attempt tries again."""
    refused = "The state of a trial cannot be written into"
    with no_larger_files_than(store.PROBE_BYTES), pytest.raises(OSError, match=refused):
        train(tmp_path)
    assert reports == []


@pytest.mark.parametrize(
    ("error", "of_the_run"),
    [
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), True),
        (torch.OutOfMemoryError("CUDA out of memory."), False),
        (TrainingDiverged("The loss is nan."), False),
    ],
)
def test_what_every_trial_would_meet_ends_the_attempt_and_not_the_trial(
    tmp_path: Path,
    reports: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    of_the_run: bool,
) -> None:
    def broken(_: object) -> None:
        raise error

    monkeypatch.setattr(trial, "fresh", broken)
    if of_the_run:
        with pytest.raises(type(error)):
            train(tmp_path)
        assert reports == []
    else:
        train(tmp_path)
        assert [str(error) in report["message"] for report in reports] == [True]


def test_a_trial_of_an_attempt_that_a_newer_one_has_followed_leaves_its_state_alone(
    tmp_path: Path, reports: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer attempt goes on from it, and would begin again at an epoch that it has left behind."""
    state = outcomes.folder_of(tmp_path, 1) / outcomes.STATE
    found: list[bytes] = []

    def overtaken(report: dict[str, Any]) -> None:
        reports.append(report)
        found.append(state.read_bytes())
        (tmp_path / LOCK).write_text("a newer attempt\n")

    monkeypatch.setattr(ray.tune, "report", overtaken)
    monkeypatch.setattr(trial, "fresh", lambda _: (training("SASRec", epochs="3"), None))
    with pytest.raises(Superseded):
        train(tmp_path)
    assert [report["epoch"] for report in reports] == [1]
    assert state.read_bytes() == found[0]


def test_an_attempt_that_a_newer_one_has_followed_exports_nothing(tmp_path: Path) -> None:
    """Its weights and lists would stand beside the newer one's graph."""
    (tmp_path / LOCK).write_text("a newer attempt\n")
    trained = training("SASRec", epochs="1")
    trained.run(lambda _: None, lambda: None)
    settings = {"folder": str(tmp_path), "attempt": ME, "threads": 1, "nItems": N_ITEMS, "excludeSeen": False}
    progress = Progress(StatusWriter("shop", "shop-1", "uid-1"))
    try:
        with pytest.raises(Superseded):
            worker.export_and_score(trained, trained.validation, settings, progress)
    finally:
        progress.close()
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]
