"""Keeps a write from leaving, or from arriving late, once this process may not write any more.

Three things lie between the decision to write and the write: the wait for a connection, in which the process may be
paused; the socket, whose bytes the kernel sends again for a quarter of an hour where the network is cut; and whoever
is written to, who knows nothing of a fence. The first two are guarded here. A question that is posted to a webhook is a
write, and so is a notification.
"""

import socket
from collections.abc import Callable

import aiohttp
from aiohttp import AddrInfoType

Fence = Callable[[], float]
"""Seconds for which this process may still write; none are left when it may not, or not any more."""

NOT_LEADING = "this process does not hold the Lease, or not any more"
LONGEST_IN_FLIGHT = 4.0
"""Seconds after which the kernel gives up bytes that nobody acknowledged: less than the time between the last write of
one leader and the first of the next."""


def closed(fence: Fence | None, method: str) -> bool:
    """Whether the fence keeps a request of this method back; reads may pass."""
    return fence is not None and method != "GET" and fence() <= 0


def last_look(fence: Fence) -> aiohttp.TraceConfig:
    """Looks at the fence again right before the bytes of a write leave, however long the connection took."""

    async def look(_: object, __: object, chunk: aiohttp.TraceRequestChunkSentParams) -> None:
        if closed(fence, chunk.method):
            raise PermissionError(NOT_LEADING)

    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(look)
    return trace


def impatient_socket(address: AddrInfoType) -> socket.socket:
    """A socket that does not deliver late, even if the process is paused or gone by then."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(LONGEST_IN_FLIGHT * 1000))
    return made
