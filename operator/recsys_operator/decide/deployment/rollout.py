"""The rollout as an ordered chain of policies. The first that has a move makes it; then the chain begins anew.

Each move is a change of the status: the route and the pods follow it, and what follows from them comes with a later
observation. Going back needs no evidence but that there is something to go back to; going on needs all of it.
"""

from collections.abc import Callable
from datetime import datetime

from recsys_operator.api.rollout import CanaryStatus, Revision
from recsys_operator.decide.deployment import blocks, capacity, failures, steps, testers
from recsys_operator.decide.deployment import canary as moves
from recsys_operator.decide.deployment.facts import Observed, State
from recsys_operator.decide.deployment.fallback import fallback
from recsys_operator.decide.deployment.versions import Unresolved
from recsys_operator.decide.times import instant

Target = Revision | Unresolved
Policy = Callable[[Observed, State, Target, datetime], State | None]

LONGEST_CHAIN = 64
"""More moves than one observation can justify: 20 steps, a revert, an abort and a new start."""


def roll(observed: Observed, state: State, target: Callable[[State], Target], now: datetime) -> State:
    """The state after all moves that this observation justifies."""
    for _ in range(LONGEST_CHAIN):
        aim = target(state)
        moved = next((after for policy in POLICIES if (after := policy(observed, state, aim, now))), None)
        if moved is None:
            break
        state = moved
    return state


def _cool_down(observed: Observed, state: State, target: Target, now: datetime) -> State | None:
    """The previous revision is let go when its time is over."""
    previous = state.status.previous
    if previous and now >= instant(previous.warm_until):
        return state.change(previous=None)
    return None


def _bury(observed: Observed, state: State, target: Target, now: datetime) -> State | None:
    """A canary that was taken back is over once the gateway sends it nothing."""
    canary = state.status.canary
    if canary and canary.abort and moves.drained(observed, canary, now):
        return moves.bury(state, canary, canary.abort, now)
    return None


def _revert_at_once(observed: Observed, state: State, target: Target, now: datetime) -> State | None:
    """A bad stable version gives way to the previous one, which is warm.

    One ready pod is enough: a bad version that serves is worse than a good one that is crowded until it has them all.
    """
    stable, previous = state.status.stable, state.status.previous
    bad = blocks.of_revision(state.status.blocked, stable) if stable else None
    if bad is None or previous is None or blocks.of_revision(state.status.blocked, previous):
        return None
    return moves.swap(state, previous, bad, now) if observed.can_serve(previous.revision) else None


def _revert_cold(observed: Observed, state: State, target: Target, now: datetime) -> State | None:
    """A bad stable version whose predecessor must be started again first."""
    stable, canary = state.status.stable, state.status.canary
    bad = blocks.of_revision(state.status.blocked, stable) if stable else None
    back_to = fallback(observed, state.status) if bad else None
    if bad is None or back_to is None:
        return None
    if canary is None:
        return moves.begin(state, back_to, now, because=bad)
    if canary.abort or canary.reverting:
        return None
    if canary.digest == back_to.digest:
        update = {"reverting": True, "cause": bad.cause, "message": bad.message}
        return state.change(canary=canary.model_copy(update=update))
    message = f"Version {canary.version} makes room for the way back to version {back_to.version}: {bad.message}"
    return moves.take_back(state, canary, "Aborted", "StableReverted", message, now)


def _stop_reverting(observed: Observed, state: State, target: Target, now: datetime) -> State | None:
    """The way back is not needed once the block of the stable version is lifted."""
    canary, stable = state.status.canary, state.status.stable
    if canary is None or canary.abort or not canary.reverting:
        return None
    if stable and blocks.of_revision(state.status.blocked, stable):
        return None
    message = "The block of the version that serves was lifted: it goes on serving."
    return moves.take_back(state, canary, "Aborted", "Unblocked", message, now)


def _refuse_blocked(observed: Observed, state: State, target: Target, now: datetime) -> State | None:
    """A blocked revision gets no requests, however it came to be the canary."""
    canary = state.status.canary
    if canary is None or canary.abort or state.status.stable is None:
        return None
    block = blocks.of_revision(state.status.blocked, canary)
    if block is None:
        return None
    message = f"Version {canary.version} is blocked: {block.message}"
    return moves.take_back(state, canary, "RolledBack", block.cause, message, now)


def _back_to_stable(observed: Observed, state: State, target: Target, now: datetime) -> State | None:
    """Asking for what serves already ends the rollout at once, also while it is paused."""
    canary, stable = state.status.canary, state.status.stable
    if canary is None or canary.abort or canary.reverting or stable is None:
        return None
    if not isinstance(target, Revision) or target.revision != stable.revision:
        return None
    message = f"Version {stable.version} is asked for again, which serves already."
    return moves.take_back(state, canary, "Aborted", "BackToStable", message, now)


def _supersede(observed: Observed, state: State, target: Target, now: datetime) -> State | None:
    """A canary makes room for another revision that is asked for instead."""
    canary = state.status.canary
    wanted = target if isinstance(target, Revision) else target.revision
    if canary is None or canary.abort or wanted is None or wanted.revision == canary.revision:
        return None
    if steps.stopped(observed, now):
        return None
    if canary.reverting:
        replaceable = observed.edited and canary.weight == 0 and isinstance(target, Revision)
    else:
        replaceable = state.status.stable is not None or _serves_nobody(observed, canary)
    if not replaceable:
        return None
    message = f"Version {wanted.version} is asked for instead of version {canary.version}."
    if wanted.version == canary.version:
        message = f"Version {canary.version} is asked for with other settings of its pods."
    return moves.take_back(state, canary, "Superseded", "NewerRevision", message, now)


def _fail(observed: Observed, state: State, target: Target, now: datetime) -> State | None:
    """A canary that proves bad is taken back, also while held. A first version has nothing to go back to."""
    canary = state.status.canary
    if canary is None or canary.abort or canary.reverting or state.status.stable is None:
        return None
    failure = failures.find(observed, state, canary, now)
    return moves.fail(state, canary, failure, now) if failure else None


def _serves_nobody(observed: Observed, canary: CanaryStatus) -> bool:
    """Whether a first deployment can be replaced without taking away what serves."""
    accepted = observed.route is not None and observed.route.accepted
    return canary.weight == 0 or not accepted or observed.ready(canary.revision) == 0


def _start(observed: Observed, state: State, target: Target, now: datetime) -> State | None:
    """What is asked for, and does not serve yet, is tried."""
    stable = state.status.stable
    if state.status.canary or not isinstance(target, Revision) or steps.stopped(observed, now):
        return None
    if stable and stable.revision == target.revision:
        return None
    if capacity.shortage(observed, state.status, target):
        return None
    return moves.begin(state, target, now, skip_steps=steps.surges(observed, stable, target))


def _step(observed: Observed, state: State, target: Target, now: datetime) -> State | None:
    """The canary goes a step further."""
    canary = state.status.canary
    if canary is None or canary.abort or steps.held(observed, state, canary, now):
        return None
    return steps.advance(observed, state, canary, now)


def _admit_testers(observed: Observed, state: State, target: Target, now: datetime) -> State | None:
    """Testers reach the canary as soon as it can serve them; no pause and no warning keeps them from it."""
    return testers.admit(observed, state, now)


POLICIES: tuple[Policy, ...] = (
    _bury,
    _revert_at_once,
    _revert_cold,
    _stop_reverting,
    _refuse_blocked,
    _back_to_stable,
    _supersede,
    _fail,
    _start,
    _admit_testers,
    _step,
    _cool_down,
)
