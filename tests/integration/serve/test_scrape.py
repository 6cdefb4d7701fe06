"""What the operator reads of real server processes: each request counts where it should, a dead pod is a sentence."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.integration.serve.server_process import ServerProcess, running
from tests.unit.workers.serve.tiny_version import TinyVersion, write_version
from yarl import URL

from recsys_operator.decide.analysis.facts import Reading
from recsys_operator.observe.measure.pods import read_pods
from recsys_operator.observe.measure.web import Web
from recsys_workers import scores

EVALUATED = np.array([[9.0, 4.5, 0.0], [2.0, -7.5, -30.0]], dtype=np.float32)
KNOWN, UNKNOWN = {"id": "3"}, {"id": "nobody"}


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> TinyVersion:
    """A version that says how its scores were spread."""
    evaluation = json.dumps({"scores": scores.document(scores.cumulative(EVALUATED))}).encode()
    return write_version(tmp_path_factory.mktemp("version"), evaluation=evaluation)


@pytest.fixture
def servers(version: TinyVersion, tmp_path: Path) -> Iterator[list[ServerProcess]]:
    """Two of them, ready."""
    with ExitStack() as stack:
        found = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            found.append(stack.enter_context(running(version, folder, RECSYS_MAX_PENDING="64")))
        for server in found:
            server.wait_ready()
        yield found


def pod(server: ServerProcess, name: str, restarts: int = 0) -> dict[str, Any]:
    """The pod as the API server would list it."""
    url = URL(server.url)
    container = {
        "name": "server", "restartCount": restarts, "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}},
    }  # fmt: skip
    return {
        "metadata": {"name": name, "uid": name},
        "spec": {"containers": [{"name": "server", "ports": [{"name": "http", "containerPort": url.port}]}]},
        "status": {
            "podIP": url.host,
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [container],
        },
    }


async def read(*pods: dict[str, Any]) -> Reading:
    async with Web() as web:
        return await read_pods(web, pods, "Canary", "abc", lambda: datetime.now(UTC))


async def ask(server: ServerProcess, count: int, **body: Any) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(count):
            await client.post(f"{server.url}/v1/recommend", json=body, timeout=10)


async def test_every_request_counts_where_it_should(servers: list[ServerProcess]) -> None:
    one, two = servers
    await ask(one, 20, history=[KNOWN])
    await ask(one, 3, history=[KNOWN, UNKNOWN], candidates=[])
    await ask(one, 2, history=[UNKNOWN])
    await ask(one, 5, history=[KNOWN], k=0)
    await ask(two, 7, history=[KNOWN], k=3)

    reading = await read(pod(one, "one"), pod(two, "two"))
    assert reading.missing == ()
    first, second = reading.pods
    assert (first.uid, first.requests, first.errors, first.answers, first.empty_answers) == ("one", 25, 0, 25, 3)
    assert (first.items_asked, first.unknown_items) == (20 + 3 * 2 + 2, 3 + 2)
    assert first.latency.counts[-1] == 25
    assert first.scores.counts[-1] == 20 * scores.FIRST
    assert (second.uid, second.requests, second.scores.counts[-1]) == ("two", 7, 7 * 3)
    for found in reading.pods:
        assert found.evaluation is not None
        assert found.evaluation.bounds == found.scores.bounds == tuple(map(float, scores.BUCKETS))
        assert found.evaluation.counts == tuple(scores.cumulative(EVALUATED).values())


async def test_a_killed_server_is_named_and_a_new_one_begins_at_nothing(
    servers: list[ServerProcess], version: TinyVersion, tmp_path: Path
) -> None:
    one, two = servers
    await ask(one, 4, history=[KNOWN])
    await ask(two, 4, history=[KNOWN])
    one.process.kill()
    one.wait_ended()
    reading = await read(pod(one, "one"), pod(two, "two"))
    assert [(found.uid, found.requests) for found in reading.pods] == [("two", 4)]
    assert [missing.partition(":")[0] for missing in reading.missing] == ["pod one"]

    (tmp_path / "again").mkdir()
    with running(version, tmp_path / "again") as again:
        again.wait_ready()
        await ask(again, 1, history=[KNOWN])
        (found,) = (await read(pod(again, "one", restarts=1))).pods
    assert (found.uid, found.restarts, found.requests) == ("one", 1, 1)


async def test_being_read_leaves_no_connection_that_a_draining_server_waits_for(
    version: TinyVersion, tmp_path: Path
) -> None:
    async with Web() as web:
        with running(version, tmp_path, RECSYS_DRAIN_SECONDS="3600") as server:
            server.wait_ready()
            reading = await read_pods(web, [pod(server, "one")], "Canary", "abc", lambda: datetime.now(UTC))
            assert len(reading.pods) == 1
            server.terminate()
            assert await asyncio.to_thread(server.wait_ended) == 0
