"""TrainingRuns and RecModels on a real API server with the real Job controller."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.integration.api import cases_pod_fields
from tests.integration.harness.api import until
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.kill.objects import recmodel, trainingrun
from tests.integration.runs.scene import Scene, written

from recsys_operator.api.kinds import (
    CONFIGMAPS,
    EVENTS,
    JOBS,
    PODS,
    RECMODELS,
    ROLEBINDINGS,
    ROLES,
    SERVICEACCOUNTS,
    TRAININGRUNS,
)
from recsys_operator.apply.client import ApiError, connect
from recsys_operator.apply.same import contains


async def test_a_run_becomes_a_version(scene: Scene) -> None:
    model = await scene.create_model()
    run = await scene.create_run()
    assert await scene.says(run) == ("Unknown", "Pending")
    for resource, name in ((SERVICEACCOUNTS, "trainer"), (ROLES, "trainer"), (ROLEBINDINGS, "trainer")):
        assert await scene.api.get(resource, scene.namespace, f"first-{name}") is not None

    pod = await scene.pod()
    await scene.play(pod, "Running")
    await scene.report(run, progress={"stage": "Training", "epoch": 1, "epochs": 20, "percent": 5, "loss": "6.9"})
    status = await scene.status(run)
    assert status["conditions"][0]["reason"] == "Running"
    assert status["conditions"][0]["message"] == "Training: epoch 1 of 20, loss 6.9 (5 %)"
    assert status["attempts"] == 1
    assert status["progress"]["percent"] == 5

    await scene.report(run, progress={"stage": "Publishing", "percent": 100}, result=scene.result())
    assert await scene.says(run) == ("Unknown", "Running")
    await scene.play(pod, "Succeeded", 0, reason="Completed")
    condition = await scene.ends_with(run)
    assert condition["reason"] == "VersionCreated"
    assert condition["message"] == "version 1 passed 1 gate, NDCG@10 0.041"
    assert (await scene.status(run))["result"]["version"] == 1

    told = await scene.reconcile_model(model)
    assert (told["latestVersion"], told["latestPassingVersion"]) == (1, 1)
    assert told["versions"][0]["run"] == "first"
    assert told["conditions"][0]["reason"] == "ChampionDeploymentNotFound"
    reasons = {event["reason"] for event in await scene.api.list(EVENTS, scene.namespace)}
    assert {"TrainingStarted", "VersionCreated"} <= reasons


async def test_an_idle_run_and_model_cost_no_writes(scene: Scene) -> None:
    model = await scene.create_model()
    run = await scene.create_run()
    await scene.reconcile(run)
    await scene.play(await scene.pod(), "Running")
    await scene.reconcile(run)

    async def versions() -> list[object]:
        found = [
            await scene.api.get(resource, scene.namespace, name)
            for resource, name in (
                (TRAININGRUNS, "first"),
                (RECMODELS, "movies"),
                (CONFIGMAPS, "first-config"),
                (SERVICEACCOUNTS, "first-trainer"),
                (ROLES, "first-trainer"),
                (ROLEBINDINGS, "first-trainer"),
            )
        ]
        # The Job's controller may write its status at any time.
        return [written(await scene.job()), *(each and each["metadata"]["resourceVersion"] for each in found)]

    before = await versions()
    events = len(await scene.api.list(EVENTS, scene.namespace))
    for _ in range(3):
        await scene.reconcile(run)
        await scene.reconcile_model(model)
    assert await versions() == before
    assert len(await scene.api.list(EVENTS, scene.namespace)) == events


async def test_failed_gates_make_a_version_that_is_never_deployable(scene: Scene) -> None:
    model = await scene.create_model()
    run = await scene.create_run()
    await scene.reconcile(run)
    pod = await scene.pod()
    await scene.report(run, result=scene.result(passed=False))
    await scene.play(pod, "Succeeded", 0, reason="Completed")
    condition = await scene.ends_with(run)
    assert (condition["status"], condition["reason"]) == ("False", "GatesFailed")
    assert condition["message"] == (
        "gate accurate: NDCG@10 0.004 is below the floor 0.03; version 1 can never be deployed"
    )
    told = await scene.reconcile_model(model)
    assert told["versions"][0]["verdict"] == "Failed"
    assert told["conditions"][0]["reason"] == "NoPassingVersion"
    assert "latestPassingVersion" not in told


async def test_exit_code_2_is_not_retried(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run(maxRetries=5)
    await scene.reconcile(run)
    message = json.dumps({"reason": "InvalidData", "message": "Row 7 has no timestamp."})
    await scene.play(await scene.pod(), "Failed", 2, message, "Error")
    condition = await scene.ends_with(run)
    assert (condition["reason"], condition["message"]) == ("InvalidData", "Row 7 has no timestamp.")
    status = await scene.status(run)
    assert status["failure"]["exitCode"] == 2
    assert status["attempts"] == 1


async def test_another_exit_code_is_retried_until_attempts_are_exhausted(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run(maxRetries=1)
    await scene.reconcile(run)
    first = await scene.pod()
    await scene.play(first, "Failed", 137, "", "OOMKilled")
    status = await scene.status(run)
    assert status["failure"]["reason"] == "OOMKilled"
    second = await scene.pod(other_than=first["metadata"]["name"])
    await scene.play(second, "Running")
    assert (await scene.status(run))["conditions"][0]["message"].startswith("Attempt 2 of 2: ")
    told = {"reason": "TrainerError", "message": "ValueError: no", "log": "Traceback\nValueError: no"}
    await scene.play(second, "Failed", 1, json.dumps(told), "Error")
    condition = await scene.ends_with(run)
    assert condition["reason"] == "AttemptsExhausted"
    status = await scene.status(run)
    assert status["attempts"] == 2
    assert status["failure"]["log"] == "Traceback\nValueError: no"
    assert status["failure"]["pod"] == second["metadata"]["name"]


async def test_attempts_are_spaced_and_a_failure_outlives_its_pod(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run(maxRetries=1)
    await scene.reconcile(run)
    first = await scene.pod()
    failed = datetime.now(UTC)
    evicted = {"reason": "Evicted", "message": "Pod ephemeral local storage usage exceeds the total limit."}
    finished = failed.isoformat(timespec="seconds").replace("+00:00", "Z")
    await scene.play(first, "Failed", 137, "the last line", "Error", finished=finished, of_pod=evicted)

    async def counted() -> bool:
        return (await scene.job()).get("status", {}).get("failed") == 1

    await until("the failed attempt", counted)
    status = await scene.status(run)
    assert status["conditions"][0]["message"].endswith("The next pod comes after a back-off.")
    await scene.api.delete(PODS, scene.namespace, first["metadata"]["name"])
    second = await scene.pod(other_than=first["metadata"]["name"])
    assert datetime.fromisoformat(second["metadata"]["creationTimestamp"]) - failed > timedelta(seconds=8)
    failure = (await scene.status(run))["failure"]
    assert (failure["reason"], failure["pod"], failure["exitCode"], failure["log"]) == (
        "Evicted",
        first["metadata"]["name"],
        137,
        "the last line",
    )


async def test_a_pod_that_is_gone_before_its_end_was_read_is_named(scene: Scene) -> None:
    """As one is that was deleted by force: the kubelet's last word and the end of the pod are one moment."""
    await scene.create_model()
    run = await scene.create_run(maxRetries=1)
    await scene.reconcile(run)
    first = await scene.pod()
    await scene.play(first, "Running")
    told = {"message": "Epoch 1 of 20: loss 6.9", "updateTime": first["metadata"]["creationTimestamp"]}
    await scene.report(run, progress={"stage": "Training", "percent": 5, **told})
    name = first["metadata"]["name"]
    assert (await scene.status(run))["trainingPod"]["name"] == name
    await scene.api.delete(PODS, scene.namespace, name)
    await scene.play(first, "Failed", 137, "", "Error")

    async def counted() -> bool:
        gone = await scene.api.get(PODS, scene.namespace, name) is None
        return gone and (await scene.job()).get("status", {}).get("failed") == 1

    await until("the failed attempt", counted)
    failure = (await scene.status(run))["failure"]
    assert failure["message"].startswith(f"The pod {name} is gone, and with it its exit code: ")
    assert (failure["pod"], failure["log"], failure.get("exitCode")) == (name, "Epoch 1 of 20: loss 6.9", None)
    second = await scene.pod(other_than=name)
    await scene.play(second, "Running")
    status = await scene.status(run)
    assert (status["trainingPod"]["name"], status["failure"]) == (second["metadata"]["name"], failure)


