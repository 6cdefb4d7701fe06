"""Two replicas of the operator with one Lease, each behind a proxy of its own, so that it is known who wrote what."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from tests.integration.harness import access
from tests.integration.harness.operator import Operator
from tests.integration.harness.proxy import Proxy
from tests.integration.kill.case import Case, World


@asynccontextmanager
async def pair(
    world: World, name: str, of_both: Mapping[str, str] | None = None, **of_second: str
) -> AsyncIterator[tuple[Case, Case]]:
    """Both with the rights that the chart gives; the first leads, the second (with these variables) stands by.

    In the end each that still runs gets SIGTERM, and must exit with 0.
    """
    namespace = await world.api.namespace(name)
    lease = access.allow_lease(world.plane, name)
    async with AsyncExitStack() as stack:
        cases = []
        for identity, variables in (("first", {}), ("second", of_second)):
            directory = world.directory / name / identity
            directory.mkdir(parents=True)
            proxy = await stack.enter_async_context(Proxy(world.plane, directory))
            config = access.kubeconfig(world.plane, world.token, directory, proxy.url)
            own = {"RECSYS_LEASE": lease, "RECSYS_IDENTITY": identity, "RECSYS_ADVERTISED_ADDRESS": "127.0.0.1"}
            operator = Operator(directory, config, (namespace,), **own, **(of_both or {}), **variables)
            stack.callback(operator.kill)
            cases.append(Case(world, namespace, operator, proxy))
        first, second = cases
        first.operator.start()
        await first.operator.until_ready()
        second.operator.start()
        await second.operator.until_standing_by()
        yield first, second
        for one in cases:
            if one.operator.running:
                code = await one.operator.terminate()
                assert code == 0, one.operator.tail()
