"""The small moves of a rollout: begin, take back, finish, go back. Each gives a state and what is told about it."""

from datetime import datetime, timedelta
from typing import Literal

from recsys_operator.api.rollout import Abort, Block, CanaryStatus, HistoryEntry, PreviousStatus, Revision, StableStatus
from recsys_operator.api.strategy import Rollback
from recsys_operator.decide.conditions import clip
from recsys_operator.decide.deployment import blocks
from recsys_operator.decide.deployment.facts import Failure, Observed, State
from recsys_operator.decide.deployment.revisions import plain
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.times import passed, rfc3339

MOST_HISTORY = 20


def begin(
    state: State, revision: Revision, now: datetime, *, because: Block | None = None, skip_steps: bool = False
) -> State:
    """A canary of this revision, without weight yet; with `because`, it is the way back from a bad stable version."""
    previous = state.status.previous
    entry = {
        **plain(revision),
        "start_time": rfc3339(now),
        "step_start_time": rfc3339(now),
        "stable_replicas": (state.status.replicas or 0) if state.status.stable else 0,
        "skip_steps": skip_steps,
        "reverting": because is not None,
        "cause": because.cause if because else None,
        "message": because.message if because else None,
    }
    stable = state.status.stable
    begun = f"Version {revision.version} is started" + (f" beside version {stable.version}." if stable else ".")
    if because:
        begun = f"Version {revision.version} is started to take over again: {because.message}"
    return state.change(
        Notice("Warning" if because else "Normal", "RevertStarted" if because else "RolloutStarted", begun, "Start"),
        canary=CanaryStatus.model_validate(entry),
        previous=None if previous and previous.revision == revision.revision else previous,
    )


def take_back(
    state: State,
    canary: CanaryStatus,
    verdict: Literal["RolledBack", "Superseded", "Aborted"],
    cause: str,
    message: str,
    now: datetime,
) -> State:
    """The canary's weight goes to zero; its pods follow once the gateway has obeyed."""
    abort = Abort(verdict=verdict, cause=cause, message=clip(message), time=rfc3339(now))
    return state.change(
        Notice("Normal", verdict, message, "TakeBack"),
        canary=canary.model_copy(update={"weight": 0, "abort": abort}),
    )


def fail(state: State, canary: CanaryStatus, failure: Failure, now: datetime) -> State:
    """A canary that proved bad is taken back, and is not tried again."""
    message = clip(failure.message)
    abort = Abort(verdict=failure.verdict, cause=failure.cause, message=message, time=rfc3339(now))
    return state.change(
        Notice("Warning", failure.verdict, f"Version {canary.version} is taken back: {message}", "RollBack"),
        Notice("Warning", "VersionBlocked", f"Version {canary.version} is not tried again: {message}", "Block"),
        canary=canary.model_copy(update={"weight": 0, "abort": abort}),
        blocked=blocks.add(
            state.status,
            canary,
            spares=state.status.stable,
            cause=failure.cause,
            message=message,
            now=now,
            whole=failure.whole,
        ),
    )


def drained(observed: Observed, canary: CanaryStatus, now: datetime) -> bool:
    """Whether the gateway certainly sends nothing more to a canary that was taken back."""
    silent = observed.silent_from(canary.revision)
    route = observed.route
    never_asked = canary.first_weight_time is None and canary.testers_time is None
    never_served = never_asked and (route is None or not route.sends(canary.revision))
    return never_served or (silent is not None and now >= silent)


def bury(state: State, canary: CanaryStatus, abort: Abort, now: datetime) -> State:
    """The canary that was taken back becomes history."""
    held = passed(canary.held_seconds, canary.held_since, now)
    entry = _entry(state, canary, abort.verdict, abort.cause, abort.message, canary.start_time, now, held)
    return state.change(canary=None, history=_longer(state, entry))


def promote(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> State:
    """The canary, which has all the weight, becomes stable; what was stable stays warm, unless it was bad."""
    status = state.status
    old = status.stable
    warm = (observed.spec.rollback or Rollback()).warm_seconds
    keep = old is not None and not canary.reverting and warm > 0 and blocks.of_revision(status.blocked, old) is None
    previous = None
    if old and keep:
        previous = PreviousStatus.model_validate(
            {**plain(old), "warm_until": rfc3339(now + timedelta(seconds=warm)), "ready_replicas": old.ready_replicas}
        )
    if canary.reverting:
        entry = _entry(state, canary, "Reverted", canary.cause or "Alert", canary.message or "", canary.start_time, now)
        notice = Notice("Warning", "Reverted", f"Version {canary.version} serves again: {entry.message}", "Revert")
    else:
        cause = "CanaryCompleted" if old else "InitialDeployment"
        message = f"Version {canary.version} serves all requests."
        count = len(observed.spec.strategy.canary.steps) if observed.spec.strategy else 0
        if old and old.digest != canary.digest and canary.skip_steps and canary.step < count:
            cause = "StepsSkipped"
            message += f" The command promote-full skipped its steps from step {canary.step + 1} of {count} on."
        held = passed(canary.held_seconds, canary.held_since, now)
        entry = _entry(state, canary, "Promoted", cause, message, canary.start_time, now, held)
        notice = Notice("Normal", "Promoted", message, "Promote")
    return state.change(
        notice,
        stable=StableStatus.model_validate({**plain(canary), "weight": 100, "since": rfc3339(now)}),
        canary=None,
        previous=previous,
        history=_longer(state, entry),
    )


def swap(state: State, previous: PreviousStatus, because: Block, now: datetime) -> State:
    """The warm previous revision takes all requests at once; a canary in flight is taken back."""
    status = state.status
    message = f"version {because.version} was taken back: {because.message}"
    entry = _entry(state, previous, "Reverted", because.cause, because.message, because.time, now)
    swapped = state.change(
        Notice("Warning", "Reverted", f"Version {previous.version} serves again, {message}", "Revert"),
        stable=StableStatus.model_validate({**plain(previous), "weight": 100, "since": rfc3339(now)}),
        previous=None,
        history=_longer(state, entry),
    )
    if status.canary and status.canary.abort is None:
        return take_back(
            swapped, status.canary, "Aborted", "StableReverted", f"It ran beside a bad version: {message}", now
        )
    return swapped


def _entry(
    state: State,
    to: Revision,
    verdict: Literal["Promoted", "RolledBack", "Superseded", "Aborted", "Reverted"],
    cause: str,
    message: str,
    start: str,
    now: datetime,
    held_seconds: int = 0,
) -> HistoryEntry:
    stable = state.status.stable
    return HistoryEntry(
        from_version=stable.version if stable else None,
        to_version=to.version,
        verdict=verdict,
        cause=cause,
        message=message,
        start_time=start,
        end_time=rfc3339(now),
        held_seconds=held_seconds,
    )


def _longer(state: State, entry: HistoryEntry) -> tuple[HistoryEntry, ...]:
    return (*state.status.history, entry)[-MOST_HISTORY:]
