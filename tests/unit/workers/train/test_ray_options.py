"""What is asked of Ray for a pod with and without a GPU, and what it must not find of a killed attempt."""

import json
from pathlib import Path

import pytest

from recsys_workers.train.ray_run import ENVIRONMENT, SNAPSHOT, gpus_asked, repair_snapshot, scaling, workers_asked


@pytest.mark.parametrize(("environ", "gpus"), [({}, 0), ({"RECSYS_GPUS": ""}, 0), ({"RECSYS_GPUS": "1"}, 1)])
def test_a_gpu_is_asked_for_where_the_operator_says_so(environ: dict[str, str], gpus: int) -> None:
    assert gpus_asked(environ) == gpus


@pytest.mark.parametrize(("gpus", "resources"), [(0, {"CPU": 3}), (1, {"CPU": 3, "GPU": 1})])
def test_the_one_worker_gets_all_that_the_pod_has(gpus: int, resources: dict[str, int]) -> None:
    """By Ray's own reading, which refuses GPUs without use_gpu."""
    config = pytest.importorskip("ray.train").ScalingConfig(**scaling(3, gpus))
    assert (config.num_workers, config.use_gpu) == (1, gpus > 0)
    assert config._resources_per_worker_not_none == resources
    assert config.num_gpus_per_worker == gpus


def test_memory_is_left_to_the_kernel_whose_kill_has_a_name() -> None:
    assert ENVIRONMENT["RAY_memory_monitor_refresh_ms"] == "0"


KEPT = "checkpoint_2026-01-01_00-00-00"


@pytest.mark.parametrize(
    ("snapshot", "kept"),
    [
        (json.dumps({"checkpoint_results": [{"checkpoint_dir_name": KEPT}]}), True),
        (json.dumps({"checkpoint_results": []}), True),
        (json.dumps({"checkpoint_results": [{"checkpoint_dir_name": "checkpoint_2026-01-01_00-00-05"}]}), False),
        (json.dumps({"checkpoint_results": [{"checkpoint_dir_name": KEPT}]})[:-9], False),
        ("[]", False),
        ("", False),
    ],
)
def test_a_list_of_checkpoints_that_a_killed_attempt_damaged_is_started_anew(
    tmp_path: Path, snapshot: str, kept: bool
) -> None:
    """A whole list that names what is there stays: Ray goes on counting from it."""
    (tmp_path / KEPT).mkdir()
    (tmp_path / SNAPSHOT).write_text(snapshot)
    repair_snapshot(tmp_path)
    assert (tmp_path / SNAPSHOT).exists() is kept
    assert (tmp_path / KEPT).is_dir()


def test_a_first_attempt_has_no_list(tmp_path: Path) -> None:
    repair_snapshot(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("environ", "workers"), [({}, 1), ({"RECSYS_WORKERS": ""}, 1), ({"RECSYS_WORKERS": "4"}, 4)])
def test_the_operator_says_how_many_workers(environ: dict[str, str], workers: int) -> None:
    assert workers_asked(environ) == workers


def test_each_of_several_workers_gets_a_pod_of_its_own() -> None:
    config = pytest.importorskip("ray.train").ScalingConfig(**scaling(2, 1, 3))
    assert (config.num_workers, config.placement_strategy) == (3, "SPREAD")
    assert config.resources_per_worker == {"CPU": 2, "GPU": 1}
