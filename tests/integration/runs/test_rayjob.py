"""A run with several workers on a real API server with KubeRay's CRD; the test plays KubeRay, kubelet and trainer."""

import json
from typing import Any

import pytest
from tests.integration.harness import kuberay
from tests.integration.harness.api import Object
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.kuberay import word
from tests.integration.runs.scene import Scene, written

from recsys_operator.api.kinds import EVENTS, JOBS, PODS, RAYCLUSTERS, RAYJOBS, TRAININGRUNS

TWO = {"workers": 2, "resourcesPerWorker": {"cpu": "500m", "memory": "1Gi", "gpu": 1}}
CONCLUDED = "recsys.dev/concluded"


@pytest.fixture(autouse=True)
def with_kuberay(jobs_plane: ControlPlane) -> None:
    """RayJobs are served."""
    jobs_plane.install_kuberay()


async def rayjob(scene: Scene, number: int = 1) -> Object:
    found = await scene.api.get(RAYJOBS, scene.namespace, f"first-ray{number}")
    assert found is not None
    return found


async def begun(scene: Scene, **spec: Any) -> Object:
    """A run whose first RayJob was made."""
    await scene.create_model()
    run = await scene.create_run(ray=TWO, **spec)
    await scene.reconcile(run)
    return run


async def training(scene: Scene, **spec: Any) -> Object:
    run = await begun(scene, **spec)
    await kuberay.starts(scene.api, await rayjob(scene))
    assert await scene.says(run) == ("Unknown", "Running")
    return run


async def fails(scene: Scene, number: int = 1, message: str = "") -> None:
    """The trainer of an attempt has failed, and the cluster is gone."""
    job = await rayjob(scene, number)
    told = {"jobDeploymentStatus": "Failed", "jobStatus": "FAILED", "reason": "AppFailed", "message": message}
    await kuberay.says(scene.api, job, **told)


async def back_off_is_over(scene: Scene, number: int = 1) -> None:
    """As time would: the failure was written down long ago."""
    job = await rayjob(scene, number)
    conclusion = json.loads(job["metadata"]["annotations"][CONCLUDED])
    text = json.dumps({**conclusion, "at": "2026-01-02T03:04:05Z"})
    await scene.api.patch(
        RAYJOBS, scene.namespace, job["metadata"]["name"], {"metadata": {"annotations": {CONCLUDED: text}}}
    )


async def test_a_run_becomes_a_version(scene: Scene) -> None:
    run = await begun(scene)
    assert await scene.says(run) == ("Unknown", "Pending")
    assert await scene.api.get(JOBS, scene.namespace, "first-train") is None
    job = await rayjob(scene)
    assert job["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert (job["spec"]["submissionMode"], job["spec"]["backoffLimit"]) == ("HTTPMode", 0)

    # The namespace enforces the level `restricted`: the pods are admitted as they are.
    await kuberay.starts(scene.api, job)
    pods = await scene.api.list(PODS, scene.namespace)
    assert len(pods) == 2
    assert {pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] for pod in pods} == {"1"}
    await scene.report(run, progress={"stage": "Training", "epoch": 1, "epochs": 20, "percent": 5, "loss": "6.9"})
    status = await scene.status(run)
    assert status["conditions"][0]["message"] == "Training: epoch 1 of 20, loss 6.9 (5 %)"
    assert (status["attempts"], status["conditions"][0]["reason"]) == (1, "Running")

    await scene.report(run, progress={"stage": "Publishing", "percent": 100}, result=scene.result())
    assert await scene.says(run) == ("Unknown", "Running")
    await kuberay.says(scene.api, await rayjob(scene), jobDeploymentStatus="Complete", jobStatus="SUCCEEDED")
    before = written(await rayjob(scene))
    assert await scene.says(run) == ("True", "VersionCreated")
    assert written(await rayjob(scene)) == before


async def test_another_attempt_follows_when_the_pods_of_the_last_one_are_gone(scene: Scene) -> None:
    run = await training(scene, maxRetries=1)
    log = "Traceback\nconnection closed \U0001f3d6\ufe0f \x1b[32mGLHF \x7f."  # Gloo says so, palm and all.
    await fails(scene, message=word(1, "TrainingFailed", "A worker died.", log=log))
    assert await scene.says(run) == ("Unknown", "Pending")
    assert (await scene.status(run))["failure"]["log"] == log
    reasons = [event["reason"] for event in await scene.api.list(EVENTS, scene.namespace)]
    assert reasons.count("AttemptFailed") == 1
    await back_off_is_over(scene)
    await scene.reconcile(run)
    assert await scene.api.get(RAYJOBS, scene.namespace, "first-ray2") is None, "the first one's pods may still write"

    await kuberay.shuts_down(scene.api, await rayjob(scene))
    await scene.reconcile(run)
    await kuberay.starts(scene.api, await rayjob(scene, 2))
    status = await scene.status(run)
    assert (status["attempts"], status["failure"]["reason"]) == (2, "TrainingFailed")
    await fails(scene, 2, word(1, "OutOfMemory", "Killed.", pod="first-ray2-c-worker-0"))
    status = await scene.status(run)
    assert status["conditions"][0]["reason"] == "OOMKilled"
    assert status["conditions"][0]["message"].startswith("All 2 attempts failed. The last one: OOMKilled: It used more")
    assert status["failure"]["pod"] == "first-ray2-c-worker-0"
    assert await scene.api.get(RAYJOBS, scene.namespace, "first-ray3") is None


