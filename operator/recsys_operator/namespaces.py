"""Which of the namespaces to watch can be read now, and what follows from it.

With `watchNamespaces` the operator has a Role in each of them and no other right, and a namespace that is deleted takes
its Role along. kopf ends for good when one of its watches is refused for about a minute (54 seconds). So it is told to
watch what can be read only: a namespace that cannot is left alone, and the others go on.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from kopf._cogs.structs.references import Insights, NamespaceName

from recsys_operator import metrics
from recsys_operator.api.kinds import Resource
from recsys_operator.apply.client import ApiError, Client
from recsys_operator.optional_kinds import OPTIONAL

logger = logging.getLogger(__name__)

LOOK_AGAIN = 15.0
"""Seconds between two looks: a namespace is left well before kopf gives up."""
NO_ANSWER = 1.0
"""Seconds until the next look while something is not known."""
SURE = 8.0
"""Seconds for which a namespace that could be read must be refused until that is believed: an API server that has just
started refuses everybody until it has read the Roles."""
REFUSALS = (403, 404)

ADVICE = (
    "if the namespace is gone for good, take it off watchNamespaces; if it is there, or is made again, upgrade the "
    "chart's release, which makes the operator's Role in it"
)


class Follower(Protocol):
    """Who has to know."""

    def leave(self, namespace: str) -> None:
        """This namespace cannot be read: expect nothing of it."""

    def enter(self, namespace: str) -> None:
        """This namespace can be read."""


class Namespaces:
    """Looks at each of the namespaces `names`; without names all are watched, and there is nothing to look at.

    A namespace counts as readable while each of the `resources` can be listed in it; they may change. `insights` is
    where kopf reads which namespaces to watch, while it runs: it is kopf's own, and the only way to change them without
    a new start.
    """

    def __init__(
        self,
        client: Client,
        names: tuple[str, ...],
        resources: tuple[Resource, ...],
        *followers: Follower,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self.names = names
        self.resources = resources
        self.followers = followers
        self.insights = Insights()
        self._clock = clock
        self._readable: dict[str, bool] = {}
        self._refused_since: dict[str, float] = {}

    @property
    def readable(self) -> tuple[str, ...]:
        """Those of the names that can be read."""
        return tuple(name for name in self.names if self._readable.get(name))

    @property
    def scopes(self) -> tuple[str | None, ...]:
        """What to list to see everything there is; None is all namespaces at once."""
        return self.readable if self.names else (None,)

    async def start(self) -> None:
        """Wait until the API server has told of every name, and one of them can be read."""
        while True:
            told = await self._look()
            if told and (self.readable or not self.names):
                return
            await asyncio.sleep(LOOK_AGAIN if told else NO_ANSWER)

    async def keep(self) -> None:
        """Look again and again, for ever, once kopf has started, and have it watch what can be read."""
        await self.insights.ready_namespaces.wait()
        told = True
        while self.names:
            await self._tell_kopf()
            await asyncio.sleep(LOOK_AGAIN if told else NO_ANSWER)
            told = await self._look()
        await asyncio.Event().wait()

    def refused(self, namespace: str, error: ApiError) -> bool:
        """Leave the namespace if this answer to a list means that it cannot be read; whether it does.

        Of one that could be read a moment ago it does not mean so yet: ask again.
        """
        if error.status not in REFUSALS:
            return False
        since = self._refused_since.setdefault(namespace, self._clock())
        if self._readable.get(namespace) and self._clock() - since < SURE:
            return False
        if self._readable.get(namespace, True):
            logger.warning(
                "a namespace cannot be read: it is left alone until it can",
                extra={"namespace": namespace, "error": error.message, "whatToDo": ADVICE},
            )
            for follower in self.followers:
                follower.leave(namespace)
        self._set(namespace, readable=False)
        return True

    async def _look(self) -> bool:
        """Whether the API server has told of every name; what it does not tell of stays as it was."""
        told = True
        for name in self.names:
            try:
                for resource in self.resources:
                    await self._try(resource, name)
            except ApiError as error:
                if not self.refused(name, error):
                    told = False
                    if error.status not in REFUSALS:
                        logger.warning("cannot look at a namespace", extra={"namespace": name, "error": error.message})
            else:
                self._can_be_read(name)
        return told

    async def _try(self, resource: Resource, namespace: str) -> None:
        """Raise what a list would raise, unless the cluster just lacks a kind that it may lack."""
        try:
            await self.client.try_list(resource, namespace)
        except ApiError as error:
            if error.status != 404 or resource not in OPTIONAL:
                raise

    def _can_be_read(self, namespace: str) -> None:
        self._refused_since.pop(namespace, None)
        if self._readable.get(namespace) is False:
            logger.info("a namespace can be read again", extra={"namespace": namespace})
            for follower in self.followers:
                follower.enter(namespace)
        self._set(namespace, readable=True)

    def _set(self, namespace: str, *, readable: bool) -> None:
        self._readable[namespace] = readable
        metrics.NAMESPACE_READABLE.labels(namespace).set(readable)

    async def _tell_kopf(self) -> None:
        wanted = {NamespaceName(name) for name in self.readable}
        async with self.insights.revised:
            if self.insights.namespaces != wanted:
                self.insights.namespaces.intersection_update(wanted)
                self.insights.namespaces.update(wanted)
                self.insights.revised.notify_all()
