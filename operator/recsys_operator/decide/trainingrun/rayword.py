"""What a trainer that Ray's dashboard started said at its end, out of the message of its RayJob.

Ray keeps the last lines that the command printed: "Job entrypoint command failed with exit code 2, last available logs
(truncated to 20,000 chars):" and then the lines (ray/dashboard/modules/job/job_supervisor.py). The very last one is the
trainer's word, which `recsys_workers.train.submitted` prints; it is missing when the command itself was killed.
"""

import json
import re

from recsys_operator.api.trainingrun import Failure
from recsys_operator.decide.conditions import clip
from recsys_operator.decide.trainingrun.facts import Exit
from recsys_operator.decide.trainingrun.failure import last_lines, read
from recsys_operator.decide.trainingrun.reasons import Reason

MARK = "recsys-trainer-ended "
"""What the line of the trainer's word begins with."""

OUT_OF_MEMORY = "OutOfMemory"
"""The trainer's word for a process of its pods that the kernel killed for its memory."""

EXIT_CODE = re.compile(r"failed with exit code (-?[0-9]{1,10})")


def failure_of_message(message: str, head: str | None, memory: str) -> Failure:
    """The failure that the message tells of. `memory` is the limit of a pod; `head` the pod that the trainer was in."""
    begin = message.rfind(MARK)
    word = _word(message[begin + len(MARK) :].partition("\n")[0]) if begin >= 0 else {}
    pod = word.get("pod")
    pod = pod if isinstance(pod, str) and pod else head
    code = word.get("exitCode")
    if not isinstance(code, int) or isinstance(code, bool):
        found = EXIT_CODE.search(message)
        code = int(found[1]) if found else None
    if word.get("reason") == OUT_OF_MEMORY:
        # The sentence is the one that an OOM kill has anywhere else.
        killed = read(pod or "", Exit(code, str(Reason.OUT_OF_MEMORY), "", ""), memory)
        log = word.get("log")
        return killed.model_copy(update={"pod": pod, "log": last_lines(log) if isinstance(log, str) else None})
    if word:
        told = read(pod or "", Exit(code, "", json.dumps(word), ""), memory)
        return told.model_copy(update={"pod": pod})
    text = "The trainer ended without a reason" if code is None else f"The trainer ended with exit code {code}"
    said = (
        message.partition("\n")[0].strip() if code is None else "and no reason: status.failure.log has its last lines"
    )
    log = last_lines(message.partition("\n")[2])
    return Failure(
        reason=str(Reason.TRAINER_FAILED),
        message=clip(f"{text}{': ' if code is None else ' '}{said or 'KubeRay has none either'}."),
        pod=pod,
        exit_code=code,
        log=log,
    )


def _word(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("reason"), str) else {}