async def test_a_deadline_ends_the_run(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run(activeDeadlineSeconds=1)
    await scene.reconcile(run)
    condition = await scene.ends_with(run)
    assert condition["reason"] == "DeadlineExceeded"


async def test_a_missing_model_heals_by_itself(scene: Scene) -> None:
    run = await scene.create_run()
    assert await scene.says(run) == ("Unknown", "ModelNotFound")
    assert await scene.api.get(JOBS, scene.namespace, "first-train") is None
    await scene.create_model()
    assert await scene.says(run) == ("Unknown", "Pending")


async def test_a_model_that_was_never_reconciled_is_waited_for(scene: Scene) -> None:
    model = await scene.api.create(RECMODELS, recmodel(scene.namespace))
    run = await scene.create_run()
    assert await scene.says(run) == ("Unknown", "ModelNotObserved")
    await scene.reconcile_model(model)
    assert await scene.says(run) == ("Unknown", "Pending")


async def test_invalid_hyperparameters_start_nothing(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run(hyperparameters={"learnRate": "0.1"})
    assert await scene.says(run) == ("False", "InvalidHyperparameters")
    assert await scene.api.get(JOBS, scene.namespace, "first-train") is None
    assert await scene.api.get(CONFIGMAPS, scene.namespace, "first-config") is None


async def test_suspend_stops_the_pod_and_resume_starts_another(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run()
    await scene.reconcile(run)
    await scene.pod()
    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": True}})
    assert await scene.says(run) == ("Unknown", "Suspended")
    assert (await scene.job())["spec"]["suspend"] is True

    async def stopped() -> bool:
        return not (await scene.job()).get("status", {}).get("active")

    await until("the pod's end", stopped)
    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": False}})
    await scene.reconcile(run)
    assert (await scene.job())["spec"]["suspend"] is False
    await scene.pod()


PACE = {"etaSeconds": 90, "targetsPerSecond": 1200}
"""What means something only while a pod trains."""
STOPPED = {"stage": "Training", "epoch": 1, "epochs": 20, "percent": 5, "loss": "6.9"}


async def test_what_is_told_of_the_pace_goes_with_the_pod_and_where_it_stopped_stays(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run(maxRetries=0)
    await scene.reconcile(run)
    first = await scene.pod()
    await scene.play(first, "Running")
    await scene.report(run, progress={**STOPPED, **PACE})
    await scene.reconcile(run)
    assert (await scene.status(run))["progress"] == {**STOPPED, **PACE}, "it trains"

    # Suspended: while the pod is there, the trainer may write.
    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": True}})
    assert await scene.says(run) == ("Unknown", "Suspended")

    async def gone() -> bool:
        return not await scene.api.list(PODS, scene.namespace)

    await until("the pod's end", gone)
    assert await scene.reconcile(run) == 5, "nobody tells when the pod has gone"
    assert (await scene.status(run))["progress"] == STOPPED
    assert await scene.reconcile(run) is None, "there is nothing left to wait for"

    # Resumed: the next pod's trainer writes as before, and then it fails.
    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": False}})
    await scene.reconcile(run)
    second = await scene.pod()
    await scene.play(second, "Running")
    await scene.report(run, progress={**STOPPED, **PACE, "percent": 40})
    assert (await scene.status(run))["progress"]["etaSeconds"] == 90
    await scene.play(second, "Failed", 137, "", "OOMKilled")
    assert (await scene.ends_with(run))["reason"] == "OOMKilled"
    assert (await scene.status(run))["progress"] == {**STOPPED, "percent": 40}

    # One that writes after that, as a pod of Ray's may for a moment.
    await scene.report(run, progress={**STOPPED, **PACE, "percent": 41})
    await scene.reconcile(run)
    left = await scene.api.get(TRAININGRUNS, scene.namespace, "first")
    assert left is not None
    assert left["status"]["progress"] == {**STOPPED, "percent": 41}
    assert left["status"]["failure"]["reason"] == "OOMKilled"
    version = left["metadata"]["resourceVersion"]
    await scene.reconcile(run)
    again = await scene.api.get(TRAININGRUNS, scene.namespace, "first")
    assert again is not None
    assert again["metadata"]["resourceVersion"] == version, "it is written once"


async def test_a_version_that_was_not_told_before_the_pod_ended_is_told_by_the_resumed_one(scene: Scene) -> None:
    """Whether it is in the store only the trainer sees: the pod of the resumed run finds it, and trains nothing."""
    await scene.create_model()
    run = await scene.create_run()
    await scene.reconcile(run)
    await scene.play(await scene.pod(), "Running")
    for suspend in (True, False):
        await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": suspend}})
        await scene.reconcile(run)
        if suspend:

            async def gone() -> bool:
                return not await scene.api.list(PODS, scene.namespace)

            await until("the pod's end", gone)
            assert await scene.says(run) == ("Unknown", "Suspended")
    again = await scene.pod()
    await scene.report(run, result=scene.result())
    assert (await scene.status(run))["conditions"][0]["status"] == "Unknown", "its pod has yet to end"
    await scene.play(again, "Succeeded", 0, reason="Completed")
    assert (await scene.ends_with(run))["reason"] == "VersionCreated"


async def test_the_pod_is_placed_as_the_spec_says(scene: Scene) -> None:
    await scene.create_model()
    asked = {name: value for name, value in cases_pod_fields.SHARED.items() if name != "priorityClassName"}
    worker = {"cpu": 1, "memory": "2Gi", "gpu": 1, "gpuResource": "example.com/gpu", "sharedMemory": "1Gi"}
    run = await scene.create_run(**asked, ray={"resourcesPerWorker": worker})
    await scene.reconcile(run)
    spec = (await scene.pod())["spec"]
    env = asked.pop("env")
    amounts = {"cpu": 1, "memory": "2Gi", "example.com/gpu": 1}
    assert contains(spec["containers"][0]["resources"], {"requests": amounts, "limits": amounts})
    assert contains(spec["containers"][0]["env"][-len(env) :], env)
    ours = [one for one in spec["tolerations"] if one["key"] == "dedicated"]
    assert contains({**spec, "tolerations": ours}, asked)
    assert spec["serviceAccountName"] == "first-trainer"


async def test_an_upgraded_operator_leaves_a_started_run_as_it_is(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run()
    await scene.reconcile(run)
    await scene.pod()
    scene.settings = replace(scene.settings, trainer_image="trainer:2")
    patch = {"spec": {"gates": [{"name": "accurate", "floor": {"metric": "NDCG@10", "min": "0.9"}}]}}
    await scene.api.patch(RECMODELS, scene.namespace, "movies", patch)
    await scene.reconcile(run)
    await scene.api.patch(TRAININGRUNS, scene.namespace, "first", {"spec": {"suspend": True}})
    await scene.reconcile(run)
    job = await scene.job()
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "trainer:1"
    assert job["spec"]["suspend"] is True
    config = await scene.api.get(CONFIGMAPS, scene.namespace, "first-config")
    assert config is not None
    told = json.loads(config["data"]["run.json"])
    assert told["gates"][0]["floor"]["min"] == "0.03"
    assert told["image"] == "trainer:1"

    await scene.api.delete(JOBS, scene.namespace, "first-train")
    assert await scene.says(run) == ("Unknown", "Suspended")
    assert (await scene.job())["spec"]["template"]["spec"]["containers"][0]["image"] == "trainer:1"


async def test_a_decided_run_gets_no_children_back(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run()
    await scene.reconcile(run)
    pod = await scene.pod()
    await scene.report(run, result=scene.result())
    await scene.play(pod, "Succeeded", 0, reason="Completed")
    await scene.ends_with(run)
    await scene.api.delete(JOBS, scene.namespace, "first-train")

    async def gone() -> bool:
        return await scene.api.get(JOBS, scene.namespace, "first-train") is None

    await until("the deletion of the Job", gone)
    assert await scene.says(run) == ("True", "VersionCreated")
    assert await gone()


async def test_a_child_of_somebody_else_is_not_taken_over(scene: Scene) -> None:
    await scene.create_model()
    theirs = {"metadata": {"name": "first-config", "namespace": scene.namespace}, "data": {"mine": "yes"}}
    await scene.api.create(CONFIGMAPS, theirs)
    run = await scene.create_run()
    assert await scene.says(run) == ("Unknown", "ChildNameTaken")
    config = await scene.api.get(CONFIGMAPS, scene.namespace, "first-config")
    assert config is not None
    assert config["data"] == {"mine": "yes"}
    await scene.api.delete(CONFIGMAPS, scene.namespace, "first-config")
    assert await scene.says(run) == ("Unknown", "Pending")


async def test_a_complete_job_without_a_result(scene: Scene) -> None:
    await scene.create_model()
    run = await scene.create_run()
    await scene.reconcile(run)
    await scene.play(await scene.pod(), "Succeeded", 0, reason="Completed")
    assert (await scene.ends_with(run))["reason"] == "ResultMissing"


async def test_deleting_a_run_takes_its_children_along(scene: Scene) -> None:
    model = await scene.create_model()
    run = await scene.create_run()
    await scene.reconcile(run)
    pod = await scene.pod()
    await scene.report(run, result=scene.result())
    await scene.play(pod, "Succeeded", 0, reason="Completed")
    await scene.ends_with(run)
    await scene.reconcile_model(model)
    await scene.api.delete(TRAININGRUNS, scene.namespace, "first")

    async def collected() -> bool:
        return not [
            name
            for resource, name in ((JOBS, "first-train"), (CONFIGMAPS, "first-config"), (ROLES, "first-trainer"))
            if await scene.api.get(resource, scene.namespace, name) is not None
        ]

    await until("garbage collection", collected)
    assert (await scene.reconcile_model(model))["versions"][0]["run"] == "first"


async def test_a_trainer_may_write_its_own_status_only(scene: Scene, jobs_plane: ControlPlane) -> None:
    await scene.create_model()
    run = await scene.create_run()
    other = trainingrun(scene.namespace, "second")
    other = await scene.api.create(TRAININGRUNS, other)
    await scene.reconcile(run)
    account = f"system:serviceaccount:{scene.namespace}:first-trainer"
    progress = {"progress": {"stage": "Loading", "percent": 1}}
    async with await connect(str(jobs_plane.kubeconfig_for(account))) as trainer:
        await trainer.apply_status(TRAININGRUNS, run, progress)
        assert await trainer.get(TRAININGRUNS, scene.namespace, "first") is not None
        for forbidden in (
            trainer.apply_status(TRAININGRUNS, other, progress),
            trainer.get(TRAININGRUNS, scene.namespace, "second"),
            trainer.get(CONFIGMAPS, scene.namespace, "first-config"),
            trainer.delete(TRAININGRUNS, scene.namespace, "first"),
        ):
            with pytest.raises(ApiError) as refusal:
                await forbidden
            assert refusal.value.status == 403


async def test_a_status_never_goes_to_a_namesake(scene: Scene) -> None:
    await scene.create_model()
    first = await scene.create_run()
    await scene.api.apply_status(
        TRAININGRUNS, scene.namespace, "first", {"progress": {"stage": "Loading", "percent": 1}}, manager="trainer"
    )
    written = await scene.client.apply_status(TRAININGRUNS, first, {"attempts": 1})
    assert written["status"] == {"attempts": 1, "progress": {"stage": "Loading", "percent": 1}}, "others may write too"

    await scene.api.delete(TRAININGRUNS, scene.namespace, "first")
    await scene.create_run()
    with pytest.raises(ApiError) as refusal:
        await scene.client.apply_status(TRAININGRUNS, first, {"attempts": 2})
    assert refusal.value.reason == "Replaced"
    namesake = await scene.api.get(TRAININGRUNS, scene.namespace, "first")
    assert namesake is not None
    assert "attempts" not in namesake.get("status", {})
