"""A reference to something that does not exist yet is a condition that heals by itself, long before any resync."""

from tests.integration.harness.api import Object, until
from tests.integration.kill.case import Case, World, case, condition
from tests.integration.kill.objects import DEPLOYMENT, MODEL, deployment, finished, recmodel, trainingrun

from recsys_operator.api.kinds import DEPLOYMENTS, JOBS, RECMODELS, TRAININGRUNS, WORKLOADS, Resource

RUN = "run-1"
PATIENCE = "3600"
"""Seconds between two resyncs: what happens in this test is due to events alone."""


async def says(one: Case, resource: Resource, name: str, kind: str, reason: str) -> Object:
    """Wait until the summary condition has this reason; the condition."""
    found: Object = {}

    async def check() -> Object:
        found.update(condition(await one.api.get(resource, one.namespace, name), kind))
        return found if found.get("reason") == reason else {}

    try:
        return dict(await until(f"{kind} to say {reason}", check))
    except AssertionError as error:
        raise AssertionError(f"{error}; it says {found}\n{one.operator.tail()}") from error


async def generation(one: Case, resource: Resource, name: str) -> int:
    """How often the spec was written."""
    found = await one.api.get(resource, one.namespace, name)
    assert found is not None
    return int(found["metadata"]["generation"])


def another(model: Object) -> Object:
    """A RecModel that nobody asks for."""
    return {**model, "metadata": {**model["metadata"], "name": "books"}}


async def test_a_deployment_waits_for_its_model(world: World) -> None:
    """Nothing is made without the RecModel; its creation, and then its first version, are all that is needed."""
    async with case(world, "deployment-first", RECSYS_RESYNC_SECONDS=PATIENCE) as one:
        await one.operator.until_ready()
        await one.api.create(DEPLOYMENTS, deployment(one.namespace, [{"weight": 50}]))
        told = await says(one, DEPLOYMENTS, DEPLOYMENT, "Ready", "ModelNotFound")
        assert told["status"] == "False"
        assert told["message"].startswith(f"RecModel {MODEL} does not exist in namespace {one.namespace}: create it")

        await one.api.create(RECMODELS, another(recmodel(one.namespace)))
        await one.quiet()
        found = await one.api.get(DEPLOYMENTS, one.namespace, DEPLOYMENT)
        assert condition(found, "Ready") == told, "another RecModel changes nothing"
        assert await one.api.list(WORKLOADS, one.namespace) == []

        await one.api.create(RECMODELS, recmodel(one.namespace))
        await says(one, DEPLOYMENTS, DEPLOYMENT, "Ready", "VersionNotFound")
        run = await one.api.create(TRAININGRUNS, trainingrun(one.namespace, RUN))
        for manager, status in finished(run, 1).items():
            await one.api.apply_status(TRAININGRUNS, one.namespace, RUN, status, manager=manager)
        assert (await says(one, DEPLOYMENTS, DEPLOYMENT, "Ready", "Serving"))["status"] == "True"
        assert await generation(one, DEPLOYMENTS, DEPLOYMENT) == 1, "nobody touched its spec"


async def test_a_run_waits_for_its_model(world: World) -> None:
    """No Job without the RecModel; its creation starts the run, which goes on to its end."""
    async with case(world, "run-first", RECSYS_RESYNC_SECONDS=PATIENCE) as one:
        await one.operator.until_ready()
        await one.api.create(TRAININGRUNS, trainingrun(one.namespace, RUN))
        assert (await says(one, TRAININGRUNS, RUN, "Succeeded", "ModelNotFound"))["status"] == "Unknown"

        await one.api.create(RECMODELS, another(recmodel(one.namespace)))
        await one.quiet()
        assert await one.api.list(JOBS, one.namespace) == []

        await one.api.create(RECMODELS, recmodel(one.namespace))
        assert (await says(one, TRAININGRUNS, RUN, "Succeeded", "VersionCreated"))["status"] == "True"
        assert await generation(one, TRAININGRUNS, RUN) == 1, "nobody touched its spec"
