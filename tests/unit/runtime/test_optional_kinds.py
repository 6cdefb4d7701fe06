"""What the operator does when something optional comes, or is taken away again, such as KubeRay."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from kopf._cogs.structs.references import Insights
from kopf._cogs.structs.references import Resource as KopfResource

from recsys_operator import handlers, optional_kinds
from recsys_operator.api.kinds import HTTPROUTES, RAYJOBS, Resource
from recsys_operator.apply.client import ApiError, Client
from recsys_operator.health import Health
from recsys_operator.optional_kinds import OptionalKinds

DOWN = ApiError(0, "Unreachable", "no answer")
OTHER = KopfResource("batch", "v1", "jobs")


class Discovery:
    """An API server that serves HTTPRoutes, and says one thing after the other about RayJobs, the last one for ever."""

    def __init__(self, *answers: bool | ApiError) -> None:
        self.answers = list(answers)
        self.all_told = asyncio.Event()

    async def serves(self, resource: Resource) -> bool:
        if resource == HTTPROUTES:
            return True
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if len(self.answers) == 1:
            self.all_told.set()
        if isinstance(answer, ApiError):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional_kinds, "LOOK_AGAIN", 0.0)


async def seen(*answers: bool | ApiError) -> tuple[list[set[str]], Insights, Health]:
    """What kopf was told to watch at first, and each time that the objects had to be looked at again."""
    told = Discovery(*answers)
    insights, health = Insights(watched_resources={OTHER}), Health(handlers.watched)
    kinds = OptionalKinds(cast("Client", told), insights, health)
    await kinds.start()
    found: list[set[str]] = []

    async def changed() -> None:
        found.append({resource.plural for resource in insights.watched_resources})

    insights.ready_resources.set()
    keeping = asyncio.create_task(kinds.keep(changed))
    await asyncio.wait_for(told.all_told.wait(), 5)
    await asyncio.sleep(0.02)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    return found, insights, health


async def test_what_is_missed_twice_in_a_row_is_gone() -> None:
    """One miss may be an API server that has just started, and silence is no answer."""
    found, _, _ = await seen(True, False, True, False, DOWN, True)
    assert found == []
    found, insights, _ = await seen(True, False, True, False, DOWN, False)
    assert found == [{"jobs", "httproutes"}]
    assert insights.watched_resources == {OTHER, KopfResource("gateway.networking.k8s.io", "v1", "httproutes")}


async def test_what_comes_is_watched_and_so_each_time() -> None:
    found, _, _ = await seen(False, False, True, False, False, True)
    assert found == [{"jobs", "httproutes", "rayjobs"}, {"jobs", "httproutes"}, {"jobs", "httproutes", "rayjobs"}]


async def test_nothing_is_owed_of_what_is_not_watched() -> None:
    rayjob: dict[str, Any] = {
        "metadata": {
            "namespace": "shop",
            "name": "one-ray1",
            "uid": "u1",
            "resourceVersion": "7",
            "labels": {"app.kubernetes.io/managed-by": "recsys-operator"},
        }
    }
    clock = SimpleNamespace(now=0.0)
    health = Health(handlers.watched, clock=lambda: clock.now)

    def silent() -> bool:
        clock.now += 100
        health._last_beat = clock.now
        return bool(health.problems())

    health.answered(RAYJOBS, rayjob)
    assert silent()
    health.ignore(RAYJOBS)
    assert not silent()
    health.answered(RAYJOBS, rayjob)
    assert not silent()
    health.expect(RAYJOBS)
    health.answered(RAYJOBS, rayjob)
    assert silent()


@pytest.fixture
async def nothing_served() -> AsyncIterator[str]:
    """The address of an HTTP server that knows no path."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("path", "patient"),
    [
        ("/apis/ray.io/v1/rayjobs?watch=true", True),
        ("/apis/ray.io/v1/namespaces/shop/rayjobs", True),
        ("/apis/gateway.networking.k8s.io/v1/httproutes", True),
        ("/apis/ray.io/v1", False),
        ("/apis/recsys.dev/v1alpha1/deployments", False),
        ("/apis/other.io/v1/rayjobs", False),
    ],
)
async def test_kopf_is_not_told_that_an_optional_kind_is_gone(nothing_served: str, path: str, patient: bool) -> None:
    """A watch that is told 404 ends kopf, and with it the process."""
    async with aiohttp.ClientSession(middlewares=(handlers.patient,)) as session:
        if patient:
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get(nothing_served + path)
        else:
            assert (await session.get(nothing_served + path)).status == 404


async def test_credentials_that_do_not_change_are_the_same_session() -> None:
    """kopf gives up credentials that were refused by comparing what it is given."""

    async def no_token(_: str) -> None:
        return None

    configuration = SimpleNamespace(
        host="https://127.0.0.1:1",
        ssl_ca_cert=None,
        verify_ssl=False,
        cert_file=None,
        key_file=None,
        get_api_key_with_prefix=no_token,
    )
    registry = handlers.registry(
        cast("Client", SimpleNamespace(configuration=configuration)), cast("handlers.Waker", None)
    )
    (login,) = registry._activities.get_all_handlers()
    first, second = [await cast("Any", login.fn)() for _ in range(2)]
    assert first is second
    await first.aiohttp_session.close()
