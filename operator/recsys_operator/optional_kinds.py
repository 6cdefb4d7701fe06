"""Which of the kinds that a cluster may lack there are now: kopf watches these as long as they are served.

kopf follows CRDs itself where `settings.scanning` lets it. That takes the right to watch all CRDs, which an operator of
single namespaces has not; and the end of a CRD reaches a watch of its kind first, as a 404, which ends kopf for good.
So kopf looks once, when it starts, and is told later what comes and goes, as it is of namespaces; and a watch that
meets a 404 meanwhile is given patience (`handlers.patient`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from kopf._cogs.structs import references

from recsys_operator.api.kinds import HTTPROUTES, RAYJOBS, Resource
from recsys_operator.apply.client import ApiError, Client

logger = logging.getLogger(__name__)

OPTIONAL: Mapping[Resource, str] = {HTTPROUTES: "the Gateway API", RAYJOBS: "KubeRay"}
"""What a cluster may lack, and who brings it."""

LOOK_AGAIN = 5.0
"""Seconds between two looks."""


class Follower(Protocol):
    """Who has to know."""

    def ignore(self, resource: Resource) -> None:
        """This kind is not watched: expect nothing of it."""

    def expect(self, resource: Resource) -> None:
        """This kind is watched."""


class OptionalKinds:
    """Looks which of the `OPTIONAL` kinds are served, and has kopf watch these.

    `insights` is where kopf reads what to watch, while it runs: it is kopf's own, and the only way to change that
    without a new start.
    """

    def __init__(self, client: Client, insights: references.Insights, follower: Follower) -> None:
        self.client = client
        self.insights = insights
        self.follower = follower
        self._served: set[Resource] = set()
        self._missed: dict[Resource, int] = {}

    @property
    def served(self) -> tuple[Resource, ...]:
        """Those that there are."""
        return tuple(resource for resource in OPTIONAL if resource in self._served)

    async def start(self) -> None:
        """Wait until the API server has told of each."""
        for resource, name in OPTIONAL.items():
            if await self._told(resource):
                self._served.add(resource)
            else:
                self.follower.ignore(resource)
                logger.warning(f"{name} is not installed: its {resource.kind}s will be watched once it is")

    async def keep(self, changed: Callable[[], Awaitable[None]]) -> None:
        """Look again and again, for ever, once kopf has started, and have it watch what there is.

        `changed` is called when one has come or gone: whatever waited for it, or had it, has to be looked at.
        """
        await self.insights.ready_resources.wait()
        while True:
            await self._tell_kopf()
            await asyncio.sleep(LOOK_AGAIN)
            if await self._look():
                await self._tell_kopf()
                await changed()

    async def _look(self) -> bool:
        """Whether one has come, or was missed twice in a row: an API server that has just started misses some."""
        before = self.served
        for resource, name in OPTIONAL.items():
            found = await self._ask(resource)
            if found is None:
                continue
            self._missed[resource] = 0 if found or resource not in self._served else self._missed.get(resource, 0) + 1
            if found and resource not in self._served:
                logger.info(f"{name} has been installed: its {resource.kind}s are watched")
                self._served.add(resource)
                self.follower.expect(resource)
            elif self._missed[resource] > 1:
                logger.warning(f"{name} has been removed: its {resource.kind}s will be watched once it is there again")
                self._missed[resource] = 0
                self._served.remove(resource)
                self.follower.ignore(resource)
        return self.served != before

    async def _told(self, resource: Resource) -> bool:
        """Ask until the API server says whether it serves a resource."""
        while True:
            found = await self._ask(resource)
            if found is not None:
                return found
            await asyncio.sleep(1.0)

    async def _ask(self, resource: Resource) -> bool | None:
        """Whether the API server says that it serves a resource; None when it says nothing."""
        try:
            return await self.client.serves(resource)
        except ApiError as error:
            logger.warning("cannot ask which resources are served", extra={"error": error.message})
            return None

    async def _tell_kopf(self) -> None:
        optional, wanted = ({_of_kopf(one) for one in some} for some in (OPTIONAL, self._served))
        async with self.insights.revised:
            watched = self.insights.watched_resources
            if watched & optional != wanted:
                watched.difference_update(optional - wanted)
                watched.update(wanted)
                self.insights.revised.notify_all()


def _of_kopf(resource: Resource) -> references.Resource:
    """A resource as kopf names it; two are the same when group, version and plural are."""
    return references.Resource(
        resource.group,
        resource.version,
        resource.plural,
        kind=resource.kind,
        singular=resource.kind.lower(),
        namespaced=True,
        verbs=frozenset({"list", "watch"}),
    )
