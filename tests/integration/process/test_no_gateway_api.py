"""A cluster without the Gateway API: Deployments say so, everything else goes on, and its installation heals it."""

from tests.integration.harness import access
from tests.integration.harness.api import Api, until
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.operator import Operator
from tests.integration.harness.players import Players
from tests.integration.kill.case import condition
from tests.integration.kill.objects import DEPLOYMENT, deployment, recmodel, trainingrun

from recsys_operator.api.kinds import DEPLOYMENTS, RECMODELS, TRAININGRUNS, WORKLOADS, Resource

RUN = "run-1"
SUMMARY = {DEPLOYMENTS: "Ready", TRAININGRUNS: "Succeeded"}


async def test_deployments_wait_for_the_gateway_api_and_nothing_else_does() -> None:
    with ControlPlane() as plane:
        plane.install_crds()
        namespace = plane.create_namespace("no-gateway")
        directory = plane.directory / "operator"
        directory.mkdir()
        operator = Operator(directory, access.kubeconfig(plane, access.make_account(plane), directory))
        operator.start()
        try:
            async with Api(plane) as api:

                async def says(resource: Resource, name: str, reason: str) -> str:
                    async def check() -> str:
                        found = condition(await api.get(resource, namespace, name), SUMMARY[resource])
                        return str(found["message"]) if found.get("reason") == reason else ""

                    try:
                        return str(await until(f"{resource.kind} to say {reason}", check, 60))
                    except AssertionError as error:
                        raise AssertionError(f"{error}\n{operator.tail()}") from error

                async with Players(api):
                    await operator.until_ready()
                    await api.create(RECMODELS, recmodel(namespace))
                    await api.create(DEPLOYMENTS, deployment(namespace, [{"weight": 50}]))
                    await api.create(TRAININGRUNS, trainingrun(namespace, RUN))
                    await says(TRAININGRUNS, RUN, "VersionCreated")
                    assert "install the Gateway API" in await says(DEPLOYMENTS, DEPLOYMENT, "GatewayApiNotInstalled")

                    async def started() -> bool:
                        found = await api.list(WORKLOADS, namespace)
                        return len(found) == 1 and found[0].get("status", {}).get("availableReplicas", 0) > 0

                    await until("the pods of version 1", started)
                    assert (await operator.health())[0] == 200
                    errors = 'recsys_reconcile_errors_total{kind="Deployment"}'
                    assert errors not in await operator.metrics(), "waiting is no error"

                    plane.install_gateway_api()
                    await says(DEPLOYMENTS, DEPLOYMENT, "Serving")
                    assert operator.running, "the same process goes on"
                assert await operator.terminate() == 0
        finally:
            operator.kill()
