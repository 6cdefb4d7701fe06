"""Where each second of a run goes, from what its objects were seen to be and the last line of its trainer's log."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from recsys_workers.train.seconds import STAGES

TRAINING = ("folds", "training")
"""The stages that are the training itself."""
LINE = re.compile(r" seconds: (?P<stages>[a-z]+ [\d.]+(?:, [a-z]+ [\d.]+)*); [\d.]+ in all$", re.MULTILINE)

BEFORE = {
    "job": "operator: the run is read and checked, its Job made",
    "pod": "Kubernetes: the Job's pod made",
    "scheduled": "Kubernetes: the pod scheduled",
    "running": "Kubernetes: volumes, image, the container started",
}
"""The moments before the trainer tells anything, in their order, and what leads to each."""
AFTER = {
    "ended": "trainer: the end of its process",
    "succeeded": "Kubernetes and operator: the Job is counted, the run decided",
}


@dataclass(frozen=True, slots=True)
class Moments:
    """When each of these was seen, as `time.time()` counts; None what was not."""

    applied: float
    job: float | None = None
    pod: float | None = None
    scheduled: float | None = None
    running: float | None = None
    result: float | None = None
    ended: float | None = None
    succeeded: float | None = None


def job_seen(job: Mapping[str, Any]) -> str | None:
    """What a Job tells: that it is there."""
    return "job" if job.get("kind") == "Job" else None


def pod_state(pod: Mapping[str, Any]) -> str | None:
    """How far a pod is: pod, scheduled, running, ended."""
    status = pod.get("status", {})
    states = [one.get("state", {}) for one in status.get("containerStatuses", ())]
    if any("terminated" in state for state in states):
        return "ended"
    if any("running" in state for state in states):
        return "running"
    return "scheduled" if pod.get("spec", {}).get("nodeName") else "pod"


def run_state(run: Mapping[str, Any]) -> str | None:
    """How far a TrainingRun is: result, succeeded, failed; None before."""
    status = run.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "Succeeded" and condition["status"] in ("True", "False"):
            return "succeeded" if condition["status"] == "True" else "failed"
    return "result" if "result" in status else None


ORDER = ("pod", "scheduled", "running", "ended")


def moments(
    applied: float,
    jobs: Sequence[tuple[float, str]],
    pods: Sequence[tuple[float, str]],
    runs: Sequence[tuple[float, str]],
) -> Moments:
    """From what was seen when. A state that was passed over between two looks was reached at the later one."""
    found: dict[str, float] = {}
    for at, state in [*jobs, *runs]:
        found.setdefault(state, at)
    for at, state in pods:
        for passed in ORDER[: ORDER.index(state) + 1]:
            found.setdefault(passed, at)
    if "succeeded" in found:
        found.setdefault("result", found["succeeded"])
    return Moments(applied, **{name: at for name, at in found.items() if name != "failed"})


def stages(log: str) -> dict[str, float]:
    """The seconds that the trainer tells in its last line; raises ValueError where there is no such line."""
    lines = LINE.findall(log)
    if not lines:
        raise ValueError("The trainer's log has no line with its seconds: its image is older than this benchmark.")
    pairs = (pair.split() for pair in lines[-1].split(", "))
    return {name: float(seconds) for name, seconds in pairs}


def rows(seen: Moments, told: Mapping[str, float]) -> dict[str, float]:
    """Seconds by what they went into, in the order of time; together they are those from `applied` to `succeeded`."""
    found: dict[str, float] = {}
    last = seen.applied
    for name, meaning in BEFORE.items():
        at = max(last, _known(seen, name))
        found[meaning], last = at - last, at
    result = max(last, _known(seen, "result"))
    named = {f"trainer, {stage}: {STAGES[stage]}": told[stage] for stage in STAGES if stage in told}
    found |= named
    # The process began after its container was seen to run, or before: what is left over is that, and rounding.
    found["trainer: between its container, its own clock and the status"] = result - last - sum(named.values())
    last = result
    for name, meaning in AFTER.items():
        at = max(last, _known(seen, name))
        found[meaning], last = at - last, at
    return found


def _known(seen: Moments, name: str) -> float:
    at: float | None = getattr(seen, name)
    if at is None:
        raise ValueError(f"It was not seen when the run came to {name!r}.")
    return at


def overhead(found: Mapping[str, float], told: Mapping[str, float]) -> float:
    """All seconds but those of the training."""
    return sum(found.values()) - sum(told.get(stage, 0.0) for stage in TRAINING)


def table(runs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> str:
    """Markdown: what the seconds went into, the median and the extremes over the runs."""
    lines = ["| what | median, s | least | most |", "| --- | --- | --- | --- |"]
    names = dict.fromkeys(name for found, _ in runs for name in found)
    lines += [_line(name, [found.get(name, 0.0) for found, _ in runs]) for name in names]
    lines.append(_line("**from `kubectl apply` to Succeeded**", [sum(found.values()) for found, _ in runs]))
    lines.append(_line("**without the training**", [overhead(found, told) for found, told in runs]))
    return "\n".join(lines)


def _line(name: str, values: Sequence[float]) -> str:
    return f"| {name} | {median(values):.1f} | {min(values):.1f} | {max(values):.1f} |"
