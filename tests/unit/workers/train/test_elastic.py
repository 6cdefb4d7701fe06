"""When an elastic run takes workers in: right after a checkpoint, and never because the store did not say."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.train.v2._internal.execution.scaling_policy import NoopDecision, ResizeDecision
from ray.train.v2.api.config import ScalingConfig

from recsys_workers.train import elastic
from recsys_workers.train.ray_run import SNAPSHOT

pytestmark = pytest.mark.torch


def keep(folder: Path, name: str | None) -> None:
    latest = name and {"checkpoint_dir_name": name}
    (folder / SNAPSHOT).write_text(json.dumps({"latest_checkpoint_result": latest}))


def test_the_newest_checkpoint_is_none_where_the_store_does_not_say(tmp_path: Path) -> None:
    assert elastic.newest_kept(tmp_path) == ""
    keep(tmp_path, None)
    assert elastic.newest_kept(tmp_path) == ""
    keep(tmp_path, "checkpoint_2")
    assert elastic.newest_kept(tmp_path) == "checkpoint_2"
    (tmp_path / SNAPSHOT).write_text('{"latest_checkpoint')
    assert elastic.newest_kept(tmp_path) is None
    (tmp_path / SNAPSHOT).unlink()
    (tmp_path / SNAPSHOT).mkdir()
    assert elastic.newest_kept(tmp_path) is None


def test_workers_are_taken_in_after_a_checkpoint_and_not_after_a_look_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elastic, "room", lambda needed: 2)
    policy = elastic.AsManyAsThereAre(ScalingConfig(num_workers=2), tmp_path)
    one: Any = SimpleNamespace(num_workers=1)
    status = SimpleNamespace(worker_statuses={0: SimpleNamespace(running=True)})

    def decided(kept: str | None) -> Any:
        if kept is None:
            (tmp_path / SNAPSHOT).write_text("{")
        else:
            keep(tmp_path, kept)
        return policy.make_decision_for_running_worker_group(one, status)

    for kept in (None, "checkpoint_1", "checkpoint_1", None, None, "checkpoint_1", "checkpoint_2"):
        assert isinstance(decided(kept), NoopDecision), kept
    found = decided("checkpoint_2")
    assert isinstance(found, ResizeDecision)
    assert found.num_workers == 2
