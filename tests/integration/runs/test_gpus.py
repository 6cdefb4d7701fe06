"""GPU-seconds of runs whose pods ask for an extended resource, on a real API server with the real Job controller."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.integration.harness import kuberay
from tests.integration.harness.api import Object, until
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.runs.scene import Scene

from recsys_operator.api.kinds import PODS, RAYJOBS, TRAININGRUNS
from recsys_operator.decide.times import instant

ONE = {"resourcesPerWorker": {"cpu": "500m", "memory": "1Gi", "gpu": 1, "gpuResource": "example.com/fake"}}


def ago(seconds: int) -> str:
    """So long ago, as the API server writes times."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(begin: str, end: str) -> int:
    return int((instant(end) - instant(begin)).total_seconds())


def exported(scene: Scene) -> tuple[float | None, float | None]:
    """What Prometheus reads of the GPU-seconds used and lost by the runs of the scene's model."""
    labels = {"namespace": scene.namespace, "model": "movies"}
    used, lost = (REGISTRY.get_sample_value(f"recsys_gpu_seconds{kind}_total", labels) for kind in ("", "_lost"))
    return used, lost


async def plays(scene: Scene, pod: Object, began: str, ended: str | None = None, code: int = 1) -> None:
    """The pod has had its node since `began`, and its container has ended, if it has."""
    asked = pod["spec"]["containers"][0]["resources"]["limits"]
    assert asked["example.com/fake"] == "1"
    condition = {"type": "PodScheduled", "status": "True", "lastTransitionTime": began}
    phase = "Running" if ended is None else "Succeeded" if code == 0 else "Failed"
    await scene.play(
        pod,
        phase,
        None if ended is None else code,
        reason="Error" if code else "Completed",
        finished=ended or "",
        of_pod={"conditions": [condition], "startTime": began},
    )


async def test_attempts_of_a_job_are_added_up(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run(ray=ONE)
    assert "gpu" not in await scene.status(run)
    first = await scene.pod()
    began, kept = ago(300), ago(240)
    await plays(scene, first, began)
    await scene.report(run, progress={"stage": "Training", "percent": 5, "checkpointTime": kept})
    gpu = (await scene.status(run))["gpu"]
    assert (gpu["usedSeconds"], gpu["lostSeconds"], gpu["held"]) == (span(began, gpu["until"]), 0, 1)
    assert gpu["unsavedSeconds"] == span(kept, gpu["until"])
    for _ in range(3):
        assert (await scene.status(run))["gpu"] == gpu, "no write for a moment that passes"
    assert exported(scene) == (gpu["usedSeconds"], 0)

    # It dies the moment after that; what it did since the checkpoint is lost.
    died = (instant(gpu["until"]) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    await plays(scene, first, began, died)
    again = await scene.pod(other_than=first["metadata"]["name"])
    found = (await scene.status(run))["gpu"]
    assert (found["usedSeconds"], found["lostSeconds"]) == (span(began, died), span(kept, died))
    assert (found["unsavedSeconds"], found["held"]) == (0, 0)

    second = ago(0)
    await plays(scene, again, second)
    assert (await scene.status(run))["gpu"]["held"] == 1
    await scene.report(run, progress={"stage": "Publishing", "percent": 100}, result=scene.result())
    ended = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    await plays(scene, again, second, ended, 0)
    assert (await scene.ends_with(run))["reason"] == "VersionCreated"
    last = (await scene.status(run))["gpu"]
    assert last["lostSeconds"] == span(kept, died)
    assert span(began, died) <= last["usedSeconds"] <= span(began, died) + span(second, ended)
    await scene.reconcile(run)
    assert exported(scene) == (last["usedSeconds"], last["lostSeconds"]), "each second once"


async def test_a_suspended_run_counts_until_its_pod_is_gone(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run(ray=ONE)
    await scene.reconcile(run)
    pod, began = await scene.pod(), ago(100)
    await plays(scene, pod, began)
    before = (await scene.status(run))["gpu"]
    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": True}})
    assert await scene.reconcile(run) == 10, "the pod is looked at until it is gone"

    async def gone() -> bool:
        return await scene.api.get(PODS, scene.namespace, pod["metadata"]["name"]) is None

    await until("the Job controller to delete the pod", gone)
    assert await scene.says(run) == ("Unknown", "Suspended")
    found = (await scene.status(run))["gpu"]
    assert (found["usedSeconds"], found["held"]) == (before["usedSeconds"], 0)
    assert found["lostSeconds"] == found["usedSeconds"], "there was no checkpoint"
    assert (await scene.status(run))["gpu"] == found


@pytest.fixture
def with_kuberay(jobs_plane: ControlPlane) -> None:
    jobs_plane.install_kuberay()


async def delete(scene: Scene, *names: str) -> None:
    for name in names:
        await scene.api.delete(PODS, scene.namespace, name)


@pytest.mark.usefixtures("with_kuberay")
async def test_all_workers_of_a_rayjob_count_also_while_they_end(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run(ray={"workers": 3, **ONE})
    await scene.reconcile(run)
    job = await scene.api.get(RAYJOBS, scene.namespace, "first-ray1")
    assert job is not None
    await kuberay.starts(scene.api, job)
    status: dict[str, Any] = await scene.status(run)
    assert status["gpu"]["held"] == 3
    assert status["gpu"]["usedSeconds"] == 3 * span(kuberay.NOW, status["gpu"]["until"])

    await scene.report(run, progress={"stage": "Publishing", "percent": 100}, result=scene.result())
    await kuberay.says(scene.api, job, jobDeploymentStatus="Complete", jobStatus="SUCCEEDED")
    assert await scene.says(run) == ("True", "VersionCreated")
    await delete(scene, "first-ray1-c-worker-0")
    assert await scene.reconcile(run) == 10
    found = await scene.api.get(TRAININGRUNS, scene.namespace, "first")
    assert found is not None
    assert found["status"]["gpu"]["held"] == 2, "the run is decided, and its pods still hold GPUs"
    await delete(scene, "first-ray1-c-worker-1", "first-ray1-c-head")
    last = (await scene.status(run))["gpu"]
    assert (last["held"], last["lostSeconds"]) == (0, 0)
    assert last["usedSeconds"] >= status["gpu"]["usedSeconds"]
    assert await scene.reconcile(run) is None
