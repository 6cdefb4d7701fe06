"""What a replica that stands by does with a post: it hands it on to the replica that leads, and gives its answer back.

So every replica takes alerts, whichever of them the Service chooses.
"""

import logging
from collections.abc import AsyncIterator, Callable

import aiohttp
from aiohttp import web

logger = logging.getLogger(__name__)

FORWARDED = "X-Recsys-Forwarded"
"""Set on a post that was handed on, which is not handed on again."""
TIMEOUT = aiohttp.ClientTimeout(total=7, sock_connect=1)
"""A little more than the leader itself takes at most."""


class Forwarder:
    """Hands posts on; `leader` says where the leader takes alerts (empty: nobody knows, or it is this replica)."""

    def __init__(self, leader: Callable[[], str]) -> None:
        self.leader = leader
        self._session: aiohttp.ClientSession | None = None

    async def life(self, _: web.Application) -> AsyncIterator[None]:
        """The connections, for as long as the application serves."""
        async with aiohttp.ClientSession(timeout=TIMEOUT) as self._session:
            yield
        self._session = None

    async def __call__(self, request: web.Request) -> web.Response | None:
        """The leader's answer; None where there is no leader to ask, or it does not answer."""
        address = self.leader()
        if not address or self._session is None or FORWARDED in request.headers:
            return None
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        body = await request.read()
        try:
            async with self._session.post(
                f"http://{address}/alerts", data=body, headers={**headers, FORWARDED: "1"}
            ) as answer:
                found = await answer.read()
                return web.Response(status=answer.status, body=found, content_type=answer.content_type)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            logger.warning("the leader did not take an alert", extra={"leader": address, "error": repr(error)})
            return None
