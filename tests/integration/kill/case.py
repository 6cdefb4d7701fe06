"""One life of some objects in a namespace of its own, with an operator that may be killed at one write."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.harness import access
from tests.integration.harness.api import Api, Object, until
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.operator import Operator
from tests.integration.harness.players import Players
from tests.integration.harness.proxy import Cut, Proxy, Write
from tests.integration.harness.snapshot import differences, snapshot
from tests.integration.harness.stage import Stage

from recsys_operator.reconcile.loop import Timing

QUIET = 0.8
"""Seconds without a write after which a life has ended."""
QUIET_ALONE = 3.0
"""The same for the life that others are compared with."""
PATIENCE = 180.0
"""Seconds that one step of a life may take: ten lives share the machine with whatever else is running on it."""
LATE = Timing().longest_back_off + 15.0
"""Seconds for the last writes of a life, when it is known what they come to: one that failed is tried after these."""
NUMBERS = itertools.count(1)
"""No two cases share a directory or a namespace."""


@dataclass(frozen=True, slots=True)
class World:
    """What all cases share."""

    plane: ControlPlane
    api: Api
    players: Players
    token: str
    directory: Path


@dataclass(slots=True)
class Case:
    """A namespace with its own operator behind its own proxy."""

    world: World
    namespace: str
    operator: Operator
    proxy: Proxy
    restarts: int = field(default=0)

    @property
    def api(self) -> Api:
        """The tests' own connection, past the proxy."""
        return self.world.api

    async def quiet(self, seconds: float = QUIET) -> None:
        """Wait until the operator has taken everything in and has stopped writing."""
        while True:
            seen, ready = len(self.proxy.writes), self.operator.ready
            await asyncio.sleep(seconds if ready else 0.1)
            if ready and self.operator.ready and len(self.proxy.writes) == seen:
                return

    async def keep_running(self) -> None:
        """Start the operator again after the cut, as the kubelet would; it must not end otherwise."""
        while True:
            if not self.operator.running:
                if self.proxy.cut_at is None or self.restarts:
                    raise AssertionError(f"the operator ended by itself:\n{self.operator.tail()}")
                self.restarts += 1
                self.operator.start()
            await asyncio.sleep(0.02)


Step = Callable[[Case], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Life:
    """Something that is applied and lived to its end. Only the writes of `live` are counted and cut."""

    name: str
    prepare: Step
    live: Step


@dataclass(frozen=True, slots=True)
class End:
    """How a case ended."""

    name: str
    writes: tuple[Write, ...]
    cut_at: Write | None
    objects: dict[str, Object]
    accepted: tuple[Write, ...]
    """What the API server did, in this order."""
    jobs: dict[str, int]
    """How many Jobs each run ever had."""
    seconds: float


@asynccontextmanager
async def open_world(stage: Stage, directory: Path) -> AsyncIterator[World]:
    """A stage with players on it."""
    plane, token = stage
    async with Api(plane) as api, Players(api) as players:
        yield World(plane, api, players, token, directory)


@asynccontextmanager
async def case(world: World, name: str, **variables: str) -> AsyncIterator[Case]:
    """A case whose operator is started; it gets SIGTERM in the end, and must exit with 0."""
    directory = world.directory / name
    directory.mkdir(parents=True)
    namespace = await world.api.namespace(name)
    async with Proxy(world.plane, directory) as proxy:
        config = access.kubeconfig(world.plane, world.token, directory, proxy.url)
        operator = Operator(directory, config, (namespace,), **variables)
        proxy.kill = operator.kill
        operator.start()
        try:
            yield Case(world, namespace, operator, proxy)
            code = await operator.terminate()
            assert code == 0, operator.tail()
        finally:
            operator.kill()


async def run(
    world: World,
    life: Life,
    cut: Cut | None = None,
    expected: dict[str, Object] | None = None,
    disturb: Callable[[Case], None] | None = None,
) -> End:
    """One life: cut, disturbed or neither; it may take a while more to become what is expected, and ends anyway."""
    begin = time.monotonic()
    name = f"{life.name}-{next(NUMBERS):03}"
    async with case(world, name) as one:
        await life.prepare(one)
        await one.quiet()
        one.proxy.count(cut)
        if disturb:
            disturb(one)
        keeper = asyncio.create_task(one.keep_running())
        living = asyncio.create_task(_to_the_end(one, life, expected))
        try:
            await asyncio.wait({keeper, living}, return_when=asyncio.FIRST_COMPLETED)
            if not living.done():
                keeper.result()
            objects = await living
        except AssertionError as error:
            raise AssertionError(f"{name}, cut at {one.proxy.cut_at}: {error}\n{one.operator.tail(12)}") from error
        finally:
            keeper.cancel()
            living.cancel()
        one.proxy.cut = None
        jobs = {run: len(uids) for (namespace, run), uids in world.players.jobs.items() if namespace == name}
        accepted, seconds = tuple(one.proxy.accepted), time.monotonic() - begin
        return End(name, tuple(one.proxy.writes), one.proxy.cut_at, objects, accepted, jobs, seconds)


async def _to_the_end(one: Case, life: Life, expected: dict[str, Object] | None) -> dict[str, Object]:
    await life.live(one)
    end = time.monotonic() + LATE
    while True:
        await one.quiet(QUIET_ALONE if expected is None else QUIET)
        objects = await snapshot(one.api, one.namespace)
        if expected is None or time.monotonic() > end or not differences(expected, objects):
            return objects


def condition(obj: Object | None, kind: str) -> Object:
    """A condition of an object; empty when it is not there."""
    conditions = (obj or {}).get("status", {}).get("conditions", ())
    return next((one for one in conditions if one["type"] == kind), {})


__all__ = ["PATIENCE", "Case", "Cut", "End", "Life", "World", "case", "condition", "open_world", "run", "until"]
