"""Start Ray inside this pod, or join the cluster that KubeRay has made; train in its workers; leave Ray again."""

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recsys_workers.train import memory

LOGGER = logging.getLogger(__name__)
OBJECT_STORE_BYTES = 80 * 2**20
"""Ray's smallest object store is 75 MiB; nothing of size goes through it."""
COUNTED_MEMORY_BYTES = 2**30
"""What Ray counts as memory to share out among tasks that ask for some; none does."""
SNAPSHOT = "checkpoint_manager_snapshot.json"
KEPT_CHECKPOINTS = 2
LONGEST_WAIT_SECONDS = 6 * 3600
"""How long workers wait for the one that validates. One that dies is noticed at once."""
ANSWER_SECONDS = 20.0
OWN_FAILURES = {"TrainingDiverged", "CannotBegin"}
"""What the training raises in all workers alike."""
FAILURES_OF_ONE = {"Superseded", "StoreUnreachable", "CheckpointsDiffer"}
"""What one worker raises, such as the one that writes."""
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
    # The log is for the run's own lines: Ray would add one to each checkpoint, torch one to each worker's first step.
    "RAY_LOGGER_LEVEL": "warning",
    "RAY_SCHEDULER_EVENTS": "0",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    # Whatever comes too late, after Ray was left, fails instead of starting a Ray of its own, which ends the process
    # (by _exit) once it has been away for a minute.
    "RAY_ENABLE_AUTO_CONNECT": "0",
    # Ray would kill its worker at 95 % of the pod's memory. The kernel does at 100 %, and the kubelet calls that
    # OOMKilled, which is what status.failure tells.
    "RAY_memory_monitor_refresh_ms": "0",
}
"""What Ray need not do for one worker in one pod. Set before Ray is imported; a variable of the user's own wins."""


def gpus_asked(environ: Mapping[str, str] = os.environ) -> int:
    """How many GPUs the TrainingRun asks for: what the operator wrote into RECSYS_GPUS, else none."""
    return int(environ.get("RECSYS_GPUS") or 0)


def workers_asked(environ: Mapping[str, str] = os.environ) -> int:
    """How many workers train together: what the operator wrote into RECSYS_WORKERS, else one."""
    return int(environ.get("RECSYS_WORKERS") or 1)


def least_workers(environ: Mapping[str, str] = os.environ) -> int | None:
    """With how few workers an elastic run trains: what the operator wrote into RECSYS_MIN_WORKERS; None of others."""
    return int(environ.get("RECSYS_MIN_WORKERS") or 0) or None


def scaling(threads: int, gpus: int, workers: int = 1, least: int | None = None) -> dict[str, Any]:
    """What Ray Train's ScalingConfig gets: so many workers, or from `least` on, each with all that a pod has."""
    resources: dict[str, float] = {"CPU": threads, **({"GPU": gpus} if gpus else {})}
    apart = {"placement_strategy": "SPREAD"} if workers > 1 else {}
    number = workers if least is None else (least, workers)
    return {"num_workers": number, "use_gpu": gpus > 0, "resources_per_worker": resources, **apart}


TOKENS = "ray._private.authentication.authentication_token_setup"
"""Ray's module that warns whenever it protects its ports with a token of its own, which is as it should be."""


class TrainingFailed(Exception):
    """The worker raised. `kinds` are the names of the exception's classes, `message` is what it said.

    `log` is what Ray tells of it: the worker's traceback, which the exception has lost on its way. `out_of_memory` is
    the pod in which the kernel killed a process for its memory, where that is not the driver's only pod.
    """

    def __init__(self, cause: BaseException, log: str, out_of_memory: str = "") -> None:
        origin = getattr(cause, "cause", None) or cause
        self.message = str(origin).strip().splitlines()[-1] if str(origin).strip() else type(origin).__name__
        self.log = log
        self.out_of_memory = out_of_memory
        self.kinds = {kind.__name__ for kind in type(origin).__mro__}
        super().__init__(self.message)


def fit(settings: Mapping[str, Any], folder: Path, threads: int) -> None:
    """Run `train_worker(settings)` under Ray Train with checkpoints in `folder`; continues a run that was killed.

    The run's name is the folder's, which is the TrainingRun's UID: that is how Ray finds the earlier attempts. Several
    workers all see the folder.
    """
    repair_snapshot(folder)
    gpus, workers, least = gpus_asked(), workers_asked(), least_workers()
    with session(threads, gpus, workers):
        import ray
        from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig

        trainer, more = _trainer(workers, elastic=least is not None)
        told = {**settings, "workers": workers, "driversNode": ray.get_runtime_context().get_node_id()}
        try:
            trainer(
                in_worker,
                train_loop_config=told,
                scaling_config=ScalingConfig(**scaling(threads, gpus, workers, least)),
                run_config=RunConfig(
                    name=folder.name,
                    storage_path=str(folder.parent),
                    checkpoint_config=CheckpointConfig(num_to_keep=KEPT_CHECKPOINTS),
                    failure_config=FailureConfig(max_failures=0),
                ),
                **more,
            ).fit()
        except ray.train.TrainingFailedError as error:
            found = origin(getattr(error, "worker_failures", {}).values()) or error
            raise TrainingFailed(found, str(error), _out_of_memory() if workers > 1 else "") from error


