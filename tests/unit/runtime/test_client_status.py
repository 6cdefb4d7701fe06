"""A status is written to the object that was read, and to no other one of its name."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client.configuration import Configuration

from recsys_operator.api.kinds import DEPLOYMENTS
from recsys_operator.apply.changes import drop_status
from recsys_operator.apply.client import MOST_STATUS_TRIES, ApiError, Client

READ = {
    "apiVersion": DEPLOYMENTS.api_version,
    "kind": DEPLOYMENTS.kind,
    "metadata": {"namespace": "shop", "name": "movies", "uid": "first", "resourceVersion": "7"},
}


class Server:
    """Has one object, and takes a status as the API server does: with its very resourceVersion, or not at all."""

    def __init__(self) -> None:
        self.live: dict[str, str] | None = {"uid": "first", "resourceVersion": "7"}
        self.tried: list[str] = []
        self.moves_on = 0
        """How many more times somebody else writes right before a write of ours."""

    async def read(self, _: web.Request) -> web.Response:
        if self.live is None:
            return web.json_response({"reason": "NotFound", "message": "not found"}, status=404)
        return web.json_response({"metadata": {"namespace": "shop", "name": "movies", **self.live}})

    async def write(self, request: web.Request) -> web.Response:
        version = (await request.json())["metadata"]["resourceVersion"]
        self.tried.append(version)
        if self.moves_on and self.live:
            self.moves_on -= 1
            self.live["resourceVersion"] = str(int(self.live["resourceVersion"]) + 1)
        if self.live is None or self.live["resourceVersion"] != version:
            return web.json_response({"reason": "Conflict", "message": "it has changed"}, status=409)
        return await self.read(request)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    path, app = DEPLOYMENTS.path("shop", "movies"), web.Application()
    app.router.add_get(path, server.read)
    app.router.add_patch(f"{path}/status", server.write)
    async with TestServer(app) as listening:
        configuration = Configuration()
        configuration.host = str(listening.make_url("")).rstrip("/")
        async with Client(configuration) as made:
            yield made


async def write(client: Client) -> dict[str, Any]:
    return await client.apply_status(DEPLOYMENTS, READ, {"observedGeneration": 1})


async def test_the_version_that_was_read_is_the_one_that_is_written(server: Server, client: Client) -> None:
    assert (await write(client))["metadata"]["uid"] == "first"
    assert server.tried == ["7"]


async def test_a_write_of_somebody_else_has_it_tried_again(server: Server, client: Client) -> None:
    server.moves_on = 2
    assert (await write(client))["metadata"]["resourceVersion"] == "9"
    assert server.tried == ["7", "8", "9"]


async def test_another_one_that_took_its_place_is_not_written(server: Server, client: Client) -> None:
    server.live = {"uid": "second", "resourceVersion": "12"}
    with pytest.raises(ApiError, match="Deployment shop/movies is not the one that was read") as refused:
        await write(client)
    assert (refused.value.status, server.tried) == (409, ["7"])


async def test_one_that_is_gone_is_not_made(server: Server, client: Client) -> None:
    server.live = None
    with pytest.raises(ApiError, match="is not the one that was read"):
        await write(client)
    assert server.tried == ["7"]


async def test_it_is_given_up_after_several_tries(server: Server, client: Client) -> None:
    server.moves_on = 99
    with pytest.raises(ApiError, match="changed during each of several writes"):
        await write(client)
    assert len(server.tried) == MOST_STATUS_TRIES


async def test_fields_are_taken_away_only_as_they_were_read(server: Server, client: Client) -> None:
    """Who has written since then wakes whoever wants them gone."""
    await drop_status(client, READ, {"progress": {"etaSeconds": None}})
    server.moves_on = 1
    await drop_status(client, READ, {"progress": {"etaSeconds": None}})
    assert server.tried == ["7", "7"], "not tried again"
    server.live = None
    with pytest.raises(ApiError) as refusal:
        await client.merge_status(DEPLOYMENTS, READ, {"progress": {"etaSeconds": None}})
    assert refusal.value.status == 409
