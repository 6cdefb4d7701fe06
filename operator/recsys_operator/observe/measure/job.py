"""What an analysis Job found out."""

from collections.abc import Iterable
from typing import Any

from recsys_operator.build.analysis_job import BAD, CONTAINER
from recsys_operator.decide.analysis.facts import Answer
from recsys_operator.observe.pods import complaint

Object = dict[str, Any]

QUOTED = 300
"""Characters of the last words of a container that are quoted."""
BY_EXIT_CODE = "PodFailurePolicy"
"""The Job controller's reason when the container's own exit code ended the Job."""


def answer(job: Object, pods: Iterable[Object] = ()) -> Answer:
    """The Job's verdict; `pods` are its own, for what they say.

    Only the exit code of the container is a word about the canary. A Job that ran out of time or of attempts, or whose
    pod could not start, has found out nothing.
    """
    name, pods = job["metadata"]["name"], list(pods)
    verdict = next(
        (
            one
            for one in job.get("status", {}).get("conditions") or ()
            if one.get("status") == "True" and one.get("type") in ("Complete", "Failed")
        ),
        None,
    )
    if verdict is None:
        said = complaint(pods)
        return Answer("Pending", message=f"the Job {name} runs{': ' if said else ''}{said[:QUOTED]}")
    said = _last_words(pods)
    if verdict["type"] == "Complete":
        return Answer("Passed", message=f"the Job {name} succeeded{said}")
    if verdict.get("reason") == BY_EXIT_CODE:
        return Answer("Failed", message=f"the Job {name} says no{said}")
    told = f"{verdict.get('reason') or 'Unknown'}: {verdict.get('message') or ''}".rstrip(": ")
    return Answer("Unavailable", message=f"the Job {name} found out nothing: {told[:QUOTED]}{said}")


def _last_words(pods: Iterable[Object]) -> str:
    """What the container that ended last wrote, of those that said no if one did."""
    ended = [
        state
        for pod in pods
        for one in pod.get("status", {}).get("containerStatuses") or ()
        if one.get("name") == CONTAINER and (state := (one.get("state") or {}).get("terminated"))
    ]
    ended.sort(key=lambda state: (state.get("exitCode") == BAD, state.get("finishedAt") or ""))
    words = " ".join(str(ended[-1].get("message") or "").split()) if ended else ""
    return f": {words if len(words) <= QUOTED else '…' + words[1 - QUOTED :]}" if words else ""
