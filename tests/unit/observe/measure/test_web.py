"""One request to anybody: bounded in time and size, followed nowhere, and never into a forbidden network."""

import gzip
import ipaddress
import socket
from typing import Any

import pytest
from aiohttp import web
from tests.unit.observe.measure.conftest import Raw, cut, dripping, endless, garbage, raw, serving, silent

from recsys_operator.observe.measure.networks import FORBIDDEN
from recsys_operator.observe.measure.web import NoAnswer, Page, Web

HERE = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"), ipaddress.ip_network("169.254.0.0/16"))


async def refused(asking: Web, url: str, seconds: float = 5.0) -> NoAnswer:
    with pytest.raises(NoAnswer) as error:
        await asking.ask("GET", url, seconds=seconds, limit=1000)
    return error.value


async def test_an_answer_is_its_status_and_its_body(asking: Web) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"token": request.headers.get("Authorization")}, status=418)

    async with serving(answer) as address:
        page = await asking.ask("GET", f"{address}/any/path", seconds=5, limit=1000, token="t0ken")
    assert page.status == 418
    assert page.json() == {"token": "Bearer t0ken"}


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"{", b"\xff", b"[" * 100_000, b"1" * 10_000])
def test_what_is_no_json_object_is_none(body: bytes) -> None:
    assert Page(200, body).json() is None


@pytest.mark.parametrize("server", [silent, dripping])
async def test_the_time_is_bounded(asking: Web, server: Raw) -> None:
    async with raw(server) as address:
        error = await refused(asking, address, seconds=0.2)
    assert str(error) == f"{address.removeprefix('http://')} did not answer within 0.2 s"
    assert not error.wrong


async def test_the_size_is_bounded(asking: Web) -> None:
    async with raw(endless) as address:
        error = await refused(asking, address)
    assert "answers with more than 1000 bytes" in str(error)
    assert error.wrong


async def test_a_size_that_is_declared_too_large_is_not_read(asking: Web) -> None:
    async def declared(_: Any, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
        await writer.drain()
        await _.read()

    async with raw(declared) as address:
        assert "answers with more than 1000 bytes" in str(await refused(asking, address))


async def test_an_answer_that_would_grow_when_decompressed_is_not_read(asking: Web) -> None:
    async def bomb(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=gzip.compress(b"0" * 100_000), headers={"Content-Encoding": "gzip"})

    async with serving(bomb) as address:
        assert "compresses its answer" in str(await refused(asking, address))


@pytest.mark.parametrize("server", [garbage, cut])
async def test_what_breaks_the_protocol_is_no_answer(asking: Web, server: Raw) -> None:
    async with raw(server) as address:
        error = await refused(asking, address)
    assert "cannot be asked" in str(error)
    assert not error.wrong


async def test_a_closed_port_is_no_answer(asking: Web) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = await refused(asking, f"http://127.0.0.1:{unused.getsockname()[1]}/secret?q=secret")
    assert "cannot be asked" in str(error)
    assert "secret" not in str(error)


async def test_redirects_are_not_followed(asking: Web) -> None:
    paths = []

    async def redirect(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with serving(redirect) as address:
        error = await refused(asking, f"{address}/start")
    assert "redirects" in str(error)
    assert error.wrong
    assert paths == ["/start"]


async def test_nothing_is_kept_from_one_request_to_the_next(asking: Web) -> None:
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.headers.get("Connection"), request.headers.get("Cookie")))
        response = web.Response()
        response.set_cookie("session", "1")
        return response

    async with serving(answer) as address:
        for _ in range(2):
            await asking.ask("GET", address, seconds=5, limit=1000)
    assert seen == [("close", None)] * 2


@pytest.mark.parametrize(
    "url",
    ["ftp://host/", "file:///etc/passwd", "host", "", "http://", "http://[::1", "http://127.1/", "http://host:99999/"],
)
async def test_other_addresses_are_refused(asking: Web, url: str) -> None:
    assert (await refused(asking, url)).wrong


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.8.8",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "2130706433",
        "0x7f.1",
        "169.254.169.254",
    ],
)
async def test_a_forbidden_network_is_not_connected_to_however_it_is_written(host: str) -> None:
    async with Web(HERE) as guarded:
        error = await refused(guarded, f"http://{host}:1/")
    assert error.wrong
    assert "cannot be asked" not in str(error)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::1"], ["10.0.0.1", "169.254.169.254"], ["::ffff:127.0.0.1"]])
async def test_a_name_that_leads_into_a_forbidden_network_is_not_connected_to(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, port: int, *_: Any) -> list[Any]:
        assert host == "innocent.example"
        families = [socket.AF_INET6 if ":" in one else socket.AF_INET for one in addresses]
        return [(family, 1, 6, "", (one, port)) for family, one in zip(families, addresses, strict=True)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    async with Web(HERE) as guarded:
        error = await refused(guarded, "http://innocent.example:1/")
    assert str(error) == "innocent.example leads into a network that the operator does not connect to"


async def test_a_name_that_nobody_knows_is_no_answer(asking: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    error = await refused(asking, "http://nowhere.example/")
    assert str(error) == "nowhere.example:80 cannot be asked: Name or service not known"
    assert not error.wrong


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "0.0.0.0", "::1", "fe80::1", "fd00:ec2::254", "100.100.100.200"]
)
def test_what_is_forbidden_unless_told_covers_the_node_and_the_clouds_metadata(address: str) -> None:
    found = ipaddress.ip_address(address)
    assert any(found.version == network.version and found in network for network in FORBIDDEN)


@pytest.mark.parametrize("address", ["10.96.0.1", "192.168.1.1", "172.16.0.1", "fd12::1", "8.8.8.8"])
def test_what_is_forbidden_unless_told_leaves_the_cluster_alone(address: str) -> None:
    found = ipaddress.ip_address(address)
    assert not any(found.version == network.version and found in network for network in FORBIDDEN)
