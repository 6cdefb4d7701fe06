"""The environment's proxy is used, and asked for once: not with every request."""

import pytest
from kubernetes.aio.client.configuration import Configuration

from recsys_operator.api.kinds import DEPLOYMENTS
from recsys_operator.apply.client import ApiError, Client, proxy_of_environment

PROXY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("variables", "host", "expected"),
    [
        ({}, "https://10.96.0.1:443", None),
        ({"HTTPS_PROXY": PROXY}, "https://10.96.0.1:443", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http://localhost:8001", None),
        ({"http_proxy": PROXY}, "http://api.example.com", PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "10.96.0.1"}, "https://10.96.0.1:443", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".example.com"}, "https://api.example.com", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "10.96.0.1"}, "https://10.96.0.2", PROXY),
    ],
)
def test_the_environments_proxy(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], host: str, expected: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_of_environment(host) == expected


async def test_requests_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    async with Client(Configuration(host="http://api.example.invalid")) as client:
        with pytest.raises(ApiError) as caught:
            await client.get(DEPLOYMENTS, "shop", "movies")
    assert "127.0.0.1:9" in caught.value.message


async def test_the_kubeconfigs_proxy_comes_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    async with Client(Configuration(host="http://api.example.invalid", proxy="http://127.0.0.1:7")) as client:
        with pytest.raises(ApiError) as caught:
            await client.get(DEPLOYMENTS, "shop", "movies")
    assert "127.0.0.1:7" in caught.value.message


async def test_no_request_asks_for_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiohttp would: by a thread for the proxy and another for .netrc, each time."""

    def asked(*_: object) -> None:
        raise AssertionError("the environment was asked for a single request")

    async with Client(Configuration(host="http://127.0.0.1:9")) as client:
        monkeypatch.setattr("aiohttp.client.get_env_proxy_for_url", asked)
        monkeypatch.setattr("aiohttp.client.ClientSession._get_netrc_auth", asked)
        with pytest.raises(ApiError):
            await client.get(DEPLOYMENTS, "shop", "movies")
