"""Testers, a Deployment without a gateway, and pods that others scale, against a real API server."""

from typing import Any

from tests.integration.harness.api import Object, until
from tests.integration.kill.case import PATIENCE, Case, World, case
from tests.integration.kill.objects import DEPLOYMENT, deployment
from tests.integration.kill.rollout import HOLD, serves, status_of, three_versions

from recsys_operator.api.kinds import (
    AUTOSCALERS,
    BUDGETS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    HTTPROUTES,
    SERVICES,
    WORKLOADS,
    Resource,
)

TESTERS = {"header": {"name": "X-Tester", "value": "yes"}}


async def edit(one: Case, **spec: Any) -> None:
    """What a user edits; None removes."""
    await one.api.patch(DEPLOYMENTS, one.namespace, DEPLOYMENT, {"spec": spec})


async def workload(one: Case, version: int) -> Object | None:
    """The workload of a version."""
    found = await one.api.list(WORKLOADS, one.namespace)
    return next((obj for obj in found if obj["metadata"]["labels"]["recsys.dev/version"] == str(version)), None)


async def serve_first(one: Case, manifest: Object) -> None:
    """Three versions, and the Deployment of this manifest, which serves version 1."""
    await one.operator.until_ready()
    await three_versions(one)
    await one.api.create(DEPLOYMENTS, manifest)
    await serves(one, 1)


async def test_testers_go_to_the_canary_until_it_is_taken_back(world: World) -> None:
    async with case(world, "testers") as one:
        manifest = deployment(one.namespace, HOLD)
        manifest["spec"]["traffic"]["testers"] = TESTERS
        await serve_first(one, manifest)
        await edit(one, version={"pin": 2})

        async def backends() -> list[list[tuple[str, int]]]:
            route = await one.api.get(HTTPROUTES, one.namespace, DEPLOYMENT)
            rules = route["spec"]["rules"] if route else []
            return [sorted((ref["name"].split("-")[1], ref["weight"]) for ref in rule["backendRefs"]) for rule in rules]

        async def tried() -> bool:
            return await backends() == [[("v2", 1)], [("v1", 90), ("v2", 10)]]

        await until("a rule for testers before the weights", tried, PATIENCE)
        route = await one.api.get(HTTPROUTES, one.namespace, DEPLOYMENT)
        assert route
        for match in route["spec"]["rules"][0]["matches"]:
            assert [(header["name"], header["value"]) for header in match["headers"]] == [("X-Tester", "yes")]
        await edit(one, version={"pin": 1})

        async def gone() -> bool:
            return await backends() == [[("v1", 100)]]

        await until("no rule for testers", gone, PATIENCE)
        await serves(one, 1)


