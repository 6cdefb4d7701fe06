"""No write leaves a process that may not write any more, however late it finds that out; none arrives late.

A question that is posted to a gate is a write, and so is a notification.
"""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client.configuration import Configuration

from recsys_operator.api.kinds import CONFIGMAPS
from recsys_operator.apply.client import ApiError, Client
from recsys_operator.apply.event import Event, ObjectRef
from recsys_operator.clock import clock
from recsys_operator.fence import LONGEST_IN_FLIGHT, Fence
from recsys_operator.leader import LEASE_DURATION, RENEW_DEADLINE
from recsys_operator.notify import sender
from recsys_operator.notify.courier import Courier
from recsys_operator.notify.message import Message
from recsys_operator.observe.measure import webhook
from recsys_operator.observe.measure.web import Web

MANIFEST = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "namespace": "shop"}}
EVENT = Event(ObjectRef("v1", "ConfigMap", "shop", "one", "u1"), "Normal", "Made", "It is made.", "Make")


def gives(*seconds_left: float) -> Fence:
    """A fence that gives these answers, one after the other, and then the last one for ever."""
    answers = list(seconds_left)
    return lambda: answers.pop(0) if len(answers) > 1 else answers[0]


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
        """A client with a fence."""
        configuration = Configuration()
        configuration.host = self.address
        return Client(configuration, fence=gives(*seconds_left))

    @property
    def address(self) -> str:
        """Where it is."""
        return str(self.server.make_url("")).rstrip("/")


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


async def test_a_gate_is_asked_by_who_leads(api: ApiServer) -> None:
    async with Web(fence=gives(5.0)) as asking:
        assert (await webhook.post(asking, api.address, {})).kind == "Passed"
    assert api.heard == ["POST"]


@pytest.mark.parametrize("seconds_left", [(0.0,), (1.0, 0.0)], ids=["at once", "after the wait for the connection"])
async def test_a_gate_is_not_asked_by_who_does_not_lead(api: ApiServer, seconds_left: tuple[float, ...]) -> None:
    """Which is no answer of the gate's: the canary is held."""
    async with Web(fence=gives(*seconds_left)) as asking:
        answer = await webhook.post(asking, api.address, {})
        assert (await asking.ask("GET", api.address, seconds=5, limit=1000)).status == 200, "reads may pass"
    assert answer.kind == "Unavailable"
    assert api.heard == ["GET"]


WRITES_DOWN = """
import json, sys
print(json.dumps({"id": 0}), flush=True)
for line in sys.stdin:
    open(sys.argv[1], "a").write(line)
    print(json.dumps({"id": json.loads(line)["id"], "outcome": ""}), flush=True)
"""
MESSAGE = Message("RolledBack", "Version 4 is taken back.", "failure")


async def test_a_message_is_handed_to_the_sender_by_who_leads(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    courier = Courier((sys.executable, "-c", WRITES_DOWN, str(heard)), fence=gives(5.0, 0.0))
    begin = clock()
    assert await courier.send("json://chat", MESSAGE) == ""
    assert await courier.send("json://chat", MESSAGE) == "NotLeading"
    await courier.close()
    (request,) = [json.loads(line) for line in heard.read_text().splitlines()]
    assert begin + 5 <= request["until"] <= clock() + 5


async def test_a_message_is_not_handed_over_when_the_fence_closes_while_the_sender_starts(tmp_path: Path) -> None:
    """It takes seconds to start; its first line says that it has."""
    heard, started = tmp_path / "heard", tmp_path / "started"
    start = f"open({str(started)!r}, 'w').close()\n"
    courier = Courier(
        (sys.executable, "-c", start + WRITES_DOWN, str(heard)), fence=lambda: 0.0 if started.exists() else 5.0
    )
    assert await courier.send("json://chat", MESSAGE) == "NotLeading"
    await courier.close()
    assert not heard.exists()


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
async def test_the_sender_looks_at_the_clock_right_before_it_sends(api: ApiServer) -> None:
    """It may be paused too, with a message in its pipe."""

    async def sent(until: float) -> str:
        request = {"address": api.address.replace("http", "json"), "title": "", "body": "b", "kind": "info"}
        return await asyncio.to_thread(sender.send, {**request, "until": until}, sender.Log())

    assert await sent(clock()) == "NotLeading"
    assert api.heard == []
    assert await sent(clock() + 60) == ""
    assert api.heard == ["POST"]
