"""Two Deployments with one host name: the younger route's says so, tries nothing, and goes on when it may."""

from tests.integration.kill.case import World, case
from tests.integration.kill.objects import DEPLOYMENT, deployment
from tests.integration.process.test_refused_child import model_with_versions, says

from recsys_operator.api.kinds import DEPLOYMENTS, HTTPROUTES, WORKLOADS

SECOND = "second"


async def test_the_first_one_keeps_its_host_name(world: World) -> None:
    async with case(world, "hostname") as one:
        await one.operator.until_ready()
        await model_with_versions(one, 2)
        await one.api.create(DEPLOYMENTS, deployment(one.namespace, [{"weight": 50}]))
        await says(one, DEPLOYMENTS, DEPLOYMENT, "Serving")

        manifest = deployment(one.namespace, [{"weight": 50}])
        manifest["metadata"]["name"] = SECOND
        await one.api.create(DEPLOYMENTS, manifest)
        taken = await says(one, DEPLOYMENTS, SECOND, "HostnameTaken")
        assert taken["status"] == "False"
        assert f"HTTPRoute {DEPLOYMENT} of Deployment {DEPLOYMENT}" in taken["message"]
        assert "host name movies.example" in taken["message"]
        assert await one.api.get(HTTPROUTES, one.namespace, SECOND) is None
        labels = [found["metadata"]["labels"] for found in await one.api.list(WORKLOADS, one.namespace)]
        assert {found["recsys.dev/deployment"] for found in labels} == {DEPLOYMENT}

        edited = {"traffic": {**manifest["spec"]["traffic"], "hostnames": ["second.example"]}}
        await one.api.patch(DEPLOYMENTS, one.namespace, SECOND, {"spec": edited})
        await says(one, DEPLOYMENTS, SECOND, "Serving")

        # It moves to the name of the first, whose route is older: what it serves goes on, and nothing new is tried.
        await one.api.patch(
            DEPLOYMENTS, one.namespace, SECOND, {"spec": {**edited, "traffic": manifest["spec"]["traffic"]}}
        )
        await says(one, DEPLOYMENTS, SECOND, "HostnameTaken")
        await one.api.patch(DEPLOYMENTS, one.namespace, SECOND, {"spec": {"version": {"pin": 2}}})
        await one.quiet()
        found = await one.api.get(DEPLOYMENTS, one.namespace, SECOND)
        assert found
        assert found["status"].get("canary") is None
        assert found["status"]["stable"]["version"] == 1
        first = await one.api.get(DEPLOYMENTS, one.namespace, DEPLOYMENT)
        assert first
        assert first["status"]["conditions"][0]["reason"] == "Serving"
        await one.api.delete(DEPLOYMENTS, one.namespace, DEPLOYMENT)
        await one.api.delete(HTTPROUTES, one.namespace, DEPLOYMENT)  # No garbage collector runs here.
        found = await says(one, DEPLOYMENTS, SECOND, "Serving")
        assert found["message"] == "Version 2 serves all requests."