async def follow(one: Case, version: int) -> None:
    """Wait until the Service selects this version, then let its endpoints follow, as their controller would."""

    async def chosen() -> Object | None:
        service = await one.api.get(SERVICES, one.namespace, DEPLOYMENT)
        target = await workload(one, version)
        revision = "recsys.dev/revision"
        if service is None or target is None:
            return None
        return target if service["spec"]["selector"][revision] == target["metadata"]["labels"][revision] else None

    found = await until(f"a Service over the pods of version {version}", chosen, PATIENCE)
    endpoint = {
        "addresses": ["10.1.2.3"],
        "conditions": {"ready": True},
        "targetRef": {"kind": "Pod", "namespace": one.namespace, "name": f"{found['metadata']['name']}-abc-xyz"},
    }
    name = f"{DEPLOYMENT}-endpoints"
    if await one.api.get(ENDPOINTSLICES, one.namespace, name):
        await one.api.patch(ENDPOINTSLICES, one.namespace, name, {"endpoints": [endpoint]})
        return
    labels = {"kubernetes.io/service-name": DEPLOYMENT}
    await one.api.create(
        ENDPOINTSLICES,
        {
            "apiVersion": ENDPOINTSLICES.api_version,
            "kind": ENDPOINTSLICES.kind,
            "metadata": {"name": name, "namespace": one.namespace, "labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080}],
            "endpoints": [endpoint],
        },
    )


async def test_what_somebody_deletes_comes_back_at_once(world: World) -> None:
    """Each child but the autoscaler is watched: nobody waits for the next look, minutes later."""
    async with case(world, "deleted") as one:
        await serve_first(one, deployment(one.namespace, HOLD, replicas=2))
        for resource in (SERVICES, BUDGETS, HTTPROUTES, WORKLOADS):
            found = [obj["metadata"] for obj in await one.api.list(resource, one.namespace)]
            assert found, f"there is no {resource.kind} that could be deleted"
            for metadata in found:
                await one.api.delete(resource, one.namespace, metadata["name"])

                async def back(resource: Resource = resource, gone: Object = metadata) -> bool:
                    new = await one.api.get(resource, one.namespace, gone["name"])
                    return new is not None and new["metadata"]["uid"] != gone["uid"]

                await until(f"{resource.kind} {metadata['name']} to be made anew", back, 30)
        await serves(one, 1)


async def test_a_weight_waits_until_the_canarys_service_reaches_its_pods(world: World) -> None:
    async with case(world, "unreached") as one:
        await serve_first(one, deployment(one.namespace, [{"weight": 10}, {"pause": {}}]))
        world.players.unreached.add((one.namespace, 2))
        await edit(one, version={"pin": 2})

        async def ready_with(reason: str) -> bool:
            status = await status_of(one)
            return any(each["type"] == "Ready" and each["reason"] == reason for each in status["conditions"])

        await until("a canary that waits for endpoints", lambda: ready_with("WaitingForEndpoints"), PATIENCE)
        await one.quiet()
        assert (await status_of(one))["canary"]["weight"] == 0
        world.players.unreached.clear()
        found = await workload(one, 2)
        assert found
        replicas = {"spec": {"replicas": found["spec"]["replicas"]}, "metadata": {"annotations": {"played": "again"}}}
        await one.api.patch(WORKLOADS, one.namespace, found["metadata"]["name"], replicas)
        await until("a canary at 10 %", lambda: ready_with("AwaitingPromotion"), PATIENCE)
        assert (await status_of(one))["canary"]["weight"] == 10


async def test_without_a_gateway_the_service_moves_and_old_pods_go_after_its_endpoints(world: World) -> None:
    async with case(world, "alone") as one:
        await one.operator.until_ready()
        await three_versions(one)
        manifest = deployment(one.namespace, [], rollback={"warmSeconds": 0})
        del manifest["spec"]["traffic"], manifest["spec"]["strategy"]
        await one.api.create(DEPLOYMENTS, manifest)
        await follow(one, 1)
        await serves(one, 1)
        assert (await status_of(one))["url"] == f"http://{DEPLOYMENT}.{one.namespace}.svc"
        assert await one.api.get(HTTPROUTES, one.namespace, DEPLOYMENT) is None
        await edit(one, version={"pin": 2})
        await until("the pods of version 2", lambda: workload(one, 2), PATIENCE)
        await one.quiet()
        assert (await status_of(one))["stable"]["version"] == 1, "its endpoints are still those of version 1"
        assert await workload(one, 1)
        await follow(one, 2)
        await serves(one, 2)


async def test_pods_are_handed_to_an_autoscaler_and_taken_back_without_losing_any(world: World) -> None:
    async with case(world, "scaled") as one:
        await serve_first(one, deployment(one.namespace, HOLD, replicas=3))
        before = await workload(one, 1)
        await edit(one, autoscaling={"minReplicas": 2, "maxReplicas": 9})

        async def scaled() -> bool:
            return bool(await one.api.list(AUTOSCALERS, one.namespace))

        await until("an autoscaler", scaled, PATIENCE)
        await one.quiet()
        handed = await workload(one, 1)
        assert before
        assert handed
        assert handed["spec"]["replicas"] == 3
        # One more for the changed annotation; fewer pods and more again would count too.
        assert handed["metadata"]["generation"] == before["metadata"]["generation"] + 1, "its pods were fewer"

        name = handed["metadata"]["name"]
        await one.api.patch(WORKLOADS, one.namespace, name, {"spec": {"replicas": 6}}, "scale")
        await edit(one, version={"pin": 2})

        async def tried() -> bool:
            canary = (await status_of(one)).get("canary", {})
            return bool(canary.get("weight") == 10 and canary.get("readyReplicas") == 1)

        await until("a canary with a tenth of six pods", tried, PATIENCE)
        await one.quiet()
        stable = await workload(one, 1)
        assert stable
        assert stable["spec"]["replicas"] == 6, "the operator leaves the number to the autoscaler"
        floors = {
            obj["metadata"]["labels"]["recsys.dev/version"]: obj["spec"]["minReplicas"]
            for obj in await one.api.list(AUTOSCALERS, one.namespace)
        }
        assert floors == {"1": 6, "2": 1}, "stable does not shrink in mid-rollout"

        await edit(one, version={"pin": 1}, autoscaling=None)
        await serves(one, 1)

        async def fixed() -> bool:
            found = await workload(one, 1)
            scalers = await one.api.list(AUTOSCALERS, one.namespace)
            return bool(found and found["spec"]["replicas"] == 3 and not scalers)

        await until("the number of the spec, and no autoscaler", fixed, PATIENCE)
