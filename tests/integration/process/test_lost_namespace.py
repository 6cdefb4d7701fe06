"""With Roles of single namespaces, one that can no longer be read stands in nobody's way, and is taken up again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.harness import access
from tests.integration.harness.api import Api, until
from tests.integration.harness.control_plane import BASIC_CONTROLLERS, ControlPlane
from tests.integration.harness.operator import Operator
from tests.integration.harness.players import Players
from tests.integration.harness.proxy import Proxy
from tests.integration.kill.case import Case, World, condition
from tests.integration.kill.objects import DEPLOYMENT, MODEL, deployment, recmodel
from tests.integration.kill.rollout import STEPS, serves, three_versions

from recsys_operator.api.kinds import DEPLOYMENTS, RECMODELS, WORKLOADS

KEPT, LOST = "kept", "lost"
LEFT_ALONE = "a namespace cannot be read: it is left alone until it can"


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Case]:
    """An operator of two namespaces, with a Role in each and no other right; a Deployment is served in one of them."""
    with ControlPlane(controllers=BASIC_CONTROLLERS) as plane:
        plane.install_crds()
        plane.install_gateway_api()
        token = access.make_account_without_rights(plane)
        async with Api(plane) as api, Players(api) as players, Proxy(plane, tmp_path) as proxy:
            for namespace in (KEPT, LOST):
                await api.namespace(namespace)
                access.allow(plane, namespace)
            config = access.kubeconfig(plane, token, tmp_path, proxy.url)
            operator = Operator(tmp_path, config, (LOST, KEPT))
            made = Case(World(plane, api, players, token, tmp_path), KEPT, operator, proxy)
            operator.start()
            try:
                await operator.until_ready()
                await three_versions(made)
                await api.create(DEPLOYMENTS, deployment(KEPT, STEPS))
                await serves(made, 1)
                yield made
                assert await operator.terminate() == 0, operator.tail()
            finally:
                operator.kill()


async def is_worked_on(one: Case, replicas: int) -> None:
    """What a user changes in the namespace that is left is done, and its alerts are answered."""
    await one.api.patch(DEPLOYMENTS, KEPT, DEPLOYMENT, {"spec": {"replicas": replicas}})

    async def scaled() -> bool:
        return [found["spec"]["replicas"] for found in await one.api.list(WORKLOADS, KEPT)] == [replicas]

    await until(f"{replicas} replicas", scaled)
    alert: dict[str, object] = {
        "status": "firing",
        "labels": {"alertname": "A", "namespace": KEPT, "deployment": DEPLOYMENT, "severity": "info"},
        "startsAt": "2026-01-02T03:04:05Z",
        "fingerprint": f"{replicas:016x}",
    }
    assert await one.operator.post_alert(alert) == 200
    lost: dict[str, object] = {**alert, "labels": {"namespace": LOST, "deployment": DEPLOYMENT}}
    assert await one.operator.post_alert(lost) == 503, "Alertmanager posts it again"
    assert (await one.operator.health())[0] == 200
    assert readable(await one.operator.metrics()) == {KEPT: "1.0", LOST: "0.0"}


def readable(metrics: str) -> dict[str, str]:
    """What recsys_namespace_readable says of each namespace."""
    lines = (line for line in metrics.splitlines() if line.startswith("recsys_namespace_readable{"))
    return {line.split('"')[1]: line.rpartition(" ")[2] for line in lines}


def refusals(one: Case) -> int:
    """How often kopf was refused something in the lost namespace."""
    return sum("Request attempt" in line and f"/{LOST}/" in line for line in one.operator.tail(100_000).splitlines())


async def left_alone(one: Case) -> None:
    """Wait until the operator has found that a namespace cannot be read."""

    async def said() -> bool:
        assert one.operator.running, one.operator.tail()
        return one.operator.said(LEFT_ALONE)

    await until("the operator to leave the namespace alone", said, 60)


async def told(one: Case) -> bool:
    """Whether the RecModel of the lost namespace has a condition."""
    return bool(condition(await one.api.get(RECMODELS, LOST, MODEL), "Ready"))


async def test_a_namespace_that_is_deleted(one: Case) -> None:
    """Its Role goes with it. kopf would end the process a minute after that."""
    await one.api.create(RECMODELS, recmodel(LOST))
    await until("the model to be worked on", lambda: told(one))
    await one.api.call("DELETE", f"/api/v1/namespaces/{LOST}")

    async def gone() -> bool:
        found = await one.api.call("GET", "/api/v1/namespaces")
        return LOST not in [each["metadata"]["name"] for each in found["items"]]

    await until("the namespace's end", gone, 60)
    one.proxy.break_watches()
    await left_alone(one)
    await is_worked_on(one, 2)
    before = refusals(one)
    await asyncio.sleep(14)  # kopf's longest pause between two attempts before it gives up is 13 seconds, and then 21
    assert refusals(one) == before, "kopf goes on asking, and will give up"
    assert one.operator.tail(100_000).count(LEFT_ALONE) == 1

    await one.api.namespace(LOST)
    access.allow(one.world.plane, LOST)
    await one.api.create(RECMODELS, recmodel(LOST))
    await until("the new namespace to be worked on", lambda: told(one), 60)
    assert readable(await one.operator.metrics()) == {KEPT: "1.0", LOST: "1.0"}


async def test_a_role_that_is_missing_at_the_start(one: Case) -> None:
    await one.operator.terminate()
    access.forbid(one.world.plane, LOST)
    await one.api.create(RECMODELS, recmodel(LOST))
    one.operator.start()
    await one.operator.until_ready()
    assert one.operator.said(LEFT_ALONE)
    await is_worked_on(one, 2)
    assert refusals(one) == 0
    access.allow(one.world.plane, LOST)
    await until("the namespace to be worked on", lambda: told(one), 60)
    await one.operator.terminate()
    one.operator.start()
    await one.operator.until_ready()
    assert not one.operator.said(LEFT_ALONE)
