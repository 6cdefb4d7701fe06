"""A shadow step in the status: what its looks have come to.

Everything is judged by the time of its reading: the same evidence, handed in again after a crash, changes nothing.
"""

import re
from datetime import datetime, timedelta
from typing import Literal

from recsys_operator.api.analysis_status import MetricStatus
from recsys_operator.api.rollout import CanaryStatus, Revision
from recsys_operator.api.shadow import Shadow
from recsys_operator.decide.analysis.facts import Evidence, Plan, Reading
from recsys_operator.decide.analysis.shadow import GateResult, against, enough, judge
from recsys_operator.decide.analysis.shadow_facts import ShadowReading
from recsys_operator.decide.times import instant, rfc3339

NAME = "shadow"
"""The entry that counts; each gate has one of its own, such as `shadow-kendall-tau`."""
LOOK = timedelta(seconds=5)

Phase = Literal["Running", "Passed", "Failed", "Inconclusive"]


def take(canary: CanaryStatus, stable: Revision, step: Shadow, evidence: Evidence) -> CanaryStatus:
    """The canary with the entries of its shadow step brought up to what its pods told last."""
    before = counted(canary)
    reading = evidence.reading("Canary", canary.revision)
    if reading is None or reading.at < _begun(canary) or (before and _final(before)):
        return canary
    if before and reading.at <= instant(before.time):
        return canary
    others = tuple(one for one in canary.analysis if one.step is None)
    return canary.model_copy(update={"analysis": (*others, *_entries(canary, stable, step, reading, before))})


def plan(canary: CanaryStatus) -> Plan | None:
    """The next look at the canary's pods; None once the gates were judged."""
    entry = counted(canary)
    if entry and _final(entry):
        return None
    return Plan(
        at=instant(entry.time) + LOOK if entry else _begun(canary),
        read=(("Canary", canary.revision),),
    )


def counted(canary: CanaryStatus) -> MetricStatus | None:
    """The entry that counts, if the canary has begun to be a shadow at its present step."""
    return next((one for one in canary.analysis if one.name == NAME and one.step == canary.step), None)


def passed(canary: CanaryStatus) -> bool:
    """Whether the step has come to its good end."""
    entry = counted(canary)
    return entry is not None and entry.phase == "Passed"


def failed(canary: CanaryStatus) -> str | None:
    """What the answers lack, as a sentence; None while nothing is known to be wrong."""
    entry = counted(canary)
    if entry is None or entry.phase != "Failed":
        return None
    bad = [one for one in canary.analysis if one.step == canary.step and one.phase == "Failed" and one is not entry]
    return f"{'; '.join(one.message.rstrip('.') for one in bad)} ({entry.samples} requests compared)."


def _entries(
    canary: CanaryStatus, stable: Revision, step: Shadow, reading: Reading, before: MetricStatus | None
) -> tuple[MetricStatus, ...]:
    found = against((one for pod in reading.pods for one in pod.shadows), stable.version)
    tried = found.samples + found.failures
    began = before.start_time if before and before.samples else rfc3339(reading.at)
    over = tried > 0 and reading.at >= instant(began) + timedelta(seconds=step.duration_seconds)
    results = judge(step, found)
    phase = _phase(results, over=over, enough=enough(step, found))
    final = phase in ("Passed", "Failed")

    def entry(name: str, phase: Phase, threshold: str, value: float | None, message: str) -> MetricStatus:
        lacking = before.lacking_since if before and before.phase == "Inconclusive" else rfc3339(reading.at)
        return MetricStatus(
            name=name,
            step=canary.step,
            phase=phase,
            value=None if value is None else f"{value:.4f}",
            threshold=threshold,
            samples=tried,
            message=message,
            start_time=began,
            time=rfc3339(reading.at),
            lacking_since=lacking if phase == "Inconclusive" else None,
        )

    wanted = f"{step.min_samples} requests in at least {step.duration_seconds} s"
    message = _message(step, stable, found, reading, lacks=phase == "Inconclusive")
    own = entry(NAME, phase, wanted, None, message)
    gates = (
        entry(
            gate_name(result.gate.metric),
            result.verdict if final or (over and result.verdict == "Inconclusive") else "Running",
            result.threshold,
            result.value,
            f"{result.sentence}.",
        )
        for result in results
    )
    return (own, *gates)


def gate_name(metric: str) -> str:
    """The name of a gate's entry: `KendallTau` is `shadow-kendall-tau`."""
    return NAME + re.sub(r"([A-Z])", lambda letter: "-" + letter[1].lower(), metric)


def _phase(results: tuple[GateResult, ...], *, over: bool, enough: bool) -> Phase:
    if not over:
        return "Running"
    verdicts = {result.verdict for result in results} if enough else {"Inconclusive"}
    return next((one for one in ("Failed", "Inconclusive") if one in verdicts), "Passed")


def _message(step: Shadow, stable: Revision, found: ShadowReading, reading: Reading, *, lacks: bool) -> str:
    tried = found.samples + found.failures
    if not tried:
        missing = f" {'; '.join(reading.missing[:3])}." if reading.missing else ""
        return f"No copied request has been compared yet.{missing}"
    failures = f", {found.failures} of them could not be answered" if found.failures else ""
    text = f"{tried} of {step.min_samples} requests compared with version {stable.version}{failures}."
    return f"{text} The time is over, but evidence is missing." if lacks else text


def _final(entry: MetricStatus) -> bool:
    return entry.phase in ("Passed", "Failed")


def _begun(canary: CanaryStatus) -> datetime:
    return instant(canary.step_start_time or canary.start_time)
