"""How many pods a revision needs, and between which bounds an autoscaler may move.

Stable does not shrink before another revision has taken over. A canary is as large as the share of the requests that it
is about to get asks for, rounded up.
"""

import math
from dataclasses import dataclass

from recsys_operator.api.deployment import DeploymentSpec
from recsys_operator.api.rollout import CanaryStatus


@dataclass(frozen=True, slots=True)
class Size:
    """Pods of one revision."""

    replicas: int | None
    """How many its workload says; None: it says nothing, and keeps what an autoscaler or `least` made of it."""
    least: int
    """At least so many, also before an autoscaler has looked."""
    most: int | None = None
    """At most so many by its autoscaler; None: it has none."""


def of_stable(spec: DeploymentSpec) -> int:
    """Pods without which the stable revision is not complete."""
    return spec.autoscaling.min_replicas if spec.autoscaling else spec.replicas


def of_canary(spec: DeploymentSpec, canary: CanaryStatus, stable_pods: int | None) -> int:
    """Pods that a canary needs for the share it is about to get; `stable_pods` is None where nothing serves yet."""
    if stable_pods is None:
        return of_stable(spec)
    return _for(spec, _ahead(spec, canary), max(stable_pods, canary.stable_replicas))


def at_start(spec: DeploymentSpec, stable_pods: int | None) -> int:
    """Pods that a canary is started with."""
    if stable_pods is None:
        return of_stable(spec)
    steps = spec.strategy.canary.steps if spec.strategy else ()
    return _for(spec, steps[0].weight or 0 if steps else 100, stable_pods)


def _for(spec: DeploymentSpec, share: int, stable_pods: int) -> int:
    scaling = spec.autoscaling
    if scaling:
        wanted = max(scaling.canary_min_replicas, _part(share, stable_pods))
        return min(wanted if share < 100 else max(wanted, scaling.min_replicas), scaling.max_replicas)
    follows = spec.strategy is not None and spec.strategy.canary.scale == "FollowWeight"
    return max(1, _part(share, spec.replicas)) if follows else spec.replicas


def bounds(spec: DeploymentSpec, least: int) -> Size:
    """The size of a revision that serves or is about to."""
    scaling = spec.autoscaling
    if scaling is None:
        return Size(least, least)
    return Size(None, min(least, scaling.max_replicas), scaling.max_replicas)


def kept(spec: DeploymentSpec, pods: int | None) -> Size:
    """The size of a revision that keeps the pods it has: nobody scales it any more."""
    if spec.autoscaling is None:
        return Size(spec.replicas if pods is None else pods, 1)
    return Size(None, 1 if pods is None else pods)


def _ahead(spec: DeploymentSpec, canary: CanaryStatus) -> int:
    """The share in percent that a canary has or is about to get."""
    steps = spec.strategy.canary.steps if spec.strategy else ()
    if canary.reverting or canary.skip_steps or canary.step >= len(steps):
        return 100
    return max(steps[canary.step].weight or 0, canary.weight)


def _part(percent: int, pods: int) -> int:
    return math.ceil(percent * pods / 100)
