"""What is asked of Ray for a pod with and without a GPU."""

import pytest

from recsys_workers.train.ray_run import ENVIRONMENT, gpus_asked, scaling


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
