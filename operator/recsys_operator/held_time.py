"""For how long rollouts were held, by reason, up to the moment of the scrape."""

import time
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector, CollectorRegistry

Rollout = tuple[str, str]
"""Namespace and name of a Deployment."""


class HeldTime(Collector):
    """A counter that goes on by itself while a rollout is held. A restart of the process begins it anew."""

    def __init__(self, registry: CollectorRegistry = REGISTRY, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: dict[tuple[str, str, str], float] = {}
        self._since: dict[Rollout, tuple[str, float]] = {}
        registry.register(self)

    def hold(self, namespace: str, deployment: str, reason: str) -> None:
        """From now on this reason holds the rollout; an empty one: nothing does."""
        self._settle((namespace, deployment))
        if reason:
            self._since[namespace, deployment] = (reason, self._clock())
            self._seconds.setdefault((namespace, deployment, reason), 0.0)
        else:
            self._since.pop((namespace, deployment), None)

    def forget(self, namespace: str, deployment: str) -> None:
        """The Deployment is gone, and its series with it."""
        self._since.pop((namespace, deployment), None)
        for labels in [one for one in self._seconds if one[:2] == (namespace, deployment)]:
            del self._seconds[labels]

    def describe(self) -> Iterator[Metric]:
        """The family without its samples."""
        yield _family()

    def collect(self) -> Iterator[Metric]:
        """The family as it is now."""
        for rollout in list(self._since):
            self._settle(rollout)
        family = _family()
        for labels, seconds in self._seconds.items():
            family.add_metric(labels, seconds)
        yield family

    def _settle(self, rollout: Rollout) -> None:
        if rollout not in self._since:
            return
        reason, since = self._since[rollout]
        now = self._clock()
        self._seconds[(*rollout, reason)] += now - since
        self._since[rollout] = (reason, now)


def _family() -> CounterMetricFamily:
    return CounterMetricFamily(
        "recsys_rollout_held_seconds",
        "For how long a canary was kept from going on, by the reason of the condition Ready.",
        labels=("namespace", "deployment", "reason"),
    )
