"""Ray Train for as many workers as there are pods, between a least and a most number of them.

Ray's own elastic policy asks an autoscaler for nodes, and starts all workers anew whenever their number can change.
Here KubeRay keeps the pods, so nobody is asked: a run begins with those that have come, goes on with those that are
left, and takes others in right after a checkpoint, when next to nothing is lost by it. The batch stays whole, whoever
shares it (see `team.py`), and what a checkpoint holds does not know how many workers made it.

A worker that is lost with its pod is no failure of the attempt. One that dies in a pod that lives on, such as by its
use of memory, is; so are too many losses in a row without a checkpoint between. These hooks are not public in Ray, so
`tests/integration/workers` runs them.
"""

import json
import logging
import time
from pathlib import Path
from typing import Any

import ray
from ray.train.v2._internal.execution.failure_handling import FailureDecision
from ray.train.v2._internal.execution.failure_handling.default import DefaultFailurePolicy
from ray.train.v2._internal.execution.scaling_policy import NoopDecision, ResizeDecision, ScalingDecision, ScalingPolicy
from ray.train.v2.api.config import FailureConfig, ScalingConfig
from ray.train.v2.api.exceptions import TrainingFailedError

from recsys_workers.train.logs import configure
from recsys_workers.train.ray_run import OWN_FAILURES, SNAPSHOT

LOGGER = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
NOTICE_SECONDS = 30.0
"""How long Ray may take to notice that a node is gone whose workers are: by five health checks, three seconds apart."""
LOSSES = 3
"""How often in a row pods may be lost without a checkpoint between."""


def nodes() -> list[dict[str, Any]]:
    """Ray's nodes, each one pod: those that are there, and those that were."""
    found: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return found


def room(needed: dict[str, float]) -> int:
    """How many pods can have a worker."""
    return sum(
        all(node["Resources"].get(name, 0.0) >= amount for name, amount in needed.items())
        for node in nodes()
        if node["Alive"]
    )


def newest_kept(folder: Path) -> str | None:
    """The newest checkpoint that Ray has taken in whole; empty without one, None while the store does not say."""
    try:
        latest = json.loads((folder / SNAPSHOT).read_text())["latest_checkpoint_result"]
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(latest["checkpoint_dir_name"]) if latest else ""


class AsManyAsThereAre(ScalingPolicy):
    """So many workers as there are pods; more than now only right after a checkpoint."""

    def __init__(self, scaling_config: ScalingConfig, folder: Path) -> None:
        super().__init__(scaling_config)
        self.folder = folder
        self._needed = dict(scaling_config._resources_per_worker_not_none)
        self._waits_from: str | None = None
        self._due = False
        self._looked = -LOOK_SECONDS
        self._room = 0

    def make_decision_for_non_running_worker_group(self) -> ScalingDecision:
        """Begin with those that are there, once they are enough."""
        possible = min(room(self._needed), self.scaling_config.max_workers)
        if possible < self.scaling_config.min_workers:
            time.sleep(LOOK_SECONDS)  # Ray asks again at once, and has nothing else to do.
            return NoopDecision()
        LOGGER.info("the training begins with %d workers", possible)
        return self._workers(possible)

    def make_decision_for_running_worker_group(
        self, worker_group_state: Any, worker_group_status: Any
    ) -> ScalingDecision:
        """Take in those that have come, once there is a checkpoint that is newer than that, and nobody has finished."""
        possible = self._possible()
        if possible <= worker_group_state.num_workers:
            self._waits_from, self._due = None, False
            return NoopDecision()
        kept, due = newest_kept(self.folder), self._due
        if kept is None:
            return NoopDecision()
        if self._waits_from is None:
            self._waits_from = kept
        self._due = kept != self._waits_from
        running = all(one.running for one in worker_group_status.worker_statuses.values())
        # One look later: after the last checkpoint of all, workers have finished by then.
        if not (due and self._due and running):
            return NoopDecision()
        LOGGER.info("after a checkpoint, %d workers follow %d", possible, worker_group_state.num_workers)
        return self._workers(possible)

    def _possible(self) -> int:
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked, self._room = now, room(self._needed)
        return min(self._room, self.scaling_config.max_workers)

    def _workers(self, number: int) -> ResizeDecision:
        self._waits_from, self._due = None, False
        return ResizeDecision(num_workers=number, resources_per_worker=self._needed)

    def _get_num_workers_for_resource_request(self) -> int:
        return self.scaling_config.max_workers

    def after_controller_start(self, train_run_context: Any) -> None:
        """Let this process log as the trainer's others do. Nobody is asked for nodes."""
        configure()


class LostPodsAreForgiven(DefaultFailurePolicy):
    """Goes on after the loss of a pod; any other failure is the attempt's."""

    def __init__(self, failure_config: FailureConfig, folder: Path) -> None:
        super().__init__(failure_config)
        self.folder = folder
        self._gone = gone()
        self._kept, self._losses = "", 0

    def make_decision(self, training_failed_error: TrainingFailedError) -> FailureDecision:
        """RETRY begins the training anew from the newest checkpoint, with those that are left."""
        if not _is_own(training_failed_error) and self._lost():
            kept = newest_kept(self.folder)
            self._losses = self._losses + 1 if kept in (None, self._kept) else 1
            self._kept = self._kept if kept is None else kept
            if self._losses <= LOSSES:
                LOGGER.warning("a pod is gone: the training goes on from its last checkpoint with the others")
                return FailureDecision.RETRY
        return super().make_decision(training_failed_error)

    def _lost(self) -> bool:
        """Whether a node is gone that was there at the last failure; what its workers leave is noticed before that."""
        end = time.monotonic() + NOTICE_SECONDS
        while True:
            now = gone()
            if now - self._gone:
                self._gone = now
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.2)


def gone() -> frozenset[str]:
    """The nodes that were there once."""
    return frozenset(node["NodeID"] for node in nodes() if not node["Alive"])


def _is_own(error: TrainingFailedError) -> bool:
    """Whether the training itself raised it, in all workers alike."""
    failures = getattr(error, "worker_failures", {}).values()
    return any(OWN_FAILURES & {kind.__name__ for kind in type(_cause(one)).__mro__} for one in failures)


def _cause(failure: BaseException) -> BaseException:
    cause = getattr(failure, "cause", None)
    return cause if isinstance(cause, BaseException) else failure