@contextmanager
def session(threads: int, gpus: int, workers: int) -> Iterator[None]:
    """Ray as long as the block runs, in this pod or in KubeRay's cluster; a block within another changes nothing."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        yield
        return
    if workers == 1:
        from recsys_workers.train import one_pod

        one_pod.leave_out_the_dashboard()
    logging.getLogger(TOKENS).setLevel(logging.ERROR)
    stop = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=True, logging_level=logging.WARNING, **_cluster(threads, gpus, workers))
        if stop is not None and threading.current_thread() is threading.main_thread():
            # With Ray's handler the process would abort (SIGABRT) where it takes more than 3 seconds to end.
            signal.signal(signal.SIGTERM, stop)
        yield
    finally:
        ray.shutdown()


def failure(found: Iterable[BaseException], workers: int) -> TrainingFailed:
    """What to raise of the failures of Ray's tasks, inside of a session."""
    causes = list(found)
    log = "\n".join(str(cause) for cause in causes)
    return TrainingFailed(origin(causes) or causes[0], log, _out_of_memory() if workers > 1 else "")


def _cluster(threads: int, gpus: int, workers: int) -> dict[str, Any]:
    """What ray.init gets: nothing in KubeRay's cluster, which RAY_ADDRESS names; else a cluster of this pod alone."""
    if workers > 1 and os.environ.get("RAY_ADDRESS"):
        return {"address": "auto"}
    return {
        "address": "local",  # whatever else of Ray there is on the machine
        "num_cpus": threads * workers,
        "num_gpus": gpus * workers,
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
        # Ray would not start in a small pod, and say that in its own words; the kernel's end as OOMKilled.
        "_memory": COUNTED_MEMORY_BYTES,
        "_system_config": {
            "prestart_worker_first_driver": False,
            "enable_worker_prestart": False,
            # Ray's workers give way to everything else by default; in this pod there is nothing else.
            "worker_niceness": 0,
        },
    }


def _trainer(workers: int, *, elastic: bool) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Ray Train's trainer, and what it gets besides: for several workers, one that joins them by torch.distributed."""
    if workers == 1:
        from recsys_workers.train.one_pod import OnePodTrainer

        return OnePodTrainer, {}
    from recsys_workers.train.several_pods import ByWhatTheySee, ElasticTrainer, SeveralPodsTrainer

    config = ByWhatTheySee(timeout_s=LONGEST_WAIT_SECONDS)
    return ElasticTrainer if elastic else SeveralPodsTrainer, {"torch_config": config}


def origin(failures: Iterable[BaseException]) -> BaseException | None:
    """The failure that the others follow from: where one worker ends, the rest only lose their connection to it.

    A worker that died comes before one that raised, and what the training itself raised, or one worker for
    all, before both.
    """

    def rank(failure: BaseException) -> int:
        kinds = {kind.__name__ for kind in type(getattr(failure, "cause", None) or failure).__mro__}
        if kinds & (OWN_FAILURES | FAILURES_OF_ONE):
            return 0
        return 1 if "RayActorError" in kinds | {kind.__name__ for kind in type(failure).__mro__} else 2

    return min(failures, key=rank, default=None)


def _out_of_memory() -> str:
    """The pod of the cluster in which the kernel killed a process for its memory; empty when none tells of one."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def kills() -> tuple[str, int]:
        return socket.gethostname(), memory.kills()

    asked = [
        ray.remote(kills)
        .options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False))
        .remote()
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]
    done, _ = ray.wait(asked, num_returns=len(asked), timeout=ANSWER_SECONDS) if asked else ([], [])
    for one in done:
        try:
            pod, killed = ray.get(one)
        except ray.exceptions.RayError:
            continue
        if killed:
            return str(pod)
    return ""


def in_worker(settings: Mapping[str, Any]) -> None:
    """What Ray calls in its worker. The driver only names it, so torch is imported in the worker alone."""
    began = time.time()
    from recsys_workers.train.worker import train_worker

    train_worker({**settings, "began": began})


def repair_snapshot(folder: Path) -> None:
    """Remove Ray's own list of checkpoints when a killed attempt left half of it, or when it names what is gone.

    The training itself continues from the newest whole checkpoint, which it finds without that list.
    """
    try:
        names = listed(folder)
    except ValueError:
        names = [""]
    if not all(name and (folder / name).is_dir() for name in names):
        path = folder / SNAPSHOT
        LOGGER.warning("Ray's list of checkpoints %s is damaged and is started anew", path)
        path.unlink()


def listed(folder: Path) -> list[str]:
    """The checkpoints that Ray keeps, by the names of their folders; raises ValueError where its list is damaged."""
    try:
        snapshot = json.loads((folder / SNAPSHOT).read_text())
        return [str(result["checkpoint_dir_name"]) for result in snapshot["checkpoint_results"]]
    except FileNotFoundError:
        return []
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder / SNAPSHOT} is no list of checkpoints: {error!r}") from error
