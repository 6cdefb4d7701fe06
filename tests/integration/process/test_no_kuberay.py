"""A cluster without KubeRay: a run with several workers says so, everything else goes on; its installation heals it.

Its removal is taken as it comes: the operator starts anew, and says again what is missing.
"""

from tests.integration.harness import access
from tests.integration.harness.api import Api, Object, until
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.operator import Operator
from tests.integration.harness.players import Players
from tests.integration.kill.case import condition
from tests.integration.kill.objects import recmodel, trainingrun

from recsys_operator.api.kinds import RAYJOBS, RECMODELS, TRAININGRUNS

ONE, TWO = "one-worker", "two-workers"


async def test_a_run_with_several_workers_waits_for_kuberay_and_nothing_else_does() -> None:
    with ControlPlane() as plane:
        plane.install_crds()
        plane.install_gateway_api()
        namespace = plane.create_namespace("no-kuberay")
        directory = plane.directory / "operator"
        directory.mkdir()
        operator = Operator(directory, access.kubeconfig(plane, access.make_account(plane), directory))
        operator.start()
        try:
            async with Api(plane) as api:

                async def says(run: str, reason: str) -> None:
                    async def check() -> bool:
                        return (
                            condition(await api.get(TRAININGRUNS, namespace, run), "Succeeded").get("reason") == reason
                        )

                    try:
                        await until(f"the run {run} to say {reason}", check, 60)
                    except AssertionError as error:
                        raise AssertionError(f"{error}\n{operator.tail()}") from error

                async with Players(api):
                    await operator.until_ready()
                    await api.create(RECMODELS, recmodel(namespace))
                    several = trainingrun(namespace, TWO)
                    several["spec"]["ray"]["workers"] = 2
                    await api.create(TRAININGRUNS, several)
                    await api.create(TRAININGRUNS, trainingrun(namespace, ONE))
                    await says(ONE, "VersionCreated")
                    await says(TWO, "KubeRayNotInstalled")
                    assert (await operator.health())[0] == 200
                    errors = 'recsys_reconcile_errors_total{kind="TrainingRun"}'
                    assert errors not in await operator.metrics(), "waiting is no error"

                    plane.install_kuberay()
                    assert await operator.ended() == 0, "to be started anew, with the new watch"
                    operator.start()
                    await operator.until_ready()

                    async def made() -> Object | None:
                        return await api.get(RAYJOBS, namespace, f"{TWO}-ray1")

                    await until("the RayJob", made, 60)
                    await says(TWO, "VersionCreated")

                    plane.remove_kuberay()
                    assert await operator.ended() == 0, operator.tail()
                    assert operator.said("KubeRay has been removed: starting anew with other watches"), operator.tail()
                    operator.start()
                    await operator.until_ready()
                    again = trainingrun(namespace, "two-again")
                    again["spec"]["ray"]["workers"] = 2
                    await api.create(TRAININGRUNS, again)
                    await says("two-again", "KubeRayNotInstalled")
                assert await operator.terminate() == 0
        finally:
            operator.kill()
