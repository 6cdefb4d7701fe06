"""The shadow step of a rollout: who copies to whom, and what the comparison leads to.

While it lasts the canary has its pods and no weight. Its answers go nowhere but into the comparison.
"""

from dataclasses import replace
from datetime import datetime

from recsys_operator.api.rollout import CanaryStatus, DeploymentStatus, Revision
from recsys_operator.api.shadow import Shadow
from recsys_operator.decide.analysis import shadow_step
from recsys_operator.decide.analysis.facts import Plan
from recsys_operator.decide.analysis.watch import TOGETHER
from recsys_operator.decide.deployment import steps
from recsys_operator.decide.deployment.by_hand import promoting
from recsys_operator.decide.deployment.facts import Copying, Failure, Observed, State
from recsys_operator.decide.deployment.revisions import plain
from recsys_operator.decide.notice import Notice


def step_of(observed: Observed, status: DeploymentStatus) -> Shadow | None:
    """The shadow step that the canary is at."""
    canary = status.canary
    if canary is None or canary.abort or status.stable is None:
        return None
    step = steps.current(observed, State(status), canary)
    return step.shadow if step else None


def look(observed: Observed, state: State) -> State:
    """The state with what the canary's pods told of the comparison."""
    status = state.status
    step = step_of(observed, status)
    if step is None or status.canary is None or status.stable is None:
        return state
    after = shadow_step.take(status.canary, status.stable, step, observed.evidence)
    before, entry = (shadow_step.counted(one) for one in (status.canary, after))
    if entry and entry.phase == "Inconclusive" and not (before and before.phase == "Inconclusive"):
        lacks = Notice("Warning", "ShadowLacksEvidence", f"Version {after.version} is held: {entry.message}", "Analyse")
        return state.change(lacks, canary=after)
    return state.change(canary=after)


def failure(observed: Observed, state: State, canary: CanaryStatus, now: datetime) -> Failure | None:
    """Why the canary is taken back: it answers otherwise than its gates allow."""
    message = shadow_step.failed(canary) if step_of(observed, state.status) else None
    return Failure("ShadowGate", message, whole=True) if message else None


def measure(observed: Observed, status: DeploymentStatus, other: Plan | None) -> Plan | None:
    """The next look at the comparison, and at whatever else is to be looked at: the earlier, or both in one."""
    own = shadow_step.plan(status.canary) if status.canary and step_of(observed, status) else None
    if own is None or other is None:
        return own or other
    if abs(own.at - other.at) > TOGETHER:
        return min(own, other, key=lambda plan: plan.at)
    read = (*own.read, *(one for one in other.read if one not in own.read))
    return replace(other, at=min(own.at, other.at), read=read)


def copying(observed: Observed, status: DeploymentStatus) -> Copying | None:
    """Who copies to whom now. It is said before the canary's pods are there: word takes a minute to reach stable's."""
    step = step_of(observed, status)
    if step is None or status.stable is None or status.canary is None or _rows_task(observed):
        return None
    stable, canary = (Revision.model_validate(plain(one)) for one in (status.stable, status.canary))
    return Copying(stable, canary, step.percent)


def unavailable(observed: Observed, status: DeploymentStatus) -> str | None:
    """Why no request can be copied, as a sentence; None where nothing stands in the way."""
    stable, canary, task = status.stable, status.canary, _rows_task(observed)
    if canary and stable and step_of(observed, status) and task:
        return (
            f"A shadow compares lists of items, and {observed.spec.model_ref.name} answers rows (task {task}): leave "
            f"the shadow out of strategy.canary.steps. The command promote goes on to the next step: "
            f"{promoting(observed, canary)}"
        )
    workload = observed.workload(stable.revision) if stable and step_of(observed, status) else None
    if workload is None or workload.told_of_shadows or stable is None or canary is None:
        return None
    return (
        f"The pods of version {stable.version} were made by an operator that knew no shadow, so they copy nothing, and "
        f"are not restarted for it. The command promote goes on to the next step: {promoting(observed, canary)}"
    )


def _rows_task(observed: Observed) -> str:
    return observed.model.rows_task if observed.model else ""


def lacking(observed: Observed, status: DeploymentStatus) -> str | None:
    """What the comparison lacks at the end of its time, as a sentence; None while nothing is amiss."""
    canary = status.canary
    entry = shadow_step.counted(canary) if canary and step_of(observed, status) else None
    if canary is None or entry is None or entry.phase != "Inconclusive":
        return None
    gates = [one for one in canary.analysis if one.step == entry.step and one.phase == "Inconclusive" and one != entry]
    details = "".join(f" {one.message}" for one in gates)
    return f"{entry.message}{details} It is held. The command promote goes on without: {promoting(observed, canary)}"


def progress(observed: Observed, status: DeploymentStatus) -> str | None:
    """How far the comparison is, as a sentence; None where there is none."""
    step = step_of(observed, status)
    if step is None or status.canary is None:
        return None
    entry = shadow_step.counted(status.canary)
    said = entry.message if entry else "No copied request has been compared yet."
    return f"It is a shadow of {step.percent} % of the requests. {said}"
