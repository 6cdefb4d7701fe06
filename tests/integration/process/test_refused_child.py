"""A child that the API server refuses is a condition and one event, and heals when the obstacle is gone."""

from tests.integration.harness.api import Object, until
from tests.integration.kill.case import Case, World, case, condition
from tests.integration.kill.objects import DEPLOYMENT, MODEL, deployment, finished, recmodel, trainingrun

from recsys_operator.api.kinds import DEPLOYMENTS, EVENTS, JOBS, RECMODELS, TRAININGRUNS, WORKLOADS, Resource

RUN = "run-1"
BACK_OFF = 70.0
"""Seconds within which whatever was refused is tried again."""
SUMMARY = {DEPLOYMENTS: "Ready", TRAININGRUNS: "Succeeded"}


async def says(one: Case, resource: Resource, name: str, reason: str) -> Object:
    """Wait until the summary condition has this reason; the condition."""
    found: Object = {}

    async def check() -> bool:
        found.update(condition(await one.api.get(resource, one.namespace, name), SUMMARY[resource]))
        return found.get("reason") == reason

    try:
        await until(f"{resource.kind} {name} to say {reason}", check, BACK_OFF)
    except AssertionError as error:
        raise AssertionError(f"{error}; it says {found}\n{one.operator.tail()}") from error
    return dict(found)


async def told(one: Case, kind: str) -> list[str]:
    """The notes of all events ChildRefused about an object of this kind."""
    events = await one.api.list(EVENTS, one.namespace)
    return [
        event["note"] for event in events if (event["regarding"]["kind"], event["reason"]) == (kind, "ChildRefused")
    ]


async def forbid(one: Case, counted: str, hard: int, used: int) -> str:
    """A quota; its status, which admission goes by, is what its controller would write. Returns its path."""
    path = f"/api/v1/namespaces/{one.namespace}/resourcequotas"
    await one.api.call("POST", path, {"metadata": {"name": "tight"}, "spec": {"hard": {counted: str(hard)}}})
    status = {"status": {"hard": {counted: str(hard)}, "used": {counted: str(used)}}}
    patch = "application/merge-patch+json"
    await one.api.call("PATCH", f"{path}/tight/status", status, content_type=patch)
    return f"{path}/tight"


async def retries(one: Case, kind: str, more: int) -> None:
    """Wait until so many more reconciles have failed."""

    async def failed() -> float:
        lines = (await one.operator.metrics()).splitlines()
        found = [line for line in lines if line.startswith(f'recsys_reconcile_errors_total{{kind="{kind}"}}')]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    before = await failed()

    async def check() -> bool:
        return await failed() >= before + more

    await until(f"{more} more failures", check, BACK_OFF)


async def model_with_versions(one: Case, count: int) -> None:
    """A RecModel with versions that passed."""
    await one.api.create(RECMODELS, recmodel(one.namespace))
    for number in range(1, count + 1):
        run = await one.api.create(TRAININGRUNS, trainingrun(one.namespace, f"run-{number}"))
        for manager, status in finished(run, number).items():
            await one.api.apply_status(TRAININGRUNS, one.namespace, f"run-{number}", status, manager=manager)

    async def listed() -> bool:
        model = await one.api.get(RECMODELS, one.namespace, MODEL)
        return len((model or {}).get("status", {}).get("versions", ())) == count

    await until(f"{count} versions", listed, 60)


async def test_a_canary_beyond_the_quota(world: World) -> None:
    """Stable serves on, the refusal is told once, a restart changes nothing, and room for the pods heals it."""
    async with case(world, "refused-canary") as one:
        await one.operator.until_ready()
        await model_with_versions(one, 2)
        await one.api.create(DEPLOYMENTS, deployment(one.namespace, [{"weight": 50}]))
        await says(one, DEPLOYMENTS, DEPLOYMENT, "Serving")
        quota = await forbid(one, "count/deployments.apps", hard=1, used=1)

        await one.api.patch(DEPLOYMENTS, one.namespace, DEPLOYMENT, {"spec": {"version": {"pin": 2}}})
        refused = await says(one, DEPLOYMENTS, DEPLOYMENT, "ChildRefused")
        assert refused["status"] == "False"
        assert "exceeded quota: tight" in refused["message"]
        assert f"Deployment {DEPLOYMENT}-v2-" in refused["message"]
        assert "Version 2: 0 %" in refused["message"]

        one.proxy.count()
        await retries(one, "Deployment", 2)
        assert [write for write in one.proxy.writes if "/status" in write.path] == [], "a retry writes what is known"
        assert len(await told(one, "Deployment")) == 1
        found = await one.api.get(DEPLOYMENTS, one.namespace, DEPLOYMENT)
        assert found
        assert (found["status"]["stable"]["version"], found["status"]["stable"]["weight"]) == (1, 100)

        await one.operator.terminate()
        one.operator.start()
        await one.operator.until_ready()
        await retries(one, "Deployment", 1)
        again = await one.api.get(DEPLOYMENTS, one.namespace, DEPLOYMENT)
        assert again
        assert again["status"] == found["status"], "a restart forgets the refusal"
        assert len(await told(one, "Deployment")) == 1

        await one.api.call("DELETE", quota)
        assert (await says(one, DEPLOYMENTS, DEPLOYMENT, "Serving"))["status"] == "True"
        assert len(await one.api.list(WORKLOADS, one.namespace)) == 2, "version 1 is still warm"


async def test_a_run_whose_job_is_beyond_the_quota(world: World) -> None:
    """The Job is refused, the rest is there; the run goes on to its version once there is room."""
    async with case(world, "refused-run") as one:
        await one.operator.until_ready()
        quota = await forbid(one, "count/jobs.batch", hard=0, used=0)
        await one.api.create(RECMODELS, recmodel(one.namespace))
        await one.api.create(TRAININGRUNS, trainingrun(one.namespace, RUN))
        refused = await says(one, TRAININGRUNS, RUN, "ChildRefused")
        assert refused["status"] == "Unknown"
        assert f"The API server refuses Job {RUN}-train: jobs.batch" in refused["message"]
        assert "exceeded quota: tight" in refused["message"]
        await retries(one, "TrainingRun", 2)
        assert len(await told(one, "TrainingRun")) == 1
        assert await one.api.list(JOBS, one.namespace) == []

        await one.api.call("DELETE", quota)
        assert (await says(one, TRAININGRUNS, RUN, "VersionCreated"))["status"] == "True"
