"""The whole decision about a Deployment: pure and total, one observation in, one intent out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from recsys_operator.api.rollout import DeploymentStatus, Revision
from recsys_operator.api.strategy import Rollback
from recsys_operator.decide.conditions import find
from recsys_operator.decide.deployment import analysis, clock, shadow, sizes, steps, windows
from recsys_operator.decide.deployment.alerts import Alert, freeze, heed
from recsys_operator.decide.deployment.commands import obey
from recsys_operator.decide.deployment.condition import ready
from recsys_operator.decide.deployment.facts import Decision, Leftover, Observed, State, routed, weights
from recsys_operator.decide.deployment.recovery import recover
from recsys_operator.decide.deployment.revisions import plain
from recsys_operator.decide.deployment.rollout import roll
from recsys_operator.decide.deployment.sizes import Size
from recsys_operator.decide.deployment.testers import tested
from recsys_operator.decide.deployment.versions import desired
from recsys_operator.decide.notice import Notice
from recsys_operator.decide.refusal import CHILD_REFUSED, Refusal, sentence
from recsys_operator.decide.times import instant

LOOK_AGAIN = 15.0
"""Seconds between looks while something is under way, in case a wake-up is lost."""
LOOK_AT_PODS = 3.0
"""Seconds between looks while pods of a canary are missing: what they complain of wakes nobody."""
LOOK_AT_ENDPOINTS = 1.0
"""Seconds between looks while the endpoints of a Service have yet to follow it or its pods. They are not watched."""


def decide(observed: Observed, alerts: Sequence[Alert], now: datetime) -> Decision:
    """What is to be: the status, the revisions that run, the weights, and what is to go.

    The status is written before anything else, so what it says is an intent that survives a crash.
    """
    state = obey(observed, recover(observed, State(observed.status), now), now)
    outcomes = []
    for alert in alerts:
        state, outcome = heed(observed, state, alert, now)
        outcomes.append(outcome)
    state = shadow.look(observed, analysis.look(observed, state, now))
    state = roll(observed, state, lambda at: desired(observed, at.status), now)
    state = clock.keep(observed, state, now)
    status = _complete(observed, state.status, now)
    shares = routed(observed, status)
    revisions = _wanted(observed, status)
    size_of = {one.revision: _size(observed, status, one.revision) for one in revisions}
    return Decision(
        status=status,
        revisions=revisions,
        sizes=size_of,
        weights=shares,
        testers=tested(observed, status),
        doomed_workloads=tuple(
            workload
            for workload in observed.workloads
            if _dispensable(observed, status, workload.revision.revision, now)
        ),
        doomed_services=tuple(
            service for service in observed.services if _dispensable(observed, status, service.revision, now)
        ),
        doomed_accessories=tuple(
            one
            for one in observed.accessories
            if _dispensable(observed, status, one.revision, now)
            or (one.is_autoscaler and not _scaled(size_of.get(one.revision)))
        ),
        doomed_leftover=_relieved(observed, shares, now),
        notices=(*state.notices, *_turned(observed, status)),
        outcomes=tuple(outcomes),
        requeue_after=_requeue(observed, status, now),
        measure=shadow.measure(observed, status, analysis.measure(observed, status, now)),
        copying=shadow.copying(observed, status),
        jobs=analysis.jobs(observed, status),
    )


def applied(observed: Observed, decision: Decision, refusals: tuple[Refusal, ...], now: datetime) -> Decision:
    """The decision once its children were applied: what was refused stands in the condition, and is told once."""
    tried = replace(observed, refusals=refusals)
    status = decision.status
    condition = ready(tried, status, desired(tried, status), now)
    before = find(observed.status.conditions, "Ready")
    notices = decision.notices
    if refusals and (before is None or before.reason != CHILD_REFUSED):
        notices = (*notices, Notice("Warning", CHILD_REFUSED, sentence(refusals), "Apply"))
    return replace(decision, status=status.model_copy(update={"conditions": (condition,)}), notices=notices)


def _turned(observed: Observed, status: DeploymentStatus) -> tuple[Notice, ...]:
    """What is told when the condition begins to say so, and stands in the condition only."""
    before, after = (find(one.conditions, "Ready") for one in (observed.status, status))
    if after is None or (before and before.reason == after.reason):
        return ()
    if after.reason == "ModelNotFound":
        return (Notice("Warning", "ModelNotFound", after.message, "Resolve"),)
    if after.reason == "FreezeWindow":
        return (Notice("Normal", "FreezeWindow", after.message, "Wait"),)
    if after.reason == "InsufficientCapacity":
        return (Notice("Warning", "InsufficientCapacity", after.message, "Start"),)
    if after.reason == "PodsFailed":
        return (Notice("Warning", "PodsFailed", after.message, "Wait"),)
    if after.reason == "ProgressDeadlineExceeded":
        return (Notice("Warning", "ProgressDeadlineExceeded", after.message, "Wait"),)
    return ()


def _complete(observed: Observed, status: DeploymentStatus, now: datetime) -> DeploymentStatus:
    """The status with everything that follows from the rest of it and from the observation."""
    shares = weights(status)
    update: dict[str, object] = {
        "observed_generation": observed.generation,
        "conditions": (ready(observed, status, desired(observed, status), now),),
        "url": _url(observed),
    }
    stable = status.stable
    if stable:
        workload = observed.workload(stable.revision)
        update["stable"] = stable.model_copy(
            update={"weight": shares.get(stable.revision, 0), "ready_replicas": observed.ready(stable.revision)}
        )
        update["replicas"] = workload.pods if workload else 0
        update["selector"] = f"recsys.dev/deployment={observed.name},recsys.dev/revision={stable.revision}"
    if status.canary:
        update["canary"] = status.canary.model_copy(update={"ready_replicas": observed.ready(status.canary.revision)})
    if status.previous:
        update["previous"] = status.previous.model_copy(
            update={"ready_replicas": observed.ready(status.previous.revision)}
        )
    return status.model_copy(update=update)


def _url(observed: Observed) -> str | None:
    """The first host name without a wildcard; without a gateway the Service's."""
    if not observed.by_weight:
        return f"http://{observed.name}.{observed.namespace}.svc"
    hosts = observed.spec.traffic.hostnames or ()
    return next((f"http://{name}" for name in hosts if not name.startswith("*")), None)


