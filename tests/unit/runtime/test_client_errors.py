"""What the client tells of an answer that is a refusal."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client.configuration import Configuration

from recsys_operator.api.kinds import CONFIGMAPS
from recsys_operator.apply.client import ApiError, Client


async def refusal(status: int, body: object, **headers: str) -> ApiError:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body, status=status, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        configuration = Configuration()
        configuration.host = str(server.make_url("")).rstrip("/")
        async with Client(configuration) as client:
            with pytest.raises(ApiError) as refused:
                await client.create(CONFIGMAPS, {"metadata": {"name": "one", "namespace": "shop"}})
            return refused.value


async def test_the_api_server_s_own_words() -> None:
    error = await refusal(409, {"reason": "AlreadyExists", "message": "there is one"})
    assert (error.status, error.reason, error.told, error.retry_after) == (409, "AlreadyExists", "there is one", 0)
    assert error.message == "POST /api/v1/namespaces/shop/configmaps: 409 there is one"


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("", 0), ("soon", 0), ("Fri, 27 Nov 2026 00:00:00 GMT", 0)])
async def test_how_long_it_wants_to_be_left_alone(header: str, seconds: float) -> None:
    error = await refusal(429, {"reason": "TooManyRequests"}, **{"Retry-After": header})
    assert (error.status, error.retry_after) == (429, seconds)
