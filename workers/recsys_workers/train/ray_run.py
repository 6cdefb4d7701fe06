"""Start Ray inside this pod, train in one worker of it, stop Ray again."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOGGER = logging.getLogger(__name__)
OBJECT_STORE_BYTES = 80 * 2**20
"""Ray's smallest object store is 75 MiB; nothing of size goes through it."""
SNAPSHOT = "checkpoint_manager_snapshot.json"
KEPT_CHECKPOINTS = 2
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_METRICS_COLLECTION": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_ENABLE_CONTROLLER_STRUCTURED_LOGGING": "0",
    "RAY_TRAIN_ENABLE_WORKER_STRUCTURED_LOGGING": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.25",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_COLOR_PREFIX": "0",
    # Ray would kill its worker at 95 % of the pod's memory. The kernel does at 100 %, and the kubelet calls that
    # OOMKilled, which is what status.failure tells.
    "RAY_memory_monitor_refresh_ms": "0",
}
"""What Ray need not do for one worker in one pod. Set before Ray is imported; a variable of the user's own wins."""


def gpus_asked(environ: Mapping[str, str] = os.environ) -> int:
    """How many GPUs the TrainingRun asks for: what the operator wrote into RECSYS_GPUS, else none."""
    return int(environ.get("RECSYS_GPUS") or 0)


def scaling(threads: int, gpus: int) -> dict[str, Any]:
    """What Ray Train's ScalingConfig gets: one worker with all that the pod has."""
    resources: dict[str, float] = {"CPU": threads, **({"GPU": gpus} if gpus else {})}
    return {"num_workers": 1, "use_gpu": gpus > 0, "resources_per_worker": resources}


class TrainingFailed(Exception):
    """The worker raised. `kinds` are the names of the exception's classes, `message` is what it said.

    `log` is what Ray tells of it: the worker's traceback, which the exception has lost on its way.
    """

    def __init__(self, cause: BaseException, log: str) -> None:
        origin = getattr(cause, "cause", None) or cause
        self.message = str(origin).strip().splitlines()[-1] if str(origin).strip() else type(origin).__name__
        self.log = log
        self.kinds = {kind.__name__ for kind in type(origin).__mro__}
        super().__init__(self.message)


def fit(settings: Mapping[str, Any], folder: Path, threads: int) -> None:
    """Run `train_worker(settings)` under Ray Train with checkpoints in `folder`; continues a run that was killed.

    The run's name is the folder's, which is the TrainingRun's UID: that is how Ray finds the earlier attempts.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig

    from recsys_workers.train.one_pod import OnePodTrainer

    repair_snapshot(folder)
    gpus = gpus_asked()
    ray.init(
        num_cpus=threads,
        num_gpus=gpus,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        log_to_driver=True,
        logging_level=logging.WARNING,
        _system_config={
            "prestart_worker_first_driver": False,
            "enable_worker_prestart": False,
            # Ray's workers give way to everything else by default; in this pod there is nothing else.
            "worker_niceness": 0,
        },
    )
    try:
        OnePodTrainer(
            in_worker,
            train_loop_config=dict(settings),
            scaling_config=ScalingConfig(**scaling(threads, gpus)),
            run_config=RunConfig(
                name=folder.name,
                storage_path=str(folder.parent),
                checkpoint_config=CheckpointConfig(num_to_keep=KEPT_CHECKPOINTS),
                failure_config=FailureConfig(max_failures=0),
            ),
        ).fit()
    except ray.train.TrainingFailedError as error:
        failures = getattr(error, "worker_failures", {})
        raise TrainingFailed(next(iter(failures.values()), error), str(error)) from error
    finally:
        ray.shutdown()


def in_worker(settings: Mapping[str, Any]) -> None:
    """What Ray calls in its worker. The driver only names it, so torch is imported in the worker alone."""
    from recsys_workers.train.worker import train_worker

    train_worker(settings)


def repair_snapshot(folder: Path) -> None:
    """Remove Ray's own list of checkpoints when a killed attempt left half of it, or when it names what is gone.

    The training itself continues from the newest whole checkpoint, which it finds without that list.
    """
    path = folder / SNAPSHOT
    try:
        snapshot = json.loads(path.read_text())
        names = [result["checkpoint_dir_name"] for result in snapshot["checkpoint_results"]]
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError):
        names = [""]
    if not all(name and (folder / name).is_dir() for name in names):
        LOGGER.warning("Ray's list of checkpoints %s is damaged and is started anew", path)
        path.unlink()
