"""Which namespaces are watched, when some of them cannot be read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from prometheus_client import REGISTRY

from recsys_operator import namespaces
from recsys_operator.api.kinds import BUDGETS, DEPLOYMENTS, RAYJOBS, Resource
from recsys_operator.apply.client import ApiError
from recsys_operator.namespaces import Namespaces

GONE = ApiError(403, "Forbidden", "deployments is forbidden")
DOWN = ApiError(0, "Unreachable", "connection refused")


class Server:
    """Refuses what `errors` says for a namespace, or for one resource in it."""

    def __init__(self) -> None:
        self.errors: dict[Any, ApiError] = {}
        self.asked = 0

    async def try_list(self, resource: Resource, namespace: str) -> None:
        self.asked += 1
        error = self.errors.get(namespace) or self.errors.get((namespace, resource))
        if error:
            raise error


class Follower:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def leave(self, namespace: str) -> None:
        self.told.append(f"leave {namespace}")

    def enter(self, namespace: str) -> None:
        self.told.append(f"enter {namespace}")


class Scene:
    """Namespaces with everything around them; kopf is played by whoever reads `insights`."""

    def __init__(self, *names: str) -> None:
        self.server, self.follower, self.late = Server(), Follower(), 0.0
        self.namespaces = Namespaces(
            self.server,  # type: ignore[arg-type]
            names,
            (DEPLOYMENTS, BUDGETS),
            self.follower,
            clock=lambda: asyncio.get_running_loop().time() + self.late,
        )

    @property
    def watched(self) -> set[Any]:
        return self.namespaces.insights.namespaces

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """As the operator does: look, start kopf, go on looking."""
        await asyncio.wait_for(self.namespaces.start(), 2)
        self.watched.update(self.namespaces.readable)  # type: ignore[arg-type]
        self.namespaces.insights.ready_namespaces.set()
        keeping = asyncio.create_task(self.namespaces.keep())
        try:
            yield
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping

    async def looked(self) -> None:
        """Wait for a whole look that begins now."""
        asked = self.server.asked
        await soon(lambda: self.server.asked > asked + 2 * len(self.namespaces.names) + 1)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "LOOK_AGAIN", 0.005)
    monkeypatch.setattr(namespaces, "NO_ANSWER", 0.005)
    monkeypatch.setattr(namespaces, "SURE", 0.05)


async def soon(check: Callable[[], object]) -> None:
    end = asyncio.get_running_loop().time() + 2
    while not check():
        assert asyncio.get_running_loop().time() < end, "it did not happen in time"
        await asyncio.sleep(0.002)


def readable(namespace: str) -> float | None:
    return REGISTRY.get_sample_value("recsys_namespace_readable", {"namespace": namespace})


def warnings(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [vars(one)["namespace"] for one in caplog.records if "left alone" in one.getMessage()]


@pytest.mark.parametrize("status", [403, 404])
async def test_a_namespace_that_is_refused_is_left_alone_and_told_once(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene("shop", "staging")
    async with scene.kept():
        await scene.looked()
        assert scene.watched == {"shop", "staging"}
        assert (scene.follower.told, caplog.records) == ([], [])
        scene.server.errors["staging"] = ApiError(status, "Whatever", "no")
        await soon(lambda: scene.watched == {"shop"})
        await scene.looked()
        assert warnings(caplog) == ["staging"]
        assert "watchNamespaces" in vars(caplog.records[0])["whatToDo"]
        assert scene.follower.told == ["leave staging"]
        assert (readable("shop"), readable("staging")) == (1, 0)
        scene.server.errors.clear()
        await soon(lambda: scene.watched == {"shop", "staging"})
        assert scene.follower.told == ["leave staging", "enter staging"]
        assert readable("staging") == 1


async def test_a_kind_that_the_cluster_lacks_makes_no_namespace_unreadable() -> None:
    """KubeRay was taken away a moment ago; that RayJobs may not be read would be another matter."""
    scene = Scene("shop")
    scene.namespaces.resources = (DEPLOYMENTS, RAYJOBS)
    scene.server.errors["shop", RAYJOBS] = ApiError(404, "NotFound", "the server could not find the requested resource")
    async with scene.kept():
        await asyncio.sleep(2 * namespaces.SURE)
        await scene.looked()
        assert (scene.watched, scene.follower.told) == ({"shop"}, [])
        scene.server.errors["shop", RAYJOBS] = GONE
        await soon(lambda: scene.follower.told == ["leave shop"])


async def test_a_role_that_lacks_a_right_is_as_none() -> None:
    """kopf would end for a single watch."""
    scene = Scene("shop", "staging")
    scene.server.errors["staging", BUDGETS] = GONE
    async with scene.kept():
        assert scene.namespaces.scopes == ("shop",)


async def test_at_the_start_one_of_them_is_enough() -> None:
    scene = Scene("shop", "staging")
    scene.server.errors["shop"] = GONE
    async with scene.kept():
        assert (scene.namespaces.readable, scene.follower.told) == (("staging",), ["leave shop"])
        scene.server.errors.clear()
        await soon(lambda: scene.watched == {"shop", "staging"})


async def test_at_the_start_without_any_it_waits() -> None:
    """kopf would take no namespaces for all of them."""
    scene = Scene("shop")
    scene.server.errors["shop"] = GONE
    starting = asyncio.create_task(scene.namespaces.start())
    await scene.looked()
    assert not starting.done()
    scene.server.errors.clear()
    await asyncio.wait_for(starting, 2)
    assert scene.namespaces.readable == ("shop",)


async def test_later_all_of_them_may_go() -> None:
    scene = Scene("shop")
    async with scene.kept():
        scene.server.errors["shop"] = GONE
        await soon(lambda: scene.watched == set())
        assert scene.namespaces.scopes == ()


@pytest.mark.parametrize("error", [DOWN, ApiError(500, "InternalError", "no"), ApiError(429, "TooManyRequests", "no")])
async def test_no_answer_changes_nothing(error: ApiError, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene("shop", "staging")
    scene.server.errors["staging"] = GONE
    async with scene.kept():
        scene.server.errors |= {"shop": error, "staging": error}
        await soon(lambda: "cannot look at a namespace" in caplog.text)
        asked = scene.server.asked
        await soon(lambda: scene.server.asked > asked + 4)
        assert scene.watched == {"shop"}
        assert scene.follower.told == ["leave staging"]


async def test_at_the_start_no_answer_is_waited_for() -> None:
    scene = Scene("shop", "staging")
    scene.server.errors["staging"] = DOWN
    starting = asyncio.create_task(scene.namespaces.start())
    await soon(lambda: scene.server.asked > 6)
    assert not starting.done()
    scene.server.errors.clear()
    await asyncio.wait_for(starting, 2)
    assert scene.namespaces.readable == ("shop", "staging")


async def test_a_refused_list_counts_as_a_look() -> None:
    scene = Scene("shop", "staging")
    async with scene.kept():
        assert not scene.namespaces.refused("shop", DOWN)
        assert not scene.namespaces.refused("shop", GONE)
        scene.late = 1.0
        assert scene.namespaces.refused("shop", GONE)
        assert scene.follower.told == ["leave shop"]


async def test_a_refusal_that_passes_leaves_nothing_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API server that has just started refuses everybody; rollouts must not stand still for it."""
    monkeypatch.setattr(namespaces, "SURE", 60.0)
    scene = Scene("shop", "staging")
    async with scene.kept():
        for _ in range(3):
            scene.server.errors |= {"shop": GONE, "staging": GONE}
            await scene.looked()
            scene.server.errors.clear()
            await scene.looked()
            scene.late += 50.0  # Each refusal begins anew: together they would be over a minute.
        assert scene.follower.told == []
        assert scene.watched == {"shop", "staging"}
        assert scene.namespaces.scopes == ("shop", "staging")


async def test_without_names_everything_is_watched_and_nothing_looked_at() -> None:
    scene = Scene()
    await asyncio.wait_for(scene.namespaces.start(), 1)
    scene.watched.add(None)
    scene.namespaces.insights.ready_namespaces.set()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(scene.namespaces.keep(), 0.05)
    assert (scene.namespaces.scopes, scene.watched, scene.server.asked) == ((None,), {None}, 0)
