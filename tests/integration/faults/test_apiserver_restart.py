"""The API server is killed and started anew while a rollout is at each of its writes."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.integration.faults.disturb import STEPS, Fault, wrong
from tests.integration.faults.weights import wrong_weights
from tests.integration.harness.api import Api, Object, Refused
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.players import Players
from tests.integration.harness.proxy import Write
from tests.integration.harness.stage import set_stage
from tests.integration.kill.case import Case, Life, World, run
from tests.integration.kill.rollout import three_versions
from tests.integration.kill.sweep import is_event
from tests.integration.kill.test_rollout_kill import live

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]


class Patient(Api):
    """Asks again while the API server is away."""

    async def call(self, method: str, path: str, *arguments: Any, **options: Any) -> Object:
        """One request, until it is answered."""
        end = time.monotonic() + 60
        while True:
            try:
                return await super().call(method, path, *arguments, **options)
            except (aiohttp.ClientError, TimeoutError, ValueError, Refused) as error:
                starting = not isinstance(error, Refused) or error.status in (401, 403, 429, 500, 503)
                if not starting or time.monotonic() > end:
                    raise
            await asyncio.sleep(0.2)


async def test_a_rollout(tmp_path: Path) -> None:
    """Once for each kind of write, in one life: the end of an undisturbed life, by right weights."""
    with set_stage() as (plane, token):
        async with Patient(plane) as api, Players(api) as players:
            world = World(plane, api, players, token, tmp_path)
            life = Life("restarts", three_versions, live)
            undisturbed = await run(world, life)
            assert wrong_weights(undisturbed.accepted, STEPS) == []
            restarts: list[Write] = []
            end = await run(world, life, None, undisturbed.objects, lambda one: _restart(plane, one, restarts))
            print(f"\n{len(restarts)} restarts of the API server in {end.seconds:.0f} s", file=sys.stderr)
            assert {write.meaning for write in restarts} == {one.meaning for one in end.writes if not is_event(one)}
            assert wrong(undisturbed, end) == []


def _restart(plane: ControlPlane, one: Case, restarts: list[Write]) -> None:
    def fault(write: Write) -> Fault | None:
        if is_event(write) or write.meaning in {known.meaning for known in restarts}:
            return None
        restarts.append(write)
        assert plane.apiserver
        plane.apiserver.kill()
        plane.start_apiserver()
        return "before"

    one.proxy.fault = fault
