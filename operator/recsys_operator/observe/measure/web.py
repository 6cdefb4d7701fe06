"""One HTTP request to somebody who may be slow, hostile or not there: bounded in time and size, followed nowhere.

Addresses in specs come from people who may write to one namespace, while the operator reaches more of the network
than they do. So it connects to no address of a forbidden network, whatever name leads there.
"""

import asyncio
import ipaddress
import json
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from recsys_operator.fence import NOT_LEADING, Fence, closed, impatient_socket, last_look
from recsys_operator.observe.measure.networks import Network

RESOLVING = 4
"""Threads that look names up. They are our own: a slow name server must not keep the API server's name waiting."""


BAD_ADDRESS = "the address cannot be used: it must be http:// or https:// and a host's name or IP address"


class NoAnswer(Exception):
    """Nobody answered, or nothing that can be used; the message is a sentence.

    `wrong` when the same request would fail again for what it asks: a forbidden address, an answer that is too large.
    """

    def __init__(self, message: str, *, wrong: bool = False) -> None:
        super().__init__(message)
        self.wrong = wrong


@dataclass(frozen=True, slots=True)
class Page:
    """What was answered. Status is any but a redirect's."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any] | None:
        """The JSON object that it is, else None."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


class Web:
    """Asks over HTTP. Close it, or use it as a context manager. No POST leaves this process past the `fence`."""

    def __init__(self, forbidden: Sequence[Network] = (), fence: Fence | None = None) -> None:
        self._forbidden = tuple(forbidden)
        self._fence = fence
        self._resolver = _Resolver(self._forbidden)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
        await self._resolver.close()

    async def ask(
        self,
        method: str,
        url: str | URL,
        *,
        seconds: float,
        limit: int,
        token: str = "",
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
    ) -> Page:
        """One request, answered within `seconds` by at most `limit` bytes; raises NoAnswer."""
        try:
            target = URL(url)
            self._refuse_literal(target)
            if closed(self._fence, method):
                raise NoAnswer(f"{_place(target)} is not asked: {NOT_LEADING}")
            async with (
                asyncio.timeout(seconds),
                self._open().request(
                    method,
                    target,
                    params=query,
                    data=form,
                    json=document,
                    headers={"Authorization": f"Bearer {token}"} if token else None,
                    allow_redirects=False,
                ) as response,
            ):
                if 300 <= response.status < 400:
                    raise NoAnswer(f"{_place(target)} redirects, which is not followed", wrong=True)
                return Page(response.status, await _body(response, limit))
        except NoAnswer:
            raise
        except TimeoutError:
            raise NoAnswer(f"{_place(url)} did not answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _no_answer(url, error) from None

    def _open(self) -> aiohttp.ClientSession:
        """Made on first use, because it needs the running loop."""
        if self._session is None:
            # Every connection is closed after its answer: an idle one would hold up a server that drains.
            connector = aiohttp.TCPConnector(
                resolver=self._resolver,
                use_dns_cache=False,
                force_close=True,
                limit=0,
                socket_factory=impatient_socket if self._fence else None,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                # What is not decompressed cannot grow beyond the limit.
                auto_decompress=False,
                trace_configs=[last_look(self._fence)] if self._fence else None,
                headers={"Accept-Encoding": "identity", "User-Agent": "recsys-operator"},
            )
        return self._session

    def _refuse_literal(self, url: URL) -> None:
        """An address that stands in the URL is not looked up, so no resolver sees it."""
        if url.scheme not in ("http", "https") or not url.host:
            raise NoAnswer(BAD_ADDRESS, wrong=True)
        _refuse_forbidden(url.host, url.host, self._forbidden)


class _Resolver(AbstractResolver):
    """Looks names up in threads of its own, and refuses forbidden addresses right before they are connected to."""

    def __init__(self, forbidden: Sequence[Network]) -> None:
        self._forbidden = forbidden
        self._threads = ThreadPoolExecutor(RESOLVING, thread_name_prefix="resolver")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        results = []
        for its_family, _, proto, _, address in found:
            _refuse_forbidden(str(address[0]), host, self._forbidden)
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(address[0]),
                    port=port,
                    family=its_family,
                    proto=proto,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _refuse_forbidden(address: str, host: str, forbidden: Sequence[Network]) -> None:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return
    plain = getattr(found, "ipv4_mapped", None) or found
    if any(plain.version == network.version and plain in network for network in forbidden):
        raise NoAnswer(f"{host} leads into a network that the operator does not connect to", wrong=True)


async def _body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise NoAnswer(f"{_place(response.url)} compresses its answer although it was asked not to", wrong=True)
    too_large = NoAnswer(f"{_place(response.url)} answers with more than {limit} bytes", wrong=True)
    if (response.content_length or 0) > limit:
        raise too_large
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise too_large
    return bytes(body)


def _no_answer(url: str | URL, error: Exception) -> NoAnswer:
    if isinstance(error, (aiohttp.InvalidURL, ValueError)):
        return NoAnswer(BAD_ADDRESS, wrong=True)
    cause = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return NoAnswer(f"{_place(url)} cannot be asked: {cause}")


def _place(url: str | URL) -> str:
    """Who was asked, without a path or a query, which may hold what is nobody else's business."""
    known = URL(url)
    return f"{known.host}:{known.port}" if known.port else str(known.host)
