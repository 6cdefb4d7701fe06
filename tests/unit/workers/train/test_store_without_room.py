"""A store that is full, or away, where nobody waits for it: the attempt says so, and the next one goes on."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.unit.workers.refusals import outcome
from tests.unit.workers.tabular import tables
from tests.unit.workers.train.played import Training
from torch import nn

from recsys_workers.data import arrays
from recsys_workers.tabular import worker as rows
from recsys_workers.train import fence, leftovers, publish, store, worker
from recsys_workers.train.__main__ import main


def raising(number: int) -> Callable[..., Any]:
    """What answers with this error to every call."""

    def call(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE])
@pytest.mark.parametrize(
    ("module", "name"),
    [(fence.os, "fsync"), (leftovers, "remove_partials"), (publish, "numbers"), (publish.manifest, "encode")],
    ids=["lock", "begin", "number", "manifest"],
)
@pytest.mark.usefixtures("training")
def test_what_the_store_does_not_take_is_told_without_a_traceback(
    number: int, module: Any, name: str, document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, raising(number))
    code, reason, message = outcome(document, tmp_path)
    assert (code, reason) == (1, "StoreUnreachable")
    assert message.startswith("A file of the run cannot be written or read: [Errno ")
    assert os.strerror(number) in message
    assert "pvc://store/models" in message


def test_any_other_error_keeps_its_traceback(
    document: dict[str, Any], run_folder: Path, training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "remove_partials", raising(errno.ENOENT))
    assert main() == 1
    told = json.loads((tmp_path / "termination").read_text())
    assert told["reason"] == "TrainerError"
    assert "Traceback" in told["log"]


def test_every_task_says_alike_that_its_data_have_no_room_in_the_store(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(np, "savez", raising(errno.ENOSPC))
        code, reason, message = outcome(document, tmp_path)
    of_rows = tables.document(tmp_path / "rows", monkeypatch)
    with monkeypatch.context() as full:
        full.setattr(arrays, "write", raising(errno.ENOSPC))
        assert (code, reason, message) == outcome(of_rows, tmp_path / "rows")
    assert (code, reason) == (1, "DiskFull")
    assert message == (
        "The store pvc://store/models has no room for what the training reads: [Errno 28] No space left on device. "
        "Make room there."
    )


class Reached(Exception):
    """What is told so far is enough."""


@pytest.mark.parametrize("module", [worker, rows])
def test_a_store_without_room_is_waited_for_before_the_best_weights_are_written(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt whose training is over has the most to lose."""
    told: list[str] = []

    def written(*_: Any) -> None:
        told.append("written")
        raise Reached

    monkeypatch.setattr(store, "await_writable", lambda *_: told.append("waited"))
    monkeypatch.setattr(fence.Fence, "require", lambda _: told.append("newest"))
    monkeypatch.setattr(module.weights, "write", written)
    monkeypatch.setattr(rows.data, "read_part", lambda *_: SimpleNamespace(inputs=None))
    training: Any = SimpleNamespace(best_model=lambda: nn.Linear(1, 1))
    settings = {"folder": str(tmp_path), "attempt": "this one\n"}
    others: list[Any] = [settings, None] if module is rows else [SimpleNamespace(), settings, None]
    with pytest.raises(Reached):
        module.export_and_score(training, *others)
    assert told == ["waited", "newest", "written"]
