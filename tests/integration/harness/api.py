"""The API server as a test uses it: asynchronous, as an administrator, with plain objects."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
from tests.integration.harness.control_plane import ControlPlane

from recsys_operator.api.kinds import Resource

Object = dict[str, Any]


class Refused(Exception):
    """The API server answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """A connection to a control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        self.url = plane.url
        self.ssl = plane.ssl_context()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self.ssl, limit=0)
        self._session = aiohttp.ClientSession(self.url, connector=connector, timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The HTTP session, while connected."""
        assert self._session is not None
        return self._session

    async def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """An object, or None."""
        try:
            return await self.call("GET", resource.path(namespace, name))
        except Refused as error:
            if error.status == 404:
                return None
            raise

    async def list(self, resource: Resource, namespace: str | None) -> list[Object]:
        """All objects of a namespace."""
        items = (await self.call("GET", resource.path(namespace)))["items"]
        return [{"apiVersion": resource.api_version, "kind": resource.kind, **item} for item in items]

    async def create(self, resource: Resource, manifest: Object) -> Object:
        """Make an object."""
        return await self.call("POST", resource.path(manifest["metadata"]["namespace"]), manifest)

    async def patch(
        self, resource: Resource, namespace: str, name: str, patch: Object, subresource: str | None = None
    ) -> Object:
        """A merge patch."""
        path = resource.path(namespace, name, subresource)
        return await self.call("PATCH", path, patch, content_type="application/merge-patch+json")

    async def apply_status(
        self, resource: Resource, namespace: str, name: str, status: Object, *, manager: str
    ) -> Object:
        """Server-side apply of part of a status."""
        manifest = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "namespace": namespace},
            "status": status,
        }
        query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
        path = resource.path(namespace, name, "status")
        return await self.call("PATCH", path, manifest, query, content_type="application/apply-patch+yaml")

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete an object, in the background."""
        await self.call("DELETE", resource.path(namespace, name), {"propagationPolicy": "Background"})

    async def namespace(self, name: str) -> str:
        """Make a namespace."""
        await self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    async def watch(self, resource: Resource) -> AsyncIterator[tuple[str, Object]]:
        """(ADDED, MODIFIED or DELETED, object) for all namespaces, from now on and for ever; existing ones first."""
        timeout = aiohttp.ClientTimeout(total=None)
        query = {"watch": "true", "allowWatchBookmarks": "false"}
        while True:
            async with self.session.get(
                resource.path(None), params=query, timeout=timeout, read_bufsize=2**20
            ) as stream:
                if stream.status != 200:
                    raise Refused(stream.status, f"watch of {resource.plural}: {await stream.text()}")
                async for line in stream.content:
                    event = json.loads(line)
                    if event["type"] != "ERROR":
                        yield event["type"], event["object"]

    async def call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        query: Mapping[str, str] | None = None,
        *,
        content_type: str = "application/json",
    ) -> Object:
        """One request; raises `Refused`."""
        data = None if body is None else json.dumps(body)
        async with self.session.request(
            method, path, data=data, params=query, headers={"Content-Type": content_type}
        ) as answer:
            found: Object = json.loads(await answer.read())
            if answer.status >= 400:
                raise Refused(answer.status, f"{method} {path}: {found.get('message')}")
            return found


async def until(what: str, check: Callable[[], Awaitable[object]], seconds: float = 30, every: float = 0.2) -> Any:
    """Ask until the answer is true, and return it; the error says what was waited for and the last answer."""
    end = time.monotonic() + seconds
    while True:
        answer = await check()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s for {what}; the last answer was {answer!r}")
        await asyncio.sleep(every)
