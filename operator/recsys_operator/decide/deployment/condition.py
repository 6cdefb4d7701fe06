"""The summary condition Ready: the first of these findings that applies."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from recsys_operator.api.common import Condition
from recsys_operator.api.rollout import COMMANDS, CanaryStatus, DeploymentStatus, Revision
from recsys_operator.api.strategy import Rollback
from recsys_operator.decide.conditions import conclude, find
from recsys_operator.decide.deployment import (
    alerts,
    analysis,
    blocks,
    capacity,
    clock,
    failures,
    shadow,
    steps,
    windows,
)
from recsys_operator.decide.deployment.by_hand import promoting
from recsys_operator.decide.deployment.facts import Observed, State, weights
from recsys_operator.decide.deployment.versions import HOSTNAME_TAKEN, Unresolved
from recsys_operator.decide.refusal import CHILD_REFUSED, sentence
from recsys_operator.decide.times import rfc3339

MOST_MISSPELT = 3
ANNOTATION_CHARACTERS = 80
NO_WAY_BACK = "It is the first version, so there is nothing to go back to: it goes on trying."


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to be said; `good` when the Deployment does what its spec asks for."""

    reason: str
    message: str
    good: bool = False


def ready(observed: Observed, status: DeploymentStatus, target: Revision | Unresolved, now: datetime) -> Condition:
    """The condition Ready."""
    found = next(_findings(observed, status, target, now))
    finding = _refused(observed, replace(found, message=f"{found.message} {_misspelt(observed)}".strip()))
    return conclude(
        observed.status.conditions,
        "Ready",
        "True" if finding.good else "False",
        finding.reason,
        finding.message,
        generation=observed.generation,
        now=now,
    )


def _misspelt(observed: Observed) -> str:
    """Annotations that look like commands and are none. Nothing records them, so this is said as long as they stand."""
    found = observed.unknown_commands[:MOST_MISSPELT]
    if not found:
        return ""
    named = ", ".join(name[:ANNOTATION_CHARACTERS] for name in found)
    return f"The annotation {named} is no command: write recsys.dev/<command> with one of {', '.join(COMMANDS)}."


def _refused(observed: Observed, finding: Finding) -> Finding:
    """What the API server refused comes first, then what would be said without it.

    Until the children have been tried, what was said of the last try stands: the status is written before them.
    """
    before = find(observed.status.conditions, "Ready")
    if observed.refusals:
        return Finding(CHILD_REFUSED, f"{sentence(observed.refusals)} {finding.message}", finding.good)
    if observed.refusals is None and before and before.reason == CHILD_REFUSED:
        return Finding(CHILD_REFUSED, before.message, finding.good)
    return finding


def _findings(
    observed: Observed, status: DeploymentStatus, target: Revision | Unresolved, now: datetime
) -> Iterator[Finding]:
    stable, canary = status.stable, status.canary
    if observed.strangers:
        names = " and ".join(f"{stranger.kind} {stranger.name}" for stranger in observed.strangers)
        yield Finding(
            "ChildNameTaken",
            f"{names} belongs to somebody else but bears the name of a child of this Deployment: delete or rename it, "
            f"or give the Deployment another name. {_serving(status)}".strip(),
        )
    if stable is None and isinstance(target, Unresolved):
        yield Finding(target.reason, target.message)
    yield from _going_back(observed, status)
    if record := alerts.degraded(status):
        yield Finding(
            "Degraded",
            f"Version {record.version} serves in spite of the {record.severity} alert {record.name} "
            f"({record.message or 'no summary was given'}): there is no earlier version to go back to.",
        )
    if isinstance(target, Unresolved):
        serving = "" if target.reason == HOSTNAME_TAKEN else _serving(status)
        yield Finding(target.reason, f"{target.message} {serving}".strip())
    route = observed.route
    if not observed.gateway_api:
        yield Finding(
            "GatewayApiNotInstalled",
            "The API server does not know HTTPRoutes (gateway.networking.k8s.io/v1), so this Deployment gets no "
            "requests: install the Gateway API and a gateway that implements it. It goes on by itself then.",
        )
    if route and not route.accepted and route.problem:
        yield Finding(route.problem, route.message)
    if canary and canary.abort is None:
        yield _trying(observed, status, canary, now)
    if lacking := capacity.shortage(observed, status, target):
        yield Finding("InsufficientCapacity", f"{lacking} {_serving(status)}".strip())
    window = windows.opened(observed, now)
    if stable is None:
        if observed.spec.paused:
            yield Finding("Paused", "spec.paused holds the first version back.")
        if window:
            yield Finding("FreezeWindow", f"The first version is held back: {window.sentence}.")
        yield Finding("Progressing", "Starting.")
        return
    if not isinstance(target, Unresolved) and target.revision != stable.revision:
        if observed.spec.paused:
            yield Finding("Paused", f"spec.paused holds version {target.version} back. {_serving(status)}")
        if window:
            said = f"Version {target.version} is held back: {window.sentence}."
            yield Finding("FreezeWindow", f"{said} {_serving(status)}")
        yield Finding("Progressing", f"Version {target.version} is next. {_serving(status)}")
    if not observed.complete(stable.revision):
        yield Finding("WaitingForPods", _waiting(observed, stable))
    if not observed.in_place(weights(status)):
        yield Finding("Progressing", _not_in_place(observed))
    yield Finding("Serving", _serving(status), good=True)


