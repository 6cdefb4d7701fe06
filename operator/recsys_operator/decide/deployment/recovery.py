"""A status that was lost is read back from the route's weights and from what the workloads say of themselves."""

from datetime import datetime

from recsys_operator.api.rollout import Block, CanaryStatus, Revision, StableStatus
from recsys_operator.decide.deployment.commands import overlook
from recsys_operator.decide.deployment.facts import Observed, State
from recsys_operator.decide.deployment.revisions import plain
from recsys_operator.decide.deployment.versions import desired
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.times import rfc3339


def recover(observed: Observed, state: State, now: datetime) -> State:
    """The state with stable, and a canary in flight, where requests are going but status knows of no stable."""
    status = state.status
    if status.stable is not None:
        return state
    known = status.canary.revision if status.canary else None
    shares = observed.route.weights if observed.route else {}
    serving = {
        workload.revision.revision: workload.revision
        for workload in observed.workloads
        if shares.get(workload.revision.revision, 0) > 0
    }
    if not serving or set(serving) <= {known}:
        return _remembered(observed, state, now)
    stable = _stable(observed, state, serving)
    canary = next((revision for name, revision in serving.items() if name != stable.revision), None)
    message = f"Status was lost; version {stable.version} was found serving" + (
        f", version {canary.version} being tried." if canary else "."
    )
    recovered = state.change(
        Notice("Normal", "StatusRecovered", message, "Recover"),
        stable=StableStatus.model_validate({**plain(stable), "since": rfc3339(now)}),
        canary=_canary(observed, canary, now) if canary else None,
        blocked=status.blocked or _blocked(observed, stable.digest, now),
    )
    return overlook(observed, recovered, now)


def _remembered(observed: Observed, state: State, now: datetime) -> State:
    """With the blocks that the RecModel knows of, where there is no status at all and nothing serves."""
    blocked = _blocked(observed, "", now) if state.status.observed_generation is None else ()
    if not blocked:
        return state
    numbers = ", ".join(str(block.version) for block in blocked)
    model = observed.spec.model_ref.name
    message = f"Status was lost; RecModel {model} tells that these versions are blocked: {numbers}."
    told = state.change(Notice("Normal", "StatusRecovered", message, "Recover"), blocked=blocked)
    return overlook(observed, told, now)


def _stable(observed: Observed, state: State, serving: dict[str, Revision]) -> Revision:
    """The one that the route names; else the one that is not what the spec asks for; else the one with most weight."""
    route = observed.route
    shares = route.weights if route else {}
    if route and route.stable in serving:
        return serving[route.stable]
    target = desired(observed, state.status)
    others = {name: one for name, one in serving.items() if not isinstance(target, Revision) or one != target}
    return max((others or serving).values(), key=lambda revision: (shares[revision.revision], -revision.version))


def _canary(observed: Observed, revision: Revision, now: datetime) -> CanaryStatus:
    """The canary at the step that its weight belongs to, begun now."""
    weight = observed.route.weights[revision.revision] if observed.route else 0
    steps = observed.spec.strategy.canary.steps if observed.spec.strategy else ()
    step = next((index for index, one in enumerate(steps) if one.weight and one.weight >= weight), len(steps))
    return CanaryStatus.model_validate(
        {
            **plain(revision),
            "weight": weight,
            "step": step,
            "step_start_time": rfc3339(now),
            "start_time": rfc3339(now),
            "first_weight_time": rfc3339(now),
        }
    )


def _blocked(observed: Observed, stable: str, now: datetime) -> tuple[Block, ...]:
    """What the RecModel still knows of this Deployment's blocks.

    It knows no revisions: where the bytes are those that serve (digest `stable`), another revision of them was blocked.
    """
    return tuple(
        Block(
            version=version.version,
            digest=version.digest,
            cause="Recovered",
            message="It was blocked before the status was lost.",
            time=rfc3339(now),
        )
        for version in (observed.model.versions if observed.model else ())
        if observed.name in version.blocked_by and version.digest != stable
    )
