"""Time that a canary spends waiting or held. A deadline counts only time in which it could have made progress.

Two stretches of time are kept in the status, each as what has passed and since when the present one runs: waiting (for
pods, or for the gateway), which begins anew with every progress, and held, which adds up over the rollout.
"""

from datetime import datetime, timedelta

from recsys_operator.api.rollout import CanaryStatus, DeploymentStatus
from recsys_operator.decide.deployment import steps
from recsys_operator.decide.deployment.facts import Observed, State, weights
from recsys_operator.decide.times import instant, passed, rfc3339

DEFAULT_DEADLINE = 600
"""Seconds, where spec.strategy says nothing."""


def keep(observed: Observed, state: State, now: datetime) -> State:
    """The state with the canary's times brought up to date. `observed.status` is what they stand at so far."""
    canary = state.status.canary
    if canary is None:
        return state
    held = canary.abort is None and steps.held(observed, state, canary, now)
    update: dict[str, object] = {
        "held_since": (canary.held_since or rfc3339(now)) if held else None,
        "well_since": _well_since(observed, state, canary, now),
        "held_seconds": canary.held_seconds if held else passed(canary.held_seconds, canary.held_since, now),
    }
    waits = waits_for(observed, state, canary)
    further = progressed(observed, canary)
    if not waits or canary.abort or (unasked(observed, state, canary) and not further):
        update |= {"waited_seconds": 0, "waiting_since": None}
    elif further:
        update |= {"waited_seconds": 0, "waiting_since": None if held else rfc3339(now)}
    elif held:
        update["waited_seconds"] = passed(canary.waited_seconds, canary.waiting_since, now)
        update["waiting_since"] = None
    else:
        update["waiting_since"] = canary.waiting_since or rfc3339(now)
    return state.change(canary=canary.model_copy(update=update))


def deadline(observed: Observed, canary: CanaryStatus) -> datetime | None:
    """When the canary has waited for too long; None while it does not wait."""
    if canary.waiting_since is None or canary.abort or canary.reverting:
        return None
    left = deadline_seconds(observed) - canary.waited_seconds
    return instant(canary.waiting_since) + timedelta(seconds=left)


def overdue(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> bool:
    """Whether the canary has waited for too long by now. A step further at this very look is no waiting."""
    if canary.abort or canary.reverting or progressed(observed, canary) or unasked(observed, state, canary):
        return False
    return passed(canary.waited_seconds, canary.waiting_since, now) >= deadline_seconds(observed)


def unasked(observed: Observed, state: State, canary: CanaryStatus) -> bool:
    """Whether the gateway knows nothing of the weight: this operator was away when it was due, or something held it."""
    return observed.fit(canary) and not observed.asked(weights(state.status))


def progressed(observed: Observed, canary: CanaryStatus) -> bool:
    """Whether the canary began, or went a step further, at this look."""
    before = _same(observed.status, canary)
    return before is None or (before.step, before.weight) != (canary.step, canary.weight)


def deadline_seconds(observed: Observed) -> int:
    """How long a canary may wait."""
    strategy = observed.spec.strategy
    return strategy.canary.progress_deadline_seconds if strategy else DEFAULT_DEADLINE


def waits_for(observed: Observed, state: State, canary: CanaryStatus) -> str:
    """What a canary waits for that is not a matter of time or of a command, as a sentence; empty for nothing.

    Children that the API server refuses, or whose names are taken, are another matter: that says nothing about the
    version.
    """
    if canary.reverting or observed.workload(canary.revision) is None or observed.taken(canary.revision):
        return ""
    if not observed.fit(canary):
        if observed.complete(canary.revision):
            return endpoints(observed, canary)
        trouble = observed.trouble(canary.revision)
        ready = f"{observed.ready(canary.revision)} of {observed.needs(canary.revision)} pods are ready"
        return f"{ready}: {trouble}" if trouble else f"{ready}."
    if not observed.in_place(weights(state.status)):
        way = "The gateway" if observed.by_weight else f"Service {observed.name}"
        return f"{way} has not taken over {canary.weight} %."
    return ""


def endpoints(observed: Observed, canary: CanaryStatus) -> str:
    """That the Service of a canary does not send requests to all of its pods yet."""
    counts = f"{observed.reachable(canary.revision)} of {observed.needs(canary.revision)}"
    return f"The Service of version {canary.version} has {counts} endpoints ready."


def _well_since(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> str | None:
    step = steps.current(observed, state, canary)
    if canary.abort or step is None or not step.bake or not steps.well(observed, state, canary, now):
        return None
    return canary.well_since or rfc3339(now)


def _same(status: DeploymentStatus, canary: CanaryStatus) -> CanaryStatus | None:
    """The same attempt at the same revision, as it stood before."""
    before = status.canary
    same = before and (before.revision, before.start_time) == (canary.revision, canary.start_time)
    return before if same else None