def _going_back(observed: Observed, status: DeploymentStatus) -> Iterator[Finding]:
    stable, canary = status.stable, status.canary
    if canary and canary.abort:
        reason = "RollingBack" if canary.abort.verdict == "RolledBack" else "Progressing"
        yield Finding(reason, f"Version {canary.version} is taken back: {canary.abort.message}")
    bad = blocks.of_revision(status.blocked, stable) if stable else None
    if stable and bad:
        if canary and canary.reverting:
            until = "" if observed.complete(canary.revision) else f" {_waiting(observed, canary)}"
            yield Finding("RollingBack", f"Version {canary.version} takes over again ({bad.message}).{until}")
        else:
            yield Finding(
                "Degraded",
                f"Version {stable.version} is blocked ({bad.message}) but goes on serving: there is nothing to go "
                "back to.",
            )


def _trying(observed: Observed, status: DeploymentStatus, canary: CanaryStatus, now: datetime) -> Finding:
    where = _where(observed, status, canary)
    frozen = alerts.freeze(status, (observed.spec.rollback or Rollback()).freeze_seconds, now)
    if observed.spec.paused and not canary.reverting:
        return Finding("Paused", f"{where}; spec.paused holds it there.")
    window = windows.opened(observed, now)
    if window and not canary.reverting:
        return Finding("FreezeWindow", f"{where}; it is held there: {window.sentence}.")
    if canary.held and not canary.reverting:
        return Finding("Held", f"{where}; the command pause holds it there until resume or promote.")
    if frozen and status.stable and not canary.reverting:
        record, until = frozen
        return Finding(
            "Frozen",
            f"{where}; the {record.severity} alert {record.name} ({record.message or 'no summary was given'}) holds it "
            f"there until it is resolved, at most until {rfc3339(until)}.",
        )
    failure = failures.find(observed, State(status), canary, now) if status.stable is None else None
    if failure and failure.cause == "PodsFailed":
        return Finding("PodsFailed", f"{where}. {failure.message} {NO_WAY_BACK}")
    if failure and failure.cause == "ProgressDeadlineExceeded":
        return Finding("ProgressDeadlineExceeded", f"{where}. {failure.message} {NO_WAY_BACK}")
    if not observed.complete(canary.revision):
        return Finding("WaitingForPods", f"{where}. {_waiting(observed, canary)}")
    if not observed.fit(canary):
        return Finding("WaitingForEndpoints", f"{where}. {clock.endpoints(observed, canary)}")
    if not observed.in_place(weights(status)):
        return Finding("Progressing", f"{where}. {_not_in_place(observed)}")
    reached = observed.reached_from(weights(status))
    if status.stable is None and reached and now < reached:
        return Finding("Progressing", f"{where}. {_about_to_serve(observed)}")
    if said := shadow.unavailable(observed, status):
        return Finding("ShadowUnavailable", f"{where}. {said}")
    if lacks := shadow.lacking(observed, status):
        return Finding("ShadowLacksEvidence", f"{where}. {lacks}")
    if said := shadow.progress(observed, status):
        return Finding("Progressing", f"{where}. {said}")
    step = steps.current(observed, State(status), canary)
    if step and step.pause and step.pause.duration_seconds is None:
        command = promoting(observed, canary)
        return Finding("AwaitingPromotion", f"{where}. It waits for the command promote: {command}")
    if step and step.bake:
        due = steps.due(observed, State(status), canary)
        end = f"until {rfc3339(due)}" if due else f"for {step.bake.duration_seconds} s"
        return Finding("Progressing", f"{where}. It bakes: all must be well without a break {end}.")
    if lacking := analysis.lacking(observed, status):
        reason = "AnalysisError" if lacking.phase == "Error" else "AnalysisInconclusive"
        return Finding(reason, f"{where}, held for lack of evidence. {lacking.name}: {lacking.message}")
    if waits := analysis.holding(observed, status, analysis.next_move(observed, status)):
        return Finding("Progressing", f"{where}, until its analysis lets it go on. {waits}")
    return Finding("Progressing", f"{where}.")


def _not_in_place(observed: Observed) -> str:
    if observed.by_weight:
        return "The gateway is being told; it has yet to accept the route."
    return f"Service {observed.name} is being told; its endpoints have yet to follow."


def _about_to_serve(observed: Observed) -> str:
    if observed.by_weight:
        return "The gateway has accepted the route and is about to serve it."
    return f"Service {observed.name} is about to serve it."


def _where(observed: Observed, status: DeploymentStatus, canary: CanaryStatus) -> str:
    text = f"Version {canary.version}: {canary.weight} %"
    count = len(steps.steps_of(observed))
    if status.stable is None or canary.reverting or not count:
        return text
    if canary.skip_steps:
        return f"{text} (without steps)"
    return f"{text} (step {min(canary.step + 1, count)} of {count})"


def _waiting(observed: Observed, revision: Revision) -> str:
    trouble = observed.trouble(revision.revision)
    said = f": {trouble}" if trouble else "."
    counts = f"{observed.ready(revision.revision)} of {observed.needs(revision.revision)}"
    return f"Version {revision.version} has {counts} pods ready{said}"


def _serving(status: DeploymentStatus) -> str:
    if status.stable is None:
        return ""
    share = weights(status).get(status.stable.revision, 0)
    return f"Version {status.stable.version} serves {'all' if share == 100 else f'{share} % of the'} requests."
