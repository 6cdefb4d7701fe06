"""A Job's verdict: only its container's own word is one about the canary."""

from typing import Any

import pytest

from recsys_operator.decide.analysis.facts import AnswerKind
from recsys_operator.observe.measure.job import answer


def job(*conditions: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": "movies-check-1"}, "status": {"conditions": list(conditions)} if conditions else {}}


def condition(kind: str, reason: str = "", message: str = "", status: str = "True") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def ended(code: int, message: str, finished: str = "2026-01-02T03:04:05Z") -> dict[str, Any]:
    state = {"terminated": {"exitCode": code, "message": message, "finishedAt": finished}}
    container = {"name": "analysis", "state": state, "ready": False}
    return {
        "metadata": {"name": "pod-1"},
        "status": {"containerStatuses": [{"name": "sidecar", "state": {}}, container]},
    }


def waiting(reason: str) -> dict[str, Any]:
    container = {"name": "analysis", "state": {"waiting": {"reason": reason, "message": "back-off"}}}
    return {"metadata": {"name": "pod-1"}, "status": {"containerStatuses": [container]}}


BY_CODE = condition("Failed", "PodFailurePolicy", "Container analysis failed with exit code 1 matching FailJob rule")
CASES: list[tuple[dict[str, Any], list[dict[str, Any]], AnswerKind, str]] = [
    (job(), [], "Pending", "the Job movies-check-1 runs"),
    (job(), [waiting("ContainerCreating")], "Pending", "the Job movies-check-1 runs"),
    (job(), [waiting("ImagePullBackOff")], "Pending", "runs: pod pod-1: ImagePullBackOff: back-off"),
    (job(condition("Complete", status="False")), [], "Pending", "runs"),
    (job(condition("SuccessCriteriaMet"), condition("FailureTarget", "PodFailurePolicy")), [], "Pending", "runs"),
    (job(condition("Complete")), [], "Passed", "the Job movies-check-1 succeeded"),
    (job(condition("Complete")), [ended(0, "12 checks\nare good\n")], "Passed", "succeeded: 12 checks are good"),
    (job(BY_CODE), [], "Failed", "the Job movies-check-1 says no"),
    (job(BY_CODE), [ended(1, "revenue fell")], "Failed", "says no: revenue fell"),
    (
        job(BY_CODE),
        [ended(137, "killed", "2026-01-02T03:04:06Z"), ended(1, "revenue fell")],
        "Failed",
        "says no: revenue fell",
    ),
    (job(BY_CODE), [ended(1, "x" * 1000 + " the end")], "Failed", "x the end"),
    (
        job(condition("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")),
        [],
        "Unavailable",
        "found out nothing: DeadlineExceeded: Job was active longer than specified deadline",
    ),
    (
        job(condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")),
        [ended(2, "no route to host", "2026-01-02T03:04:06Z"), ended(2, "older")],
        "Unavailable",
        "backoff limit: no route to host",
    ),
    (job(condition("Failed")), [], "Unavailable", "found out nothing: Unknown"),
]


@pytest.mark.parametrize(("found", "pods", "kind", "message"), CASES)
def test_verdicts(found: dict[str, Any], pods: list[dict[str, Any]], kind: AnswerKind, message: str) -> None:
    said = answer(found, pods)
    assert (said.kind, said.value) == (kind, None)
    assert message in said.message
    assert len(said.message) < 700