def _relieved(observed: Observed, shares: Mapping[str, int], now: datetime) -> Leftover | None:
    """What took requests in before spec.traffic was changed, once its successor certainly does."""
    reached = observed.reached_from(shares)
    return observed.leftover if reached and now >= reached else None


def _wanted(observed: Observed, status: DeploymentStatus) -> tuple[Revision, ...]:
    """Stable, canary and previous. A canary that is taken back keeps its pods but gets none anew."""
    canary = status.canary
    if canary and canary.abort and observed.workload(canary.revision) is None:
        canary = None
    entries = (status.stable, canary, status.previous)
    return tuple(Revision.model_validate(plain(entry)) for entry in entries if entry)


def _size(observed: Observed, status: DeploymentStatus, revision: str) -> Size:
    """Stable and a canary have an autoscaler; what is taken back or kept warm keeps the pods it has."""
    spec, stable, canary = observed.spec, status.stable, status.canary
    live = observed.workload(revision)
    if canary and canary.revision == revision and canary.abort is None:
        return sizes.bounds(spec, sizes.of_canary(spec, canary, observed.stable_pods if stable else None))
    if stable and stable.revision == revision:
        least = sizes.of_stable(spec)
        holds = spec.autoscaling and canary and not spec.autoscaling.dynamic_stable_scale
        return sizes.bounds(spec, max(least, live.replicas) if holds and live else least)
    warm = status.previous is not None and status.previous.revision == revision
    return sizes.kept(spec, live.replicas if live and not (warm and spec.autoscaling is None) else None)


def _scaled(size: Size | None) -> bool:
    """Whether an autoscaler is wanted."""
    return size is not None and size.most is not None


def _dispensable(observed: Observed, status: DeploymentStatus, revision: str, now: datetime) -> bool:
    """Whether a revision is not wanted and the gateway sends it nothing."""
    silent = observed.silent_from(revision)
    return revision not in _kept(status) and silent is not None and now >= silent


def _kept(status: DeploymentStatus) -> set[str]:
    return {entry.revision for entry in (status.stable, status.canary, status.previous) if entry}


def _settled(status: DeploymentStatus) -> bool:
    """Whether what the spec asks for serves, and nothing is to be done."""
    return bool(status.conditions) and status.conditions[0].reason == "Serving"


def _requeue(observed: Observed, status: DeploymentStatus, now: datetime) -> float | None:
    """Seconds until time alone may change the decision, or until a look in case a wake-up was lost."""
    moments = []
    canary = status.canary
    leaving = {workload.revision.revision for workload in observed.workloads}
    leaving |= {service.revision for service in observed.services} | {one.revision for one in observed.accessories}
    leaving -= _kept(status)
    if canary and canary.abort:
        leaving.add(canary.revision)
    moments += [silent for name in leaving if (silent := observed.silent_from(name)) and silent > now]
    if status.previous:
        moments.append(instant(status.previous.warm_until))
    if canary and not canary.abort:
        reached = observed.reached_from(weights(status)) if status.stable is None else None
        if reached and reached > now:
            moments.append(reached)
        due = steps.due(observed, State(status), canary)
        end = clock.deadline(observed, canary)
        if end and end > now:
            moments.append(end)
        if due and due > now and not steps.held(observed, State(status), canary, now):
            moments.append(due)
        frozen = freeze(status, (observed.spec.rollback or Rollback()).freeze_seconds, now)
        if frozen:
            moments.append(frozen[1])
        moments += analysis.deadlines(observed, status, now)
    if observed.leftover and (reached := observed.reached_from(routed(observed, status))):
        moments.append(reached)
    window = windows.opened(observed, now)
    if window and window.until and not _settled(status):
        moments.append(window.until)
    seconds = [max(0.01, (moment - now).total_seconds() + 0.01) for moment in moments]
    if canary and not canary.abort and not observed.complete(canary.revision):
        seconds.append(LOOK_AT_PODS)
    elif canary and not canary.abort and not observed.fit(canary):
        seconds.append(LOOK_AT_ENDPOINTS)
    if observed.rival:
        seconds.append(LOOK_AT_PODS)
    if canary or leaving or not _settled(status):
        seconds.append(LOOK_AGAIN)
        if not observed.by_weight and not observed.in_place(routed(observed, status)):
            seconds.append(LOOK_AT_ENDPOINTS)
    return min(seconds, default=None)
