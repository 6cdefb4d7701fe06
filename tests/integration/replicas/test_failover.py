"""The replica that leads is stopped, killed or paused with a canary in flight; the other one goes on, alone."""

import asyncio
import sys
import time
from typing import Any

import pytest
from tests.integration.harness.access import NAMESPACE
from tests.integration.harness.api import until
from tests.integration.harness.proxy import Write
from tests.integration.kill.case import PATIENCE, Case, World
from tests.integration.kill.objects import DEPLOYMENT, deployment
from tests.integration.kill.rollout import (
    HOLD,
    STEPS,
    alert,
    canary,
    edit,
    falls_back,
    has_ten_percent,
    serves,
    three_versions,
    until_promoted,
)
from tests.integration.replicas.pair import pair

from recsys_operator.api.kinds import DEPLOYMENTS, LEASES, WORKLOADS


async def with_a_canary(one: Case) -> None:
    """Version 1 serves, version 3 has ten percent."""
    await three_versions(one)
    await one.api.create(DEPLOYMENTS, deployment(one.namespace, STEPS))
    await serves(one, 1)
    await edit(one, **canary(3, HOLD))
    await has_ten_percent(one, 3)
    await one.quiet()


async def holder(one: Case) -> Any:
    """Whose the Lease is."""
    found = await one.api.get(LEASES, NAMESPACE, one.namespace)
    return (found or {"spec": {}})["spec"].get("holderIdentity")


async def leads(one: Case) -> float:
    """The metric."""
    lines = (await one.operator.metrics()).splitlines()
    return float(next(line for line in lines if line.startswith("recsys_leader ")).split()[1])


async def all_have(one: Case, replicas: int) -> None:
    """Wait until every workload has so many pods."""

    async def check() -> bool:
        return {found["spec"]["replicas"] for found in await one.api.list(WORKLOADS, one.namespace)} == {replicas}

    await until(f"{replicas} replicas everywhere", check, PATIENCE)


def told(what: str, begin: float) -> None:
    """A figure for whoever reads the log."""
    print(f"\n{what}: {time.monotonic() - begin:.1f} s", file=sys.stderr)


async def test_a_leader_that_is_paused_in_the_middle_of_a_reconcile(world: World) -> None:
    """It has a write under way and others to follow. When it wakes, another one leads: it writes nothing, and ends."""
    async with pair(world, "paused") as (first, second):
        await with_a_canary(first)
        assert (await leads(first), await leads(second)) == (1, 0)
        assert (await second.operator.health())[0] == 200, "a replica that stands by is well"
        arrived, answer = asyncio.Event(), asyncio.Event()

        async def hold_up() -> None:
            arrived.set()
            await answer.wait()

        first.proxy.delay = lambda write: (
            hold_up() if write.path.endswith(f"/deployments/{DEPLOYMENT}/status") else None
        )
        await edit(first, replicas=2)
        await asyncio.wait_for(arrived.wait(), PATIENCE)
        begin = time.monotonic()
        first.operator.pause()
        answer.set()  # … arrives at a process that sleeps: the children follow the status when it wakes.
        await second.operator.until_ready(PATIENCE)
        told("paused → the other replica leads and has read the cluster", begin)
        assert await holder(second) == "second"
        await all_have(second, 2)
        await edit(second, replicas=3)
        await all_have(second, 3)
        await second.quiet()
        written = list(first.proxy.writes)
        first.operator.go_on()
        assert await first.operator.ended(PATIENCE) == 1
        assert first.proxy.writes == written, "it wrote although it had lost the Lease"
        assert "the Lease is lost" in first.operator.tail(5)
        await all_have(second, 3)

        first.operator.start()
        await first.operator.until_standing_by()
        await alert(first, 3)  # … which hands it on.
        await falls_back(second, 3)
        begin = time.monotonic()
        assert await second.operator.terminate() == 0
        told("SIGTERM → the leader has ended", begin)
        await first.operator.until_ready()
        told("SIGTERM → the other replica leads and has read the cluster", begin)
        assert await holder(first) == "first"
        await edit(first, replicas=1)
        await all_have(first, 1)


@pytest.mark.full
async def test_a_leader_that_is_killed(world: World) -> None:
    """Alertmanager posts to whoever is there until somebody leads; the rollback comes within the Lease's time."""
    async with pair(world, "killed") as (first, second):
        await with_a_canary(first)
        begin = time.monotonic()
        first.operator.kill()
        await alert(second, 3)
        told("killed → an alert is acted on", begin)
        await falls_back(second, 3)
        first.operator.start()
        await first.operator.until_standing_by()
        assert await holder(second) == "second"


@pytest.mark.full
async def test_a_container_that_is_started_anew(world: World) -> None:
    """It keeps its name, and with it the Lease; the other one stands by all the time."""
    async with pair(world, "restarted") as (first, second):
        await with_a_canary(first)
        begin = time.monotonic()
        first.operator.kill()
        first.operator.start()
        await first.operator.until_ready()
        told("killed → the same replica leads again", begin)
        await alert(second, 3)
        await falls_back(first, 3)
        assert not second.operator.ready


@pytest.mark.full
async def test_a_leader_that_cannot_reach_the_api_server(world: World) -> None:
    """It ends after the renew deadline, before the other one begins, and comes back to stand by."""
    async with pair(world, "cut-off") as (first, second):
        await with_a_canary(first)
        first.proxy.fault = lambda _: 503
        first.proxy.fault_reads = 503
        begin = time.monotonic()
        assert await first.operator.ended(PATIENCE) == 1
        told("cut off → the old leader has ended", begin)
        assert not second.operator.ready
        await second.operator.until_ready(PATIENCE)
        told("cut off → the other replica leads", begin)
        first.proxy.fault = lambda _: None
        first.proxy.fault_reads = None
        first.operator.start()
        await first.operator.until_standing_by()
        await alert(second, 3)
        await falls_back(second, 3)


@pytest.mark.full
@pytest.mark.timeout(900)
async def test_leaders_that_are_paused_at_any_moment_of_a_rollout(world: World) -> None:
    """Ten times while versions are promoted: nobody writes past the other, and each rollout ends as it should."""
    async with pair(world, "pauses") as replicas:
        leader, other = replicas
        await three_versions(leader)
        await leader.api.create(DEPLOYMENTS, deployment(leader.namespace, STEPS))
        await serves(leader, 1)
        for number in range(10):
            version = 2 + number % 2
            seen = len(_own(leader.proxy.writes)) + number
            await edit(leader, **canary(version, STEPS))

            async def so_far(seen: int = seen, one: Case = leader) -> bool:
                return len(_own(one.proxy.writes)) > seen

            await until(f"write {number}", so_far, PATIENCE, every=0.001)
            leader.operator.pause()
            await other.operator.until_ready(PATIENCE)
            written = list(leader.proxy.writes)
            leader.operator.go_on()
            assert await leader.operator.ended(PATIENCE) == 1
            assert leader.proxy.writes == written
            leader.operator.start()
            await leader.operator.until_standing_by()
            leader, other = other, leader
            await until_promoted(leader, version)


def _own(writes: list[Write]) -> list[Write]:
    """Without the renewals of the Lease."""
    return [write for write in writes if "/leases/" not in write.path]
