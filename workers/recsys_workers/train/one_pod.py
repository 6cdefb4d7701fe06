"""Ray Train without the helpers that only a cluster which grows, or Ray Data, needs.

By default a run starts four actors besides its controller and its worker: one that asks the autoscaler for nodes, one
that frees placement groups when the controller dies, one that shares out Ray Data sets, one for barriers. Each is a
Python process of 200 MB and some seconds of CPU. With pods that are there already, and end with the run, only the last
has something to do. These hooks are not public in Ray, so `tests/integration/workers` runs them.
"""

from typing import Any, cast

from ray._private import utils
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.train.v2._internal.execution.scaling_policy.fixed import FixedScalingPolicy
from ray.train.v2.api.config import ScalingConfig
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

LEFT_OUT = (DatasetsCallback, PlacementGroupCleanerCallback)


def leave_out_the_dashboard() -> None:
    """Let `ray.init` start Ray's agent in its small form, as where the dashboard's packages are not installed.

    They are in the image for KubeRay, which submits to the dashboard; here the agent would only serve it.
    """
    utils.get_dashboard_dependency_error = lambda: ImportError("one pod needs no dashboard")


class ScalingPolicyOfPods(FixedScalingPolicy):
    """A fixed number of workers on resources that are there already: nobody is asked for more."""

    def after_controller_start(self, train_run_context: Any) -> None:
        """Ask nobody."""

    def _maybe_send_resource_request(self) -> None:
        """Ask nobody."""


class NoDatasets(WorkerGroupCallback):
    """The worker reads its data itself."""

    def before_init_train_context(self, workers: list[Any]) -> dict[str, list[Any]]:
        """One absent dataset provider a worker."""
        return {"dataset_shard_provider": [None] * len(workers)}


class Lean(DataParallelTrainer):
    """A trainer of Ray Train on pods that are there already."""

    def _create_default_callbacks(self) -> list[Any]:
        kept = [callback for callback in super()._create_default_callbacks() if not isinstance(callback, LEFT_OUT)]
        return [*kept, NoDatasets()]

    def _initialize_and_run_controller(self, **controller_arguments: Any) -> Any:
        return super()._initialize_and_run_controller(**{**controller_arguments, **self._policies()})

    def _policies(self) -> dict[str, Any]:
        """How many workers there are, and what becomes of a failure where that is not Ray's to say."""
        return {"scaling_policy": ScalingPolicyOfPods(cast("ScalingConfig", self.scaling_config))}


class OnePodTrainer(Lean):
    """DataParallelTrainer for one worker beside the driver."""
