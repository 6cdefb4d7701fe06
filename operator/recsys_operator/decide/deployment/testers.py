"""Testers: requests with a header of the user's go to the canary while there is one, whatever its weight.

The rule in the route comes and goes as a weight does: once the canary's pods are there, and to nothing at once when the
canary is taken back, before its pods go.
"""

from datetime import datetime

from recsys_operator.api.rollout import DeploymentStatus
from recsys_operator.decide.deployment.facts import Observed, State
from recsys_operator.decide.times import rfc3339


def admit(observed: Observed, state: State, now: datetime) -> State | None:
    """The canary gets the testers' requests once it is fit for requests; its status says so before the route does."""
    canary = state.status.canary
    if canary is None or canary.testers_time or not _wanted(observed, state.status) or not observed.fit(canary):
        return None
    return state.change(canary=canary.model_copy(update={"testers_time": rfc3339(now)}))


def tested(observed: Observed, status: DeploymentStatus) -> str:
    """The revision that the testers' requests go to now; empty when they go by weight like all others."""
    canary = status.canary
    if canary is None or canary.testers_time is None or not _wanted(observed, status):
        return ""
    there = observed.route is not None and canary.revision in observed.route.beside
    return canary.revision if there or observed.fit(canary) else ""


def _wanted(observed: Observed, status: DeploymentStatus) -> bool:
    canary = status.canary
    tried = canary is not None and canary.abort is None and not canary.reverting and status.stable is not None
    return tried and observed.spec.traffic.testers is not None