async def test_bad_data_is_not_tried_again(scene: Scene) -> None:
    run = await training(scene)
    await fails(scene, message=word(2, "InvalidData", "The table has no column named item_id."))
    assert await scene.says(run) == ("False", "InvalidData")
    assert (await scene.status(run))["failure"]["exitCode"] == 2


async def test_a_head_that_was_killed_ends_the_attempt_although_kuberay_says_nothing(scene: Scene) -> None:
    run = await training(scene, maxRetries=0)
    head = await scene.api.get(PODS, scene.namespace, "first-ray1-c-head")
    assert head is not None
    killed = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": kuberay.NOW}}
    await kuberay.plays(scene.api, head, {"running": {"startedAt": kuberay.NOW}}, killed)
    assert await scene.says(run) == ("False", "OOMKilled")
    job = await rayjob(scene)
    assert job["spec"]["activeDeadlineSeconds"] == 1, "KubeRay ends it and deletes its cluster"
    assert json.loads(job["metadata"]["annotations"][CONCLUDED])["failure"]["pod"] == "first-ray1-c-head"


async def test_a_head_that_is_gone_costs_one_attempt(scene: Scene) -> None:
    run = await training(scene, maxRetries=1)
    told = {"message": "Epoch 1 of 20: loss 6.9", "updateTime": (await rayjob(scene))["metadata"]["creationTimestamp"]}
    await scene.report(run, progress={"stage": "Training", "percent": 5, **told})
    assert (await scene.status(run))["trainingPod"]["name"] == "first-ray1-c-head"
    await scene.api.delete(PODS, scene.namespace, "first-ray1-c-head")
    assert await scene.says(run) == ("Unknown", "Pending")
    failure = (await scene.status(run))["failure"]
    assert failure["message"].startswith("The pod of Ray's head is gone")
    assert (failure["pod"], failure["log"]) == ("first-ray1-c-head", told["message"])
    assert "exitCode" not in failure
    await kuberay.shuts_down(scene.api, await rayjob(scene))
    await back_off_is_over(scene)
    await scene.reconcile(run)
    assert (await rayjob(scene, 2))["metadata"]["labels"]["recsys.dev/attempt"] == "2"


async def test_suspend_is_that_of_the_rayjob(scene: Scene) -> None:
    run = await training(scene)
    for suspend in (True, False):
        await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": suspend}})
        before = await rayjob(scene)
        await scene.reconcile(run)
        job = await rayjob(scene)
        assert job["spec"] == {**before["spec"], "suspend": suspend}
        if suspend:
            await kuberay.shuts_down(scene.api, job)
            await kuberay.says(scene.api, job, jobDeploymentStatus="Suspended", jobStatus="")
            assert await scene.says(run) == ("Unknown", "Suspended")
    assert await scene.says(run) == ("Unknown", "Pending")


@pytest.mark.parametrize("queue", [None, "team-a"])
async def test_a_version_of_a_suspended_run_is_taken_and_nothing_trains_again(scene: Scene, queue: str | None) -> None:
    """The trainer came to its end in the half minute that pods have: as if it had been a moment faster."""
    run = await begun(scene, **({"queueName": queue} if queue else {}))
    job = await rayjob(scene)
    if queue:
        await scene.api.patch(RAYJOBS, scene.namespace, "first-ray1", {"spec": {"suspend": False}})
    await kuberay.starts(scene.api, job)
    assert await scene.says(run) == ("Unknown", "Running")
    if queue:
        # Kueue takes its place away.
        await scene.api.patch(RAYJOBS, scene.namespace, "first-ray1", {"spec": {"suspend": True}})
    else:
        await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": True}})
    waits = ("Unknown", "Queued" if queue else "Suspended")
    assert await scene.says(run) == waits
    await scene.report(run, result=scene.result())
    assert await scene.says(run) == waits, "its pods are still there"
    assert await scene.reconcile(run) == 5, "nobody tells when they have gone"
    await kuberay.shuts_down(scene.api, await rayjob(scene))
    await kuberay.says(scene.api, await rayjob(scene), jobDeploymentStatus="Suspended", jobStatus="")
    assert await scene.says(run) == ("True", "VersionCreated")
    assert (await scene.status(run))["attempts"] == 1

    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": False}})
    assert await scene.says(run) == ("True", "VersionCreated")
    left = await scene.api.list(RAYJOBS, scene.namespace)
    assert [one["spec"]["suspend"] for one in left if "deletionTimestamp" not in one["metadata"]] == (
        [] if queue else [True]
    ), "Kueue would start one that waits in its queue"


