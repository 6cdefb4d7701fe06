"""SIGTERM ends the operator, with 0, and lets it finish what it began."""

import asyncio
import os
import signal

from tests.integration.harness.api import until
from tests.integration.kill.case import World, case
from tests.integration.kill.objects import MODEL, recmodel

from recsys_operator.api.kinds import RECMODELS


async def test_an_idle_operator_ends(world: World) -> None:
    """… within the grace that a pod has, with the exit code 0, and nothing in its log that looks like a failure."""
    async with case(world, "idle-stop") as one:
        await one.operator.until_ready()
        assert await one.operator.terminate() == 0
        assert '"level": "error"' not in one.operator.tail(100)
        one.operator.start()
        await one.operator.until_ready()


async def test_a_write_under_way_is_finished(world: World) -> None:
    """SIGTERM arrives while the API server takes its time over a status: the operator waits for the answer."""
    async with case(world, "busy-stop") as one:
        await one.operator.until_ready()
        slow = asyncio.Event()
        one.proxy.delay = lambda write: slow.wait() if write.path.endswith("/status") else None
        await one.api.create(RECMODELS, recmodel(one.namespace))
        await asyncio.wait_for(one.proxy.heard.wait(), 60)
        os.kill(one.operator.pid, signal.SIGTERM)
        await asyncio.sleep(1)
        assert one.operator.running
        slow.set()

        async def ended() -> bool:
            return not one.operator.running

        await until("the operator's end", ended, 60)
        assert one.operator.process is not None
        assert one.operator.process.exit_code == 0
        model = await one.api.get(RECMODELS, one.namespace, MODEL)
        assert model is not None
        assert model["status"]["conditions"]
        assert "reconcile failed" not in one.operator.tail(100)
        one.operator.start()
        await one.operator.until_ready()


async def test_waiting_for_its_crds_it_can_be_stopped_too(world: World) -> None:
    """It has not come to its watches yet."""
    async with case(world, "early-stop") as one:
        await one.operator.until_ready()
        await one.operator.terminate()
        one.proxy.fault_reads = 503
        one.operator.start()

        async def waits() -> bool:
            return "waiting for the API server" in one.operator.tail(5)

        await until("the wait for the API server", waits, 60)
        assert (await one.operator.health())[0] == 200
        assert await one.operator.terminate() == 0
        one.proxy.fault_reads = None
        one.operator.start()
        await one.operator.until_ready()
