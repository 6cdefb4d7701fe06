"""What a pod's end says: from the termination message, the exit code and the runtime's word to one sentence."""

import json
import re
from dataclasses import dataclass

from recsys_operator.api.trainingrun import Failure
from recsys_operator.decide.conditions import clip
from recsys_operator.decide.trainingrun.facts import Exit, ObservedRun
from recsys_operator.decide.trainingrun.reasons import RESERVED, Reason

DEFAULT_MEMORY = "4Gi"

LOG_LINES = 20
LOG_CHARACTERS = 4096

REASON = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")


@dataclass(frozen=True, slots=True)
class Said:
    """A trainer's own word. `log` is the end of a traceback; empty where the message says everything."""

    reason: str
    message: str
    log: str


def memory_of(run: ObservedRun) -> str:
    """The memory limit of each of the run's pods."""
    return str(run.spec.ray.resources_per_worker.memory) if run.spec.ray else DEFAULT_MEMORY


def read(pod: str, end: Exit, memory: str) -> Failure:
    """A pod's end as a failure. `memory` is the limit of its container, for the sentence of an OOM kill."""
    said = _said(end.message)
    if end.reason == Reason.OUT_OF_MEMORY:
        reason = str(Reason.OUT_OF_MEMORY)
        message = f"It used more than its {memory} of memory: raise spec.ray.resourcesPerWorker.memory in a new run."
    elif end.pod_reason:
        # What the trainer says then is only that it was asked to stop.
        reason = str(Reason.EVICTED if end.pod_reason == Reason.EVICTED else Reason.TRAINER_FAILED)
        message = f"{end.pod_reason}: {end.pod_message.strip() or 'no message'}{_remedy(end)}"
    elif said is not None:
        reason, message = said.reason, said.message
    elif end.code is None:
        reason = str(Reason.TRAINER_FAILED)
        message = f"The pod failed without an exit code or a message: see `kubectl describe pod {pod}` and its node."
    else:
        reason = str(Reason.TRAINER_FAILED)
        message = f"The trainer ended with exit code {end.code} and no reason: status.failure.log has its last lines."
    return Failure(
        reason=reason,
        message=clip(message),
        pod=pod,
        exit_code=end.code,
        log=None if end.code is None else last_lines(end.message if said is None else said.log),
    )


def _remedy(end: Exit) -> str:
    """What to change, where the kubelet speaks of a limit of the pod's own and not of a node that is full."""
    own = end.pod_reason == Reason.EVICTED and "ephemeral" in end.pod_message and "limit" in end.pod_message
    return " Raise spec.ray.resourcesPerWorker.ephemeralStorage in a new run." if own else ""


def last_lines(text: str) -> str | None:
    """The last lines of a log, within what status may hold."""
    return "\n".join(text.strip().splitlines()[-LOG_LINES:])[-LOG_CHARACTERS:] or None


def _said(message: str) -> Said | None:
    """What the trainer left as its termination message; None when that is not of its form."""
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    reason, sentence, log = found.get("reason"), found.get("message"), found.get("log")
    if not isinstance(reason, str) or not isinstance(sentence, str):
        return None
    known = REASON.fullmatch(reason) is not None and reason not in RESERVED
    return Said(
        reason if known else str(Reason.TRAINER_FAILED),
        _unicode(sentence),
        _unicode(log) if isinstance(log, str) else "",
    )


def _unicode(text: str) -> str:
    """Without halves of surrogate pairs, which JSON can hold and the API server cannot."""
    return text.encode(errors="replace").decode()
