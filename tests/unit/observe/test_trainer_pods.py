"""A trainer's pod, from what the kubelet says of it to what the run's condition says."""

from typing import Any

import pytest
from tests.unit.decide.run_facts import job, started

from recsys_operator.decide.trainingrun.policies import judge_run
from recsys_operator.observe.trainer_pods import job_facts, pod_facts


def trainer(phase: str, **state: Any) -> dict[str, Any]:
    metadata = {"name": "movies-1-train-x", "creationTimestamp": "2026-01-02T03:04:05Z"}
    return {
        "metadata": metadata,
        "status": {"phase": phase, "containerStatuses": [{"name": "trainer", "state": state}]},
    }


@pytest.mark.parametrize(
    "pod",
    [
        trainer("Running", running={}),
        trainer("Running", terminated={"exitCode": 0, "reason": "Completed"}),
        trainer("Succeeded", terminated={"exitCode": 0, "reason": "Completed"}),
    ],
)
def test_from_its_start_until_the_job_is_complete_a_run_is_running(pod: dict[str, Any]) -> None:
    assert judge_run(started(job=job(), pods=(pod_facts(pod),))).reason == "Running"


def test_a_job_that_counts_a_success_has_no_pod_to_wait_for() -> None:
    assert judge_run(started(job=job(active=0, succeeded=1), pods=())).reason == "Running"


@pytest.mark.parametrize(
    "pod",
    [
        trainer("Pending", waiting={"reason": "ContainerCreating"}),
        trainer("Running", terminated={"exitCode": 1, "reason": "Error"}),
        trainer("Failed", terminated={"exitCode": 1, "reason": "Error"}),
    ],
)
def test_a_pod_that_does_not_train_is_pending(pod: dict[str, Any]) -> None:
    assert judge_run(started(job=job(), pods=(pod_facts(pod),))).reason == "Pending"


def test_a_job_tells_its_queue_its_start_and_that_it_goes() -> None:
    metadata = {"name": "movies-1-train", "creationTimestamp": "2026-01-02T03:04:05Z"}
    plain = job_facts({"metadata": metadata, "spec": {}})
    assert (plain.queue, plain.started, plain.suspended, plain.deleting) == (None, None, False, False)
    marks = {"labels": {"kueue.x-k8s.io/queue-name": "team-a"}, "deletionTimestamp": "2026-01-02T03:04:07Z"}
    status = {"startTime": "2026-01-02T03:04:06Z"}
    queued = job_facts({"metadata": {**metadata, **marks}, "spec": {"suspend": True}, "status": status})
    assert (queued.queue, queued.started, queued.suspended, queued.deleting) == (
        "team-a",
        "2026-01-02T03:04:06Z",
        True,
        True,
    )


def test_what_the_kubelet_says_of_an_evicted_pod_is_read_beside_what_its_container_says() -> None:
    pod = trainer("Failed", terminated={"exitCode": 137, "reason": "Error", "message": "the last line"})
    pod["status"] |= {"reason": "Evicted", "message": "Usage of EmptyDir volume exceeds the limit."}
    end = pod_facts(pod).exit
    assert end is not None
    assert (end.code, end.message, end.pod_reason) == (137, "the last line", "Evicted")
    assert end.pod_message == "Usage of EmptyDir volume exceeds the limit."


def test_a_pod_tells_since_when_it_has_a_node() -> None:
    made = trainer("Pending")
    assert pod_facts(made).scheduled is None
    made["status"]["startTime"] = "2026-01-02T03:04:07Z"
    assert pod_facts(made).scheduled == "2026-01-02T03:04:07Z"
    condition = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-02T03:04:06Z"}
    made["status"]["conditions"] = [condition]
    assert pod_facts(made).scheduled == "2026-01-02T03:04:06Z"
    condition["status"] = "False"
    del made["status"]["startTime"]
    assert pod_facts(made).scheduled is None
