"""What must not touch the traffic: a lost status, another release of the operator, another number of pods."""

from typing import Any

from tests.integration.alerts.shop import Shop
from tests.integration.harness.api import until
from tests.integration.kill.objects import DEPLOYMENT

from recsys_operator.api.kinds import DEPLOYMENTS, HTTPROUTES, WORKLOADS


async def generations(shop: Shop) -> dict[str, int]:
    """The generation of the route and of each workload: it rises when somebody changes their spec."""
    route = await shop.api.get(HTTPROUTES, shop.namespace, DEPLOYMENT)
    workloads = await shop.api.list(WORKLOADS, shop.namespace)
    children = (*workloads, *((route,) if route else ()))
    return {one["metadata"]["name"]: one["metadata"]["generation"] for one in children}


def of_revisions(status: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Which revision is what, with its weight."""
    fields = ("version", "revision", "digest", "image", "uri", "weight")
    return [tuple(status[name].get(field) for field in fields) for name in ("stable", "canary")]


async def test_a_lost_status_is_read_back(shop: Shop) -> None:
    """The canary goes on where it was; no weight and no pod changes."""
    await shop.serve(1)
    await shop.try_out(4, stable=1)
    before, untouched = await shop.status(), await generations(shop)
    await shop.api.patch(DEPLOYMENTS, shop.namespace, DEPLOYMENT, {"status": None}, "status")
    await shop.until_weights({1: 90, 4: 10})
    after = await shop.status()
    assert of_revisions(after) == of_revisions(before)
    assert "StatusRecovered" in await shop.reasons_of_events()
    assert await generations(shop) == untouched


async def test_a_lost_status_is_read_back_by_the_next_operator_with_its_blocks(shop: Shop) -> None:
    """A version that was rolled back stays blocked: the RecModel knows."""
    await shop.serve(1)
    await shop.try_out(4, stable=1)
    await shop.post(shop.alert(4))
    await shop.until_reason("VersionBlocked")
    await shop.operator.terminate()
    await shop.api.patch(DEPLOYMENTS, shop.namespace, DEPLOYMENT, {"status": None}, "status")
    shop.operator.start()
    await shop.until_reason("VersionBlocked")
    assert await shop.weights() == {1: 100}
    assert [block["version"] for block in (await shop.status())["blocked"]] == [4]


async def test_another_release_of_the_operator_changes_no_running_revision(shop: Shop) -> None:
    """Stable and canary keep their image and their pods; what comes next takes the new image."""
    await shop.serve(1)
    await shop.try_out(4, stable=1)
    before, untouched = await shop.status(), await generations(shop)
    await shop.operator.terminate()
    shop.operator.variables["RECSYS_SERVER_IMAGE"] = "localhost/recsys-server:next"
    shop.operator.start()
    steps = [{"weight": 10}, {"weight": 50}, {"pause": {"durationSeconds": 3600}}]
    await shop.edit(strategy={"canary": {"steps": steps}})

    async def half() -> bool:
        return await shop.weights() == {1: 50, 4: 50}

    await until("50 %", half, 60)
    after = await shop.status()
    assert [one[:5] for one in of_revisions(after)] == [one[:5] for one in of_revisions(before)]
    now = await generations(shop)
    assert {name: now[name] for name in now if name != DEPLOYMENT} == {
        name: untouched[name] for name in untouched if name != DEPLOYMENT
    }
    await shop.edit(version={"pin": 2})
    await shop.until_weights({1: 50, 2: 50})
    assert (await shop.status())["canary"]["image"] == "localhost/recsys-server:next"


async def test_replicas_scale_in_place_and_the_scale_subresource_speaks_of_stable(shop: Shop) -> None:
    """The same workloads, more pods, no rollout."""
    await shop.serve(1)
    names = {name for name in await generations(shop) if name != DEPLOYMENT}
    await shop.api.patch(DEPLOYMENTS, shop.namespace, DEPLOYMENT, {"spec": {"replicas": 3}}, "scale")

    async def scaled() -> bool:
        scale = await shop.api.call("GET", DEPLOYMENTS.path(shop.namespace, DEPLOYMENT, "scale"))
        return bool(scale["status"]["replicas"] == 3 and "recsys.dev/revision=" in scale["status"]["selector"])

    await until("three pods", scaled, 30)
    assert {name for name in await generations(shop) if name != DEPLOYMENT} == names
    assert await shop.weights() == {1: 100}
