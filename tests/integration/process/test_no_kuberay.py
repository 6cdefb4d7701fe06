"""A cluster without KubeRay: a run with several workers says so, everything else goes on; its installation heals it.

Its removal is taken as it comes: the run's condition says again what is missing. All by one process, since one that
were started anew each time would soon be made to wait for minutes, in which no alert rolls anything back.
"""

from pathlib import Path

import pytest
from tests.integration.harness import access
from tests.integration.harness.api import Api, Object, until
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.operator import Operator
from tests.integration.harness.players import Players
from tests.integration.kill.case import condition
from tests.integration.kill.objects import recmodel, trainingrun

from recsys_operator.api.kinds import RAYJOBS, RECMODELS, TRAININGRUNS

ONE, TWO = "one-worker", "two-workers"
GONE = "KubeRay has been removed: its RayJobs will be watched once it is there again"


def watches(plane: ControlPlane) -> int:
    """How many watches of RayJobs the API server serves: the operator's, and that of the players where they play."""
    with plane.client() as client:
        lines = client.get("/metrics").text.splitlines()
    counts = (line for line in lines if line.startswith("apiserver_longrunning_requests{"))
    return sum(int(line.rpartition(" ")[2]) for line in counts if 'resource="rayjobs"' in line and "WATCH" in line)


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

                    pid = operator.pid
                    for name in (TWO, "two-again"):
                        if name != TWO:
                            again = trainingrun(namespace, name)
                            again["spec"]["ray"]["workers"] = 2
                            await api.create(TRAININGRUNS, again)
                            await says(name, "KubeRayNotInstalled")
                        assert watches(plane) == 0, "a watch of what there is not"
                        plane.install_kuberay()

                        async def made(job: str = f"{name}-ray1") -> Object | None:
                            return await api.get(RAYJOBS, namespace, job)

                        await until("the RayJob", made, 60)
                        await says(name, "VersionCreated")

                        async def watched() -> bool:
                            return watches(plane) == 2

                        await until("the operator to watch RayJobs", watched, 30)
                        plane.remove_kuberay()

                        async def left() -> bool:
                            return operator.said(GONE)

                        await until("the operator to give up its watch", left, 60)
                        assert (await operator.health())[0] == 200
                    assert operator.running, operator.tail()
                    assert operator.pid == pid
                    assert not operator.said("the watches ended")
                assert await operator.terminate() == 0
        finally:
            operator.kill()


@pytest.mark.full
async def test_single_namespaces_go_on_without_what_is_taken_away(tmp_path: Path) -> None:
    """With Roles alone, each of which names RayJobs: that there are none makes no namespace unreadable."""
    with ControlPlane() as plane:
        plane.install_crds()
        plane.install_gateway_api()
        token = access.make_account_without_rights(plane)
        namespace = plane.create_namespace("alone")
        access.allow(plane, namespace)
        operator = Operator(tmp_path, access.kubeconfig(plane, token, tmp_path), (namespace,))
        operator.start()
        try:
            await operator.until_ready()
            for change, count, word in (
                (plane.install_kuberay, 1, "KubeRay has been installed: its RayJobs are watched"),
                (plane.remove_kuberay, 0, GONE),
            ):
                change()

                async def told(count: int = count, word: str = word) -> bool:
                    return operator.said(word) and watches(plane) == count

                await until(word, told, 30)
                assert f'recsys_namespace_readable{{namespace="{namespace}"}} 1.0' in await operator.metrics()
            assert await operator.terminate() == 0
        finally:
            operator.kill()
