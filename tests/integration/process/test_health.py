"""/healthz tells when the operator is deaf or slow, in a sentence, and recovers."""

import asyncio
import os
import signal

from tests.integration.harness.api import until
from tests.integration.kill.case import Case, World, case
from tests.integration.kill.objects import MODEL, recmodel

from recsys_operator.api.kinds import RECMODELS


async def unhealthy(one: Case) -> str:
    """The sentence of a 503; empty when all is well."""
    status, text = await one.operator.health()
    return text if status == 503 else ""


async def test_silent_watches(world: World) -> None:
    """Connections stay open but deliver nothing: only a resync finds that an object has changed unheard."""
    variables = {"RECSYS_RESYNC_SECONDS": "1", "RECSYS_WATCH_PATIENCE_SECONDS": "3"}
    async with case(world, "deaf", **variables) as one:
        await one.api.create(RECMODELS, recmodel(one.namespace))
        await one.operator.until_ready()
        await one.quiet()
        await asyncio.sleep(4)
        assert (await one.operator.health())[0] == 200
        one.proxy.silent = True
        spec = {"spec": {"championFrom": {"name": "another"}}}
        await one.api.patch(RECMODELS, one.namespace, MODEL, spec)
        told = await until("503", lambda: unhealthy(one), 60)
        assert "the watch of recmodels is silent: it has not delivered version" in told
        assert f"{one.namespace}/{MODEL}" in told
        one.proxy.silent = False

        async def well() -> bool:
            return (await one.operator.health())[0] == 200

        await until("200", well, 60)


async def test_a_lagging_loop(world: World) -> None:
    """The process is stopped for some seconds, as a starved node would."""
    async with case(world, "starved") as one:
        await one.operator.until_ready()
        assert (await one.operator.health())[0] == 200
        os.kill(one.operator.pid, signal.SIGSTOP)
        await asyncio.sleep(7)
        os.kill(one.operator.pid, signal.SIGCONT)
        told = await until("503", lambda: unhealthy(one), 60)
        assert "the event loop lagged by " in told
