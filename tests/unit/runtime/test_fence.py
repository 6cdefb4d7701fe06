"""No write leaves a process that may not write any more, however late it finds that out; none arrives late."""

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client.configuration import Configuration

from recsys_operator.api.kinds import CONFIGMAPS
from recsys_operator.apply.client import ApiError, Client
from recsys_operator.apply.event import Event, ObjectRef
from recsys_operator.apply.fence import LONGEST_IN_FLIGHT
from recsys_operator.leader import LEASE_DURATION, RENEW_DEADLINE

MANIFEST = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "namespace": "shop"}}
EVENT = Event(ObjectRef("v1", "ConfigMap", "shop", "one", "u1"), "Normal", "Made", "It is made.", "Make")


class ApiServer:
    """Writes down what arrives."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self.server = TestServer(app)

    async def _answer(self, request: web.Request) -> web.Response:
        await request.read()
        self.heard.append(request.method)
        return web.json_response({"metadata": {"name": "one", "namespace": "shop", "uid": "u1"}})

    def client(self, *seconds_left: float) -> Client:
        """A client whose fence gives these answers, one after the other, and then the last one for ever."""
        answers = list(seconds_left)
        configuration = Configuration()
        configuration.host = str(self.server.make_url("")).rstrip("/")
        return Client(configuration, fence=lambda: answers.pop(0) if len(answers) > 1 else answers[0])


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    made = ApiServer()
    await made.server.start_server()
    yield made
    await made.server.close()


async def every_write(client: Client) -> AsyncIterator[Any]:
    live = {"metadata": {**MANIFEST["metadata"], "uid": "u1", "resourceVersion": "1"}}  # type: ignore[dict-item]
    yield client.apply(CONFIGMAPS, MANIFEST)
    yield client.apply_status(CONFIGMAPS, live, {"ready": True})
    yield client.create(CONFIGMAPS, MANIFEST)
    yield client.replace(CONFIGMAPS, MANIFEST)
    yield client.delete(CONFIGMAPS, "shop", "one", "u1")


async def test_who_leads_writes(api: ApiServer) -> None:
    async with api.client(5.0) as client:
        async for write in every_write(client):
            await write
        await client.emit(EVENT)
    assert api.heard == ["PATCH", "PATCH", "POST", "PUT", "DELETE", "POST"]


async def test_who_does_not_lead_reads_only(api: ApiServer) -> None:
    async with api.client(0.0) as client:
        async for write in every_write(client):
            with pytest.raises(ApiError, match="does not hold the Lease") as refused:
                await write
            assert (refused.value.status, refused.value.reason) == (0, "NotLeading")
        await client.emit(EVENT)
        assert await client.get(CONFIGMAPS, "shop", "one")
    assert api.heard == ["GET"]


async def test_a_write_that_waited_too_long_for_its_connection(api: ApiServer) -> None:
    """The first look lets it pass; the one right before the bytes leave does not."""
    for number in range(5):
        async with api.client(1.0, 0.0) as client:
            writes = [write async for write in every_write(client)]
            with pytest.raises(ApiError) as refused:
                await writes[number]
            assert refused.value.status == 0
            for write in writes:
                write.close()
    assert api.heard == []


async def test_the_kernel_gives_up_what_nobody_acknowledges_before_another_may_lead(api: ApiServer) -> None:
    """It would send it again for a quarter of an hour, whatever became of the process."""
    assert LONGEST_IN_FLIGHT < LEASE_DURATION - RENEW_DEADLINE
    async with api.client(5.0) as client:
        await client.get(CONFIGMAPS, "shop", "one")
        ((protocol, *_),) = [connection for idle in client._connector._conns.values() for connection in idle]
        found = protocol.transport.get_extra_info("socket") if protocol.transport else None
        assert found
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == LONGEST_IN_FLIGHT * 1000
