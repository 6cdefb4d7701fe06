"""Analysis in a rollout: what is measured, what it takes back, what it holds."""

from datetime import datetime

from recsys_operator.api.analysis_status import MetricStatus
from recsys_operator.api.rollout import DeploymentStatus
from recsys_operator.api.strategy import Step
from recsys_operator.decide.analysis import decision, limits, verdict
from recsys_operator.decide.analysis.facts import Plan, Question
from recsys_operator.decide.analysis.watch import Watch, open_jobs, plan, watches
from recsys_operator.decide.deployment.facts import Failure, Observed, State
from recsys_operator.decide.notice import Notice


def look(observed: Observed, state: State, now: datetime) -> State:
    """The state with what was measured since the last decision taken in."""
    canary, stable = state.status.canary, state.status.stable
    in_force = _in_force(observed, state.status)
    if canary is None or stable is None or not in_force:
        return state
    after = decision.take(canary, stable, in_force, observed.evidence, now)
    known = {one.name: one.phase for one in canary.analysis}
    news = [one for one in after.analysis if one.phase != known.get(one.name)]
    return state.change(*(notice for one in news if (notice := _notice(one))), canary=after)


def failure(observed: Observed, status: DeploymentStatus, now: datetime) -> Failure | None:
    """Why the analysis takes the canary back; None while it does not.

    What measured badly is blocked as a version; what could not be measured, where the user wants that, as a revision.
    """
    canary = status.canary
    found = verdict.condemned(canary, _in_force(observed, status), now) if canary else None
    if found is None:
        return None
    if found.proven:
        return Failure("Analysis", found.message, whole=True)
    return Failure("EvidenceMissing", found.message)


def holding(observed: Observed, status: DeploymentStatus, move: verdict.Move) -> str | None:
    """Why a move of the canary has to wait for its analysis; None when it has not."""
    canary = status.canary
    if canary is None or canary.skip_steps:
        return None
    return verdict.holding(canary, _in_force(observed, status), move)


def lacking(observed: Observed, status: DeploymentStatus) -> MetricStatus | None:
    """The metric whose evidence has been missing for too long, if that holds the canary."""
    canary = status.canary
    if canary is None or canary.skip_steps:
        return None
    return verdict.lacking(canary, _in_force(observed, status))


def next_move(observed: Observed, status: DeploymentStatus) -> verdict.Move:
    """The move of the canary that its analysis may hold at present."""
    canary, strategy = status.canary, observed.spec.strategy
    steps = strategy.canary.steps if strategy else ()
    if canary is None or canary.weight == 100:
        return "Promote"
    if canary.step >= len(steps):
        return "TakeOver"
    return "EndStep" if steps[canary.step].analysis else "RaiseWeight"


def measure(observed: Observed, status: DeploymentStatus, now: datetime) -> Plan | None:
    """What is to be measured next; None: nothing, as long as nothing changes."""
    canary, stable = status.canary, status.stable
    if canary is None or stable is None:
        return None
    return plan(canary, stable, _in_force(observed, status), now)


def jobs(observed: Observed, status: DeploymentStatus) -> tuple[Question, ...]:
    """What Jobs are to find out that have not done so yet, whether another metric is looked at before or not."""
    canary, stable = status.canary, status.stable
    return open_jobs(canary, stable, _in_force(observed, status)) if canary and stable else ()


def deadlines(observed: Observed, status: DeploymentStatus, now: datetime) -> list[datetime]:
    """When missing evidence will have been missing for too long."""
    entries = status.canary.analysis if status.canary else ()
    found = [
        limits.deadline(watch.analysis, entry)
        for watch in _in_force(observed, status)
        if (entry := watch.find(entries))
    ]
    return [one for one in found if one and one > now]


def _in_force(observed: Observed, status: DeploymentStatus) -> tuple[Watch, ...]:
    """Nothing for a first version, for one on its way out, for the way back from a bad one, and without a gateway."""
    canary, strategy = status.canary, observed.spec.strategy
    if canary is None or canary.abort or canary.reverting or status.stable is None:
        return ()
    if strategy is None or not observed.by_weight:
        return ()
    steps = () if canary.skip_steps else strategy.canary.steps
    step: Step | None = steps[canary.step] if canary.step < len(steps) else None
    return watches(
        canary, strategy.canary.analysis, step.analysis if step else None, all_steps_done=canary.step >= len(steps)
    )


def _notice(entry: MetricStatus) -> Notice | None:
    message = f"{entry.name}: {entry.message}"
    match entry.phase:
        case "Failed":
            return Notice("Warning", "AnalysisFailed", message, "Analyse")
        case "Inconclusive":
            return Notice("Warning", "AnalysisInconclusive", message, "Analyse")
        case "Error":
            return Notice("Warning", "AnalysisError", message, "Analyse")
        case _:
            return None
