"""A TrainingRun in a queue, with the real API server and Job controller; the test plays Kueue, kubelet and trainer."""

from typing import Any

from tests.integration.harness.api import Object, until
from tests.integration.runs.scene import Scene, written

from recsys_operator.api.kinds import JOBS, PODS, TRAININGRUNS

LABEL = "kueue.x-k8s.io/queue-name"
FLAVOUR = {"cloud.provider.com/accelerator": "none"}


async def kueue_says(scene: Scene, *, suspend: bool, selector: dict[str, str | None] | None = None) -> None:
    """Kueue's word: it sets `suspend`, and gives the pods the labels of the nodes that the queue may use."""
    spec: dict[str, Any] = {"suspend": suspend}
    if selector is not None:
        spec["template"] = {"spec": {"nodeSelector": selector}}
    await scene.api.patch(JOBS, scene.namespace, "first-train", {"spec": spec})


async def stays(scene: Scene, run: Object) -> None:
    """Three more passes of the operator leave the Job as it is. Its controller may write its status meanwhile."""
    before = written(await scene.job())
    for _ in range(3):
        await scene.reconcile(run)
    assert written(await scene.job()) == before


async def queued(scene: Scene, **spec: Any) -> Object:
    await scene.create_model()
    run = await scene.create_run(queueName="team-a", **spec)
    await scene.reconcile(run)
    assert await scene.says(run) == ("Unknown", "Queued")
    return run


async def without_pods(scene: Scene) -> None:
    """Wait until no pod is left."""

    async def gone() -> bool:
        return not await scene.api.list(PODS, scene.namespace)

    await until("the end of the pods", gone)


async def test_a_run_waits_until_kueue_admits_it_and_waits_again_when_it_is_preempted(scene: Scene) -> None:
    run = await queued(scene)
    job = await scene.job()
    assert job["metadata"]["labels"][LABEL] == "team-a"
    assert job["spec"]["suspend"] is True
    await stays(scene, run)
    assert "startTime" not in await scene.status(run)

    await kueue_says(scene, suspend=False, selector=dict(FLAVOUR))
    pod = await scene.pod()
    assert pod["spec"]["nodeSelector"] == FLAVOUR
    await scene.play(pod, "Running")
    assert await scene.says(run) == ("Unknown", "Running")
    assert (await scene.status(run))["startTime"]
    await stays(scene, run)

    await kueue_says(scene, suspend=True)
    assert await scene.says(run) == ("Unknown", "Queued")
    await without_pods(scene)
    await stays(scene, run)

    await kueue_says(scene, suspend=False)
    await scene.report(run, result=scene.result())
    await scene.play(await scene.pod(), "Succeeded", 0, reason="Completed")
    assert (await scene.ends_with(run))["reason"] == "VersionCreated"


async def test_a_suspended_run_leaves_the_queue_and_comes_back_when_its_pod_is_gone(scene: Scene) -> None:
    run = await queued(scene)
    first = (await scene.job())["metadata"]["uid"]
    await kueue_says(scene, suspend=False)
    await scene.play(await scene.pod(), "Running")
    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": True}})
    assert await scene.says(run) == ("Unknown", "Suspended")

    async def gone() -> bool:
        await scene.reconcile(run)
        return await scene.api.get(JOBS, scene.namespace, "first-train") is None

    await until("the end of the Job", gone)
    assert not await scene.api.list(PODS, scene.namespace)
    assert await scene.says(run) == ("Unknown", "Suspended")
    assert await gone()

    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": False}})
    await scene.reconcile(run)
    assert await scene.says(run) == ("Unknown", "Queued")
    job = await scene.job()
    assert job["metadata"]["uid"] != first
    assert job["spec"]["suspend"] is True


async def test_a_run_that_is_resumed_at_once_never_has_two_jobs(scene: Scene) -> None:
    run = await queued(scene)
    await kueue_says(scene, suspend=False)
    pod = await scene.pod()
    # Somebody holds the pod, as a kubelet does until its container has ended.
    held = {"metadata": {"finalizers": ["example.com/kubelet", *pod["metadata"]["finalizers"]]}}
    await scene.api.patch(PODS, scene.namespace, pod["metadata"]["name"], held)
    await scene.play(pod, "Running")
    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": True}})
    await scene.reconcile(run)
    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": False}})
    before = await scene.job()
    assert "deletionTimestamp" in before["metadata"]
    for _ in range(3):
        await scene.reconcile(run)
    assert (await scene.job())["metadata"]["uid"] == before["metadata"]["uid"]

    async def released() -> bool:
        """The kubelet lets go; the Job controller has its own finalizer."""
        found = await scene.api.get(PODS, scene.namespace, pod["metadata"]["name"])
        if found is not None:
            rest = [one for one in found["metadata"].get("finalizers", []) if one != "example.com/kubelet"]
            await scene.api.patch(PODS, scene.namespace, pod["metadata"]["name"], {"metadata": {"finalizers": rest}})
        return found is None

    await until("the end of the pod", released)

    async def another() -> bool:
        await scene.reconcile(run)
        found = await scene.api.get(JOBS, scene.namespace, "first-train")
        return found is not None and found["metadata"]["uid"] != before["metadata"]["uid"]

    await until("the next Job", another)
    assert await scene.says(run) == ("Unknown", "Queued")


async def test_a_run_that_is_suspended_from_the_start_is_not_in_the_queue(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run(queueName="team-a", suspend=True)
    assert await scene.says(run) == ("Unknown", "Suspended")
    assert await scene.api.get(JOBS, scene.namespace, "first-train") is None
