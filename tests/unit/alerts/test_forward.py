"""A replica that stands by hands posts on to the one that leads."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer, unused_port

from recsys_operator.alerts.forward import FORWARDED, Forwarder


class Replicas:
    """A leader that says what it is told to, and a replica that stands by."""

    def __init__(self) -> None:
        self.status = 200
        self.posts: list[tuple[str, str, bytes]] = []
        leading = web.Application()
        leading.router.add_post("/alerts", self._lead)
        self.leader = TestServer(leading)
        self.address = ""
        forward = Forwarder(lambda: self.address)
        standing_by = web.Application()
        standing_by.cleanup_ctx.append(forward.life)

        async def post(request: web.Request) -> web.Response:
            return await forward(request) or web.Response(status=503, text="nobody")

        standing_by.router.add_post("/alerts", post)
        self.other = TestServer(standing_by)

    async def _lead(self, request: web.Request) -> web.Response:
        headers = request.headers
        self.posts.append((headers.get("Authorization", ""), headers.get(FORWARDED, ""), await request.read()))
        return web.json_response({"alerts": ["told"]}, status=self.status)

    async def post(self, **headers: str) -> tuple[int, Any]:
        async with (
            ClientSession() as session,
            session.post(self.other.make_url("/alerts"), data=b"{}", headers=headers) as answer,
        ):
            return answer.status, await answer.text()


@pytest.fixture
async def replicas() -> AsyncIterator[Replicas]:
    made = Replicas()
    await made.leader.start_server()
    await made.other.start_server()
    made.address = f"{made.leader.host}:{made.leader.port}"
    yield made
    await made.other.close()
    await made.leader.close()


async def test_the_leader_s_answer_is_the_answer(replicas: Replicas) -> None:
    for status in (200, 400, 503):
        replicas.status = status
        assert await replicas.post(Authorization="Bearer token-one") == (status, '{"alerts": ["told"]}')
    assert replicas.posts == [("Bearer token-one", "1", b"{}")] * 3


async def test_nobody_leads(replicas: Replicas) -> None:
    replicas.address = ""
    assert (await replicas.post())[0] == 503


async def test_a_leader_that_is_gone(replicas: Replicas) -> None:
    replicas.address = f"127.0.0.1:{unused_port()}"
    assert (await replicas.post())[0] == 503


async def test_a_post_is_handed_on_once(replicas: Replicas) -> None:
    """Two replicas that each take the other for the leader do not play ball."""
    assert (await replicas.post(**{FORWARDED: "1"}))[0] == 503
    assert replicas.posts == []
