"""A TrainingRun that is deleted after its end, with the operator's own rights."""

import pytest
from tests.integration.harness.api import Object, until
from tests.integration.runs.scene import Scene

from recsys_operator.api.kinds import CONFIGMAPS, JOBS, RECMODELS, TRAININGRUNS
from recsys_operator.reconcile.loop import Gone


async def ended(scene: Scene, *, passed: bool = True, **spec: object) -> Object:
    """A run that made version 1, not told to the RecModel yet."""
    run = await scene.create_run(**spec)
    await scene.reconcile(run)
    pod = await scene.pod()
    await scene.report(run, result=scene.result(passed=passed))
    await scene.play(pod, "Succeeded", 0, reason="Completed")

    async def complete() -> bool:
        conditions = (await scene.job()).get("status", {}).get("conditions") or ()
        return any(one["type"] == "Complete" and one["status"] == "True" for one in conditions)

    await until("the end of the Job", complete)
    await scene.reconcile(run)
    return run


async def is_there(scene: Scene) -> bool:
    return await scene.api.get(TRAININGRUNS, scene.namespace, "first") is not None


@pytest.mark.parametrize("passed", [True, False])
async def test_a_run_goes_with_its_children_once_its_version_is_listed(scene: Scene, passed: bool) -> None:
    model = await scene.create_model()
    run = await ended(scene, passed=passed, ttlSecondsAfterFinished=0)
    for _ in range(2):
        assert await scene.reconcile(run) == 5.0
    assert await is_there(scene), "nobody has its version yet"
    told = await scene.reconcile_model(model)
    await scene.reconcile(run)
    assert not await is_there(scene)
    with pytest.raises(Gone):
        await scene.reconcile(run)

    async def collected() -> bool:
        children = ((JOBS, "first-train"), (CONFIGMAPS, "first-config"))
        return not [name for kind, name in children if await scene.api.get(kind, scene.namespace, name) is not None]

    await until("garbage collection", collected, 90)  # It learns of custom resources every half a minute.
    assert await scene.reconcile_model(model) == told
    assert told["versions"][0]["verdict"] == ("Passed" if passed else "Failed")


async def test_its_time_may_be_changed_and_outlives_the_operator(scene: Scene) -> None:
    model = await scene.create_model()
    run = await ended(scene, ttlSecondsAfterFinished=3600)
    await scene.reconcile_model(model)
    left = await scene.reconcile(run)
    assert left is not None
    assert 3500 < left <= 3600
    patch: Object = {"spec": {"ttlSecondsAfterFinished": None}}
    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", patch)
    assert await scene.reconcile(run) is None
    assert await is_there(scene)
    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"ttlSecondsAfterFinished": 0}})
    await scene.reconcile(run)
    assert not await is_there(scene)


async def test_a_run_without_a_version_or_without_a_model_awaits_nobody(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run(hyperparameters={"learnRate": "0.1"}, ttlSecondsAfterFinished=0)
    await scene.reconcile(run)
    assert await is_there(scene), "its end is told first"
    await scene.reconcile(run)
    assert not await is_there(scene)

    run = await ended(scene, ttlSecondsAfterFinished=0)
    await scene.api.delete(RECMODELS, scene.namespace, "movies")
    await scene.reconcile(run)
    assert not await is_there(scene)


async def test_a_namesake_is_not_deleted_in_its_place(scene: Scene) -> None:
    model = await scene.create_model()
    run = await ended(scene, ttlSecondsAfterFinished=0)
    await scene.reconcile_model(model)
    await scene.api.delete(TRAININGRUNS, scene.namespace, "first")
    await scene.create_run()
    with pytest.raises(Gone):
        await scene.reconcile(run)
    await scene.client.delete(TRAININGRUNS, scene.namespace, "first", run["metadata"]["uid"])
    assert await is_there(scene)
