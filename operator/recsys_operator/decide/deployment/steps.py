"""How a canary's weight rises: a step at a time, and only on evidence.

A weight rises only while all of the canary's pods are available; on the way back from a bad version one ready pod is
enough. It counts once the gateway has accepted it. Weights
never fall here, so an edit of the steps counts from the next one.
"""

from datetime import datetime, timedelta

from recsys_operator.api.rollout import CanaryStatus
from recsys_operator.api.strategy import Rollback, Step
from recsys_operator.decide.deployment import canary as moves
from recsys_operator.decide.deployment.alerts import freeze
from recsys_operator.decide.deployment.facts import Observed, State, weights
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.times import instant, rfc3339


def steps_of(observed: Observed) -> tuple[Step, ...]:
    """The steps of spec.strategy; none means all at once."""
    return observed.spec.strategy.canary.steps if observed.spec.strategy else ()


def held(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> bool:
    """Whether a pause or an alert holds the weight. Nothing holds the way back from a bad version."""
    if canary.reverting:
        return False
    freeze_seconds = (observed.spec.rollback or Rollback()).freeze_seconds
    frozen = state.status.stable is not None and freeze(state.status, freeze_seconds, now) is not None
    return observed.spec.paused or frozen


def advance(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> State | None:
    """The next move of a canary that is neither held nor taken back; None while there is nothing to do but wait."""
    steps = steps_of(observed)
    all_at_once = canary.reverting or state.status.stable is None
    if all_at_once or canary.step >= len(steps):
        return _finish(observed, state, canary, now)
    step = steps[canary.step]
    if step.pause is not None:
        return _next(state, canary, now) if now >= pause_end(canary, step.pause.duration_seconds) else None
    wanted = max(step.weight or 0, canary.weight)
    if canary.weight < wanted:
        return _raise(observed, state, canary, wanted, now)
    return _next(state, canary, now) if observed.in_place(weights(state.status)) else None


def pause_end(canary: CanaryStatus, seconds: int) -> datetime:
    """When the timed pause that the canary is in is over."""
    return instant(canary.step_start_time or canary.start_time) + timedelta(seconds=seconds)


def _finish(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> State | None:
    if canary.weight < 100:
        return _raise(observed, state, canary, 100, now)
    ready = observed.in_place(weights(state.status)) and observed.fit(canary)
    if state.status.stable is None:
        # A gateway answers 404 for a new route until its data plane follows; a known route goes on serving.
        reached = observed.reached_from(weights(state.status))
        ready = ready and reached is not None and now >= reached
    return moves.promote(observed, state, canary, now) if ready else None


def _raise(observed: Observed, state: State, canary: CanaryStatus, weight: int, now: datetime) -> State | None:
    if not observed.fit(canary):
        return None
    return state.change(
        Notice("Normal", "WeightChanged", f"Version {canary.version} gets {weight} % of the requests.", "SetWeight"),
        canary=canary.model_copy(
            update={"weight": weight, "first_weight_time": canary.first_weight_time or rfc3339(now)}
        ),
    )


def _next(state: State, canary: CanaryStatus, now: datetime) -> State:
    return state.change(canary=canary.model_copy(update={"step": canary.step + 1, "step_start_time": rfc3339(now)}))
