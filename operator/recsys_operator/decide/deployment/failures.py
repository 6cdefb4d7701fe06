"""What proves a canary bad, besides alerts: each check is one kind of evidence, and the first that speaks counts."""

from collections.abc import Callable
from datetime import datetime

from recsys_operator.api.rollout import CanaryStatus
from recsys_operator.decide.deployment import analysis, clock, shadow, steps
from recsys_operator.decide.deployment.facts import Failure, Observed, State

Check = Callable[[Observed, State, CanaryStatus, datetime], Failure | None]


def find(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> Failure | None:
    """Why the canary is to be taken back and blocked; None while nothing speaks against it."""
    return next((found for check in CHECKS if (found := check(observed, state, canary, now))), None)


def _pods(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> Failure | None:
    """Pods that will not become ready by themselves. Where those of stable do not either, it is the cluster."""
    workload, stable = observed.workload(canary.revision), state.status.stable
    serving = observed.workload(stable.revision) if stable else None
    if workload is None or not workload.broken or (serving and serving.broken):
        return None
    return Failure("PodsFailed", workload.broken)


def _deadline(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> Failure | None:
    """Waiting for longer than spec.strategy allows."""
    if not clock.overdue(observed, state, canary, now) or steps.held(observed, state, canary, now):
        return None
    lacks = clock.waits_for(observed, state, canary)
    if not lacks:
        return None
    seconds = clock.deadline_seconds(observed)
    return Failure("ProgressDeadlineExceeded", f"It made no progress in {seconds} s. {lacks}")


def _analysis(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> Failure | None:
    """A metric that is bad, or for which evidence is missing for longer than the user bears."""
    return analysis.failure(observed, state.status, now)


CHECKS: tuple[Check, ...] = (shadow.failure, _analysis, _pods, _deadline)
