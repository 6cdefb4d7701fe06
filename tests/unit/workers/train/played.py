"""A training that is played: what Ray leaves, without Ray, and the statuses that were told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys_workers import manifest
from recsys_workers.evaluate.parity import Reference
from recsys_workers.evaluate.scoring import Lists
from recsys_workers.train import history, prepared, ray_run, scored
from recsys_workers.train.history import History, Point
from recsys_workers.train.progress import StatusWriter
from recsys_workers.train.scored import Scored

CHECKPOINT = "checkpoint_2026-01-01_00-00-00"


class Training:
    """Stands for Ray: leaves what it leaves, or fails. `told` are the results, each written with a `progress`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Exception | None = None
        self.refused: Exception | None = None
        self.calls = 0
        self.settings: list[Mapping[str, Any]] = []
        self.told: list[dict[str, Any]] = []
        self.progress: list[dict[str, Any]] = []
        monkeypatch.setattr(ray_run, "fit", self.fit)
        monkeypatch.setattr(StatusWriter, "apply", lambda _writer, status: self.apply(status))

    def fit(self, settings: Mapping[str, Any], folder: Path, _threads: int) -> None:
        self.calls += 1
        self.settings.append(settings)
        (folder / CHECKPOINT).mkdir(exist_ok=True)
        (folder / CHECKPOINT / "state.pt").write_bytes(b"weights")
        (folder / ray_run.SNAPSHOT).write_text("{}")
        (folder / ".validate_storage_marker").write_text("")
        (folder / "latest").unlink(missing_ok=True)
        (folder / "latest").symlink_to(folder.parent)
        if self.error is not None:
            raise ray_run.TrainingFailed(self.error, "")
        history.write(folder, History("NDCG@10", 1, 1, [Point(1, 3, 2.5, 0.5)]))
        tests = len(prepared.read(folder).test.targets)
        (folder / manifest.WEIGHTS).write_bytes(b"weights")
        items = np.array([[4, 3, 2, 1]] * tests)
        scores = np.array([[0.4, 0.3, 0.2, 0.1]] * tests, np.float32)
        finite = np.ones(tests, np.bool_)
        scored.write(folder, b"graph", Scored(Lists(scores, items), Reference(items, scores, scores, finite), 1, 0.5))

    def apply(self, status: Mapping[str, Any]) -> None:
        if "result" in status:
            if self.refused is not None:
                raise self.refused
            self.told.append(dict(status["result"]))
            self.progress.append(dict(status["progress"]))
