"""A proxy between the operator and the API server that counts writes, and kills, refuses or goes silent on demand."""

import asyncio
import re
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp
from aiohttp import web
from tests.integration.harness.certificates import Pair
from tests.integration.harness.control_plane import ControlPlane
from tests.integration.harness.processes import lasting_port

HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length", "content-encoding", "host", "te"}
LOOK = 0.2
"""Seconds between two looks whether the client of a watch is still there."""
EXPIRED = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}}\n'
)
READS = ("GET", "HEAD", "OPTIONS")

When = Literal["before", "after"]
"""Before the API server gets the write, or after it answered but before the operator hears of it."""


@dataclass(frozen=True, slots=True)
class Write:
    """One request that may change something. `occurrence` counts the writes of the same meaning from 1."""

    method: str
    path: str
    body: bytes
    occurrence: int

    @property
    def meaning(self) -> str:
        """Method and path, the same in every namespace and for every revision of a version."""
        return meaning(self.method, self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}, occurrence {self.occurrence}"


def meaning(method: str, path: str) -> str:
    """What a write is about, whichever namespace it is in, and whatever hash a revision has there."""
    return f"{method} {re.sub(r'-[0-9a-f]{8}(?=/|$)', '-<revision>', re.sub(r'/namespaces/[^/]+', '', path))}"


@dataclass(frozen=True, slots=True)
class Cut:
    """Kill the operator at a write: by its meaning, for the number that a write has in a life is a matter of timing."""

    meaning: str
    occurrence: int
    when: When

    def __str__(self) -> str:
        return f"{self.when} {self.meaning}, occurrence {self.occurrence}"


class Proxy:
    """Listens with TLS on a loopback port; a kubeconfig for it comes from `kubeconfig`.

    `kill` is called at the cut, once. `fault` may answer a write in the API server's stead with an HTTP status, or
    break its connection before or after the API server gets it; `fault_reads` answers all reads. A write is passed on
    once what `delay` returns is over, a read of a path once what `delay_reads` returns is. `accepted` are the writes
    that the API server did, in this order. While `silent` is set, no watch delivers anything, and no connection is
    closed.
    """

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane = plane
        self.directory = directory
        self.port = lasting_port()
        self.writes: list[Write] = []
        self.accepted: list[Write] = []
        self._occurrences: Counter[str] = Counter()
        self.cut: Cut | None = None
        self.cut_at: Write | None = None
        self.kill: Callable[[], None] = lambda: None
        self.fault: Callable[[Write], int | When | None] = lambda _: None
        self.fault_reads: int | None = None
        self.delay: Callable[[Write], Coroutine[Any, Any, object] | None] = lambda _: None
        self.delay_reads: Callable[[str], Coroutine[Any, Any, object] | None] = lambda _: None
        self.heard = asyncio.Event()
        self._audible = asyncio.Event()
        self._audible.set()
        self._closing = False
        self._broken = 0
        self._expired = False
        self._upstream: aiohttp.ClientSession | None = None
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """Where the operator connects to."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def silent(self) -> bool:
        """Whether watches deliver nothing."""
        return not self._audible.is_set()

    @silent.setter
    def silent(self, value: bool) -> None:
        if value:
            self._audible.clear()
        else:
            self._audible.set()

    async def __aenter__(self) -> Self:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pair = _certificate(self.plane)
        context.load_cert_chain(pair.certificate, pair.key)
        trusted = ssl.create_default_context(cafile=str(self.plane.ca_file))
        self._upstream = aiohttp.ClientSession(
            self.plane.url,
            connector=aiohttp.TCPConnector(ssl=trusted, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=context).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._audible.set()
        await asyncio.sleep(LOOK)
        if self._runner is not None:
            await self._runner.cleanup()
        if self._upstream is not None:
            await self._upstream.close()

    def break_watches(self, *, expired: bool = False) -> None:
        """End every watch that is open: with a broken connection, or by telling that its version is too old (410)."""
        self._broken += 1
        self._expired = expired

    def count(self, cut: Cut | None = None) -> None:
        """Count writes from 1 again, and kill at this one."""
        self.writes.clear()
        self.accepted.clear()
        self._occurrences.clear()
        self.cut = cut
        self.cut_at = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        write, fault = None, None
        if request.method not in READS:
            about = meaning(request.method, request.path)
            self._occurrences[about] += 1
            write = Write(request.method, request.path, body, self._occurrences[about])
            self.writes.append(write)
            self.heard.set()
            if self._cuts(write, "before"):
                return self._hang_up(request)
            fault = self.fault(write)
            if isinstance(fault, int):
                return _refusal(fault)
            if fault == "before":
                return self._hang_up(request)
            pause = self.delay(write)
            if pause is not None:
                await pause
        elif self.fault_reads is not None:
            return _refusal(self.fault_reads)
        elif (pause := self.delay_reads(request.path)) is not None:
            await pause
        try:
            return await self._pass_on(request, body, write, fault)
        except aiohttp.ClientError:
            return self._hang_up(request)

    async def _pass_on(
        self, request: web.BaseRequest, body: bytes, write: Write | None, fault: int | When | None
    ) -> web.StreamResponse:
        assert self._upstream is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        async with self._upstream.request(
            request.method, request.path_qs, data=body or None, headers=headers
        ) as answer:
            if "watch=true" in request.query_string:
                return await self._stream(request, answer)
            data = await answer.read()
            if write is not None and answer.status < 300:
                self.accepted.append(write)
            if write is not None and (self._cuts(write, "after") or fault == "after"):
                return self._hang_up(request)
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
            if "Content-Encoding" in answer.headers:
                kept["Content-Encoding"] = answer.headers["Content-Encoding"]
            return web.Response(status=answer.status, body=data, headers=kept)

    def _cuts(self, write: Write, when: When) -> bool:
        if self.cut is None or self.cut_at is not None or self.cut != Cut(write.meaning, write.occurrence, when):
            return False
        self.cut_at = write
        self.kill()
        return True

    async def _stream(self, request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
        await response.prepare(request)
        broken, whole = self._broken, True
        while not self._closing and request.transport is not None and not request.transport.is_closing():
            if self._broken != broken:
                if not self._expired or not whole:
                    return self._hang_up(request)
                await response.write(EXPIRED)
                break
            try:
                async with asyncio.timeout(LOOK):
                    chunk = await answer.content.readany()
                if not chunk:
                    break
                await self._audible.wait()
                await response.write(chunk)
                whole = chunk.endswith(b"\n")
            except TimeoutError:
                continue
            except (ConnectionError, aiohttp.ClientError):
                break
        return response

    @staticmethod
    def _hang_up(request: web.BaseRequest) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=502)


@cache
def _certificate(plane: ControlPlane) -> Pair:
    """One for all proxies: making it takes a quarter of a second."""
    return plane.issue("proxy", hosts=("IP:127.0.0.1",))


def _refusal(status: int) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": "refused by the test"}
    return web.json_response(body, status=status, headers={"Retry-After": "1"} if status == 429 else {})