async def test_a_run_waits_in_its_queue_and_keeps_what_kueue_writes(scene: Scene) -> None:
    run = await begun(scene, queueName="team-a")
    job = await rayjob(scene)
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team-a"
    assert job["spec"]["suspend"] is True
    await kuberay.says(scene.api, job, jobDeploymentStatus="Suspended")
    assert await scene.says(run) == ("Unknown", "Queued")
    assert "startTime" not in await scene.status(run)

    # Kueue admits it, and says on which nodes the pods of each group may run.
    cluster = job["spec"]["rayClusterSpec"]
    cluster["headGroupSpec"]["template"]["spec"]["nodeSelector"] = {"pool": "a"}
    await scene.api.patch(
        RAYJOBS, scene.namespace, "first-ray1", {"spec": {"suspend": False, "rayClusterSpec": cluster}}
    )
    await kuberay.starts(scene.api, await rayjob(scene))
    assert await scene.says(run) == ("Unknown", "Running")
    before = written(await rayjob(scene))
    for _ in range(3):
        await scene.reconcile(run)
    assert written(await rayjob(scene)) == before
    assert (await scene.status(run))["startTime"]

    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": True}})
    assert await scene.says(run) == ("Unknown", "Suspended")
    found = await scene.api.get(RAYJOBS, scene.namespace, "first-ray1")
    assert found is None or "deletionTimestamp" in found["metadata"], "Kueue would start it again"


async def replicas(scene: Scene) -> int:
    cluster = await scene.api.get(RAYCLUSTERS, scene.namespace, "first-ray1-c")
    assert cluster is not None
    return int(cluster["spec"]["workerGroupSpecs"][0]["replicas"])


async def test_an_elastic_run_is_given_its_other_pods_once_it_trains_and_waits_when_it_lost_too_many(
    scene: Scene,
) -> None:
    await scene.create_model()
    elastic = {"minWorkers": 2, "maxWorkers": 4, "resourcesPerWorker": TWO["resourcesPerWorker"]}
    run = await scene.create_run(ray=elastic)
    await scene.reconcile(run)
    job = await rayjob(scene)
    cluster = await kuberay.makes_cluster(scene.api, job)
    await scene.reconcile(run)
    assert await replicas(scene) == 1, "KubeRay begins the training only when all pods run"

    await kuberay.starts(scene.api, job)
    assert await scene.says(run) == ("Unknown", "Running")
    assert await replicas(scene) == 3
    found = await scene.api.get(RAYCLUSTERS, scene.namespace, "first-ray1-c")
    assert found is not None
    found["spec"]["workerGroupSpecs"][0]["replicas"] = 1
    assert found["spec"] == cluster["spec"], "nothing else changed"
    before = await scene.api.get(RAYCLUSTERS, scene.namespace, "first-ray1-c")
    await scene.reconcile(run)
    assert await scene.api.get(RAYCLUSTERS, scene.namespace, "first-ray1-c") == before

    await scene.report(run, progress={"stage": "Training", "epoch": 1, "epochs": 20, "percent": 5, "workers": 2})
    message = (await scene.status(run))["conditions"][0]["message"]
    assert message == "Training: epoch 1 of 20 (5 %), by 2 of at most 4 workers"
    await scene.api.delete(PODS, scene.namespace, "first-ray1-c-worker-0")
    assert await scene.says(run) == ("Unknown", "TooFewWorkers")
    status = await scene.status(run)
    assert (status["attempts"], status.get("failure")) == (1, None)


async def test_a_rayjob_of_somebody_else_is_left_alone(scene: Scene) -> None:
    await scene.create_model()
    manifest = {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": "first-ray1", "namespace": scene.namespace},
        "spec": {"entrypoint": "true"},
    }
    await scene.api.create(RAYJOBS, manifest)
    run = await scene.create_run(ray=TWO)
    assert await scene.says(run) == ("Unknown", "ChildNameTaken")
    assert "RayJob first-ray1 belongs to somebody else" in (await scene.status(run))["conditions"][0]["message"]
    await scene.api.delete(RAYJOBS, scene.namespace, "first-ray1")
    assert await scene.says(run) == ("Unknown", "Pending")
    assert (await rayjob(scene))["spec"]["submissionMode"] == "HTTPMode"
