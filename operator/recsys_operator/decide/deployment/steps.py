"""How a canary's weight rises: a step at a time, and only on evidence.

A weight rises only while all of the canary's pods are available and its Service sends requests to them; on the way
back from a bad version one ready pod is enough. It counts once the gateway has accepted it. Weights never fall here, so
an edit of the steps counts from the next one.
"""

from datetime import datetime, timedelta

from recsys_operator.api.analysis import StepAnalysis
from recsys_operator.api.rollout import CanaryStatus, Revision
from recsys_operator.api.strategy import Bake, Pause, Rollback, Step
from recsys_operator.decide.analysis import shadow_step
from recsys_operator.decide.deployment import analysis, windows
from recsys_operator.decide.deployment import canary as moves
from recsys_operator.decide.deployment.alerts import freeze
from recsys_operator.decide.deployment.facts import Observed, State, weights
from recsys_operator.decide.deployment.versions import Unresolved, desired
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.times import instant, rfc3339


def steps_of(observed: Observed) -> tuple[Step, ...]:
    """The steps of spec.strategy; none means all at once."""
    return observed.spec.strategy.canary.steps if observed.spec.strategy else ()


def held(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> bool:
    """Whether something holds the weight: a pause, a command, an alert, a freeze window, or a target that is not known.

    Nothing holds the way back from a bad version.
    """
    if canary.reverting:
        return False
    return (
        stopped(observed, now)
        or canary.held
        or frozen(observed, state, now)
        or isinstance(desired(observed, state.status), Unresolved)
    )


def stopped(observed: Observed, now: datetime) -> bool:
    """Whether no rollout may begin or go on, by the spec: it is paused, or a freeze window is open."""
    return observed.spec.paused or windows.opened(observed, now) is not None


def frozen(observed: Observed, state: State, now: datetime) -> bool:
    """Whether a warning holds the weight; it does not hold a first version."""
    freeze_seconds = (observed.spec.rollback or Rollback()).freeze_seconds
    return state.status.stable is not None and freeze(state.status, freeze_seconds, now) is not None


def current(observed: Observed, state: State, canary: CanaryStatus) -> Step | None:
    """The step that the canary is at; None when it takes none, or has them all behind it."""
    steps = steps_of(observed)
    if canary.reverting or canary.skip_steps or state.status.stable is None:
        return None
    return steps[canary.step] if canary.step < len(steps) else None


def surges(observed: Observed, stable: Revision | None, target: Revision) -> bool:
    """Whether only the pods were edited, and such an edit takes no steps."""
    strategy = observed.spec.strategy
    if strategy is None or strategy.resource_edits != "Surge" or stable is None:
        return False
    return (stable.digest, stable.image) == (target.digest, target.image)


def advance(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> State | None:
    """The next move of a canary that is neither held nor taken back; None while there is nothing to do but wait."""
    step = current(observed, state, canary)
    if step is None:
        return _finish(observed, state, canary, now)
    if step.pause:
        return _pause(observed, state, canary, step.pause, now)
    if step.bake:
        return _bake(observed, state, canary, step.bake, now)
    if step.analysis:
        return _analysis(observed, state, canary, step.analysis, now)
    if step.shadow:
        return _next(observed, state, canary, now) if shadow_step.passed(canary) else None
    return _weight(observed, state, canary, step.weight or 0, now)


def end(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> State | None:
    """The step after one that waits, by command; None where the canary is at no such step."""
    step = current(observed, state, canary)
    waits = step and (step.pause or step.bake or step.analysis or step.shadow)
    return _next(observed, state, canary, now) if waits else None


def due(observed: Observed, state: State, canary: CanaryStatus) -> datetime | None:
    """When time alone ends the step that the canary is at."""
    step = current(observed, state, canary)
    if step and step.pause and step.pause.duration_seconds is not None:
        return _begun(canary) + timedelta(seconds=step.pause.duration_seconds)
    if step and step.bake and canary.well_since:
        return instant(canary.well_since) + timedelta(seconds=step.bake.duration_seconds)
    if step and step.analysis:
        return _begun(canary) + timedelta(seconds=step.analysis.duration_seconds)
    return None


def well(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> bool:
    """Whether a bake may count this moment: all pods are there, the weight is accepted, and no warning fires."""
    stable = state.status.stable
    complete = observed.complete(canary.revision) and (stable is None or observed.complete(stable.revision))
    return complete and observed.in_place(weights(state.status)) and not frozen(observed, state, now)


def _begun(canary: CanaryStatus) -> datetime:
    """When the step began that the canary is at."""
    return instant(canary.step_start_time or canary.start_time)


def _weight(observed: Observed, state: State, canary: CanaryStatus, weight: int, now: datetime) -> State | None:
    wanted = max(weight, canary.weight)
    if canary.weight < wanted:
        return _raise(observed, state, canary, wanted, now)
    return _next(observed, state, canary, now) if observed.in_place(weights(state.status)) else None


def _pause(observed: Observed, state: State, canary: CanaryStatus, pause: Pause, now: datetime) -> State | None:
    """A pause without a duration ends by the command promote only."""
    if pause.duration_seconds is None:
        return None
    over = now >= _begun(canary) + timedelta(seconds=pause.duration_seconds)
    return _next(observed, state, canary, now) if over else None


def _bake(observed: Observed, state: State, canary: CanaryStatus, bake: Bake, now: datetime) -> State | None:
    """A bake counts from when all was well and has been so at every look since."""
    if canary.well_since is None or not well(observed, state, canary, now):
        return None
    over = now >= instant(canary.well_since) + timedelta(seconds=bake.duration_seconds)
    return _next(observed, state, canary, now) if over else None


def _analysis(
    observed: Observed, state: State, canary: CanaryStatus, wanted: StepAnalysis, now: datetime
) -> State | None:
    """It ends when it was watched for long enough and all of it is good; missing evidence holds it."""
    over = now >= _begun(canary) + timedelta(seconds=wanted.duration_seconds)
    if not over or analysis.holding(observed, state.status, "EndStep"):
        return None
    message = f"Version {canary.version} is good by all that the analysis of step {canary.step + 1} measures."
    passed = state.change(Notice("Normal", "AnalysisPassed", message, "Analyse"))
    return _next(observed, passed, canary, now)


def _finish(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> State | None:
    if canary.weight < 100:
        return _raise(observed, state, canary, 100, now)
    ready = observed.in_place(weights(state.status)) and observed.fit(canary)
    if state.status.stable is None:
        # A gateway answers 404 for a new route until its data plane follows; a known route goes on serving.
        reached = observed.reached_from(weights(state.status))
        ready = ready and reached is not None and now >= reached
    if not ready or analysis.holding(observed, state.status, "Promote"):
        return None
    return moves.promote(observed, state, canary, now)


def _raise(observed: Observed, state: State, canary: CanaryStatus, weight: int, now: datetime) -> State | None:
    if not observed.fit(canary) or analysis.holding(
        observed, state.status, "RaiseWeight" if weight < 100 else "TakeOver"
    ):
        return None
    return state.change(
        Notice("Normal", "WeightChanged", f"Version {canary.version} gets {weight} % of the requests.", "SetWeight"),
        canary=canary.model_copy(
            update={"weight": weight, "first_weight_time": canary.first_weight_time or rfc3339(now)}
        ),
    )


def _next(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> State:
    update = {"step": canary.step + 1, "step_start_time": rfc3339(now), "well_since": None}
    further = canary.model_copy(update=update)
    begun = state.change(canary=further)
    step = current(observed, begun, further)
    if step and step.pause and step.pause.duration_seconds is None:
        message = f"Version {canary.version} waits at {canary.weight} % for the command promote."
        return begun.change(Notice("Normal", "AwaitingPromotion", message, "Wait"))
    return begun
