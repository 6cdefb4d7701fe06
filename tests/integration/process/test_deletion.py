"""Deletion is garbage collection: nothing waits for the operator, whether it runs or not."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.integration.harness.api import Refused, until
from tests.integration.harness.control_plane import BASIC_CONTROLLERS
from tests.integration.harness.snapshot import RESOURCES
from tests.integration.harness.stage import Stage, set_stage
from tests.integration.kill.case import Case, World, case, open_world
from tests.integration.kill.objects import DEPLOYMENT, deployment
from tests.integration.kill.rollout import STEPS, serves, three_versions

from recsys_operator.api.kinds import BUDGETS, DEPLOYMENTS, HTTPROUTES, SERVICES, WORKLOADS


@pytest.fixture(scope="module")
def collecting() -> Iterator[Stage]:
    """A stage whose control plane deletes namespaces and collects garbage."""
    with set_stage(BASIC_CONTROLLERS) as found:
        yield found


@pytest.fixture
async def cleaned(collecting: Stage, tmp_path: Path) -> AsyncIterator[World]:
    """That stage with players on it."""
    async with open_world(collecting, tmp_path) as found:
        yield found


async def in_service(one: Case) -> None:
    """A model with three versions, the first of them served."""
    await three_versions(one)
    await one.api.create(DEPLOYMENTS, deployment(one.namespace, STEPS))
    await serves(one, 1)
    await one.quiet()


async def namespace_ends(one: Case) -> None:
    """Delete the namespace and wait until nothing of it is left."""
    path = f"/api/v1/namespaces/{one.namespace}"
    await one.api.call("DELETE", path)

    async def gone() -> bool:
        try:
            await one.api.call("GET", path)
        except Refused as error:
            return error.status == 404
        return False

    await until("the end of the namespace", gone, 60)


async def test_a_namespace_is_deleted_while_the_operator_is_away(cleaned: World) -> None:
    """No finalizer of ours waits for it."""
    async with case(cleaned, "away") as one:
        await in_service(one)
        for resource in RESOURCES:
            for obj in await one.api.list(resource, one.namespace):
                assert not obj["metadata"].get("finalizers"), obj["metadata"]
        await one.operator.terminate()
        await namespace_ends(one)
        one.operator.start()
        await one.operator.until_ready()


async def test_a_namespace_is_deleted_while_the_operator_runs(cleaned: World) -> None:
    """It makes nothing anew in the meantime, and forgets the objects: their series are gone."""
    async with case(cleaned, "present") as one:
        await in_service(one)
        series = f'recsys_rollout_weight{{deployment="{DEPLOYMENT}",namespace="{one.namespace}"'
        assert series in await one.operator.metrics()
        await namespace_ends(one)

        async def forgotten() -> bool:
            return series not in await one.operator.metrics()

        await until("the end of the series", forgotten)
        assert (await one.operator.health())[0] == 200


async def test_children_go_with_their_deployment(cleaned: World) -> None:
    """… by the garbage collector."""
    async with case(cleaned, "children") as one:
        await in_service(one)
        await one.api.delete(DEPLOYMENTS, one.namespace, DEPLOYMENT)

        async def gone() -> bool:
            left = [await one.api.list(kind, one.namespace) for kind in (WORKLOADS, SERVICES, BUDGETS, HTTPROUTES)]
            return not any(left)

        await until("the end of the children", gone, 60)
