"""The life of a real server process: ready only when warm, dead with a reason, drained without a lost request."""

import asyncio
import math
import os
import subprocess
import sys
import time
from collections.abc import Awaitable
from pathlib import Path

import aiohttp
import httpx
import pytest
from tests.integration.serve.server_process import PATIENCE, WORKERS, ServerProcess, running
from tests.unit.workers.serve.tiny_version import TinyVersion, write_version

SLOW_ROUNDS = 40
"""About a sixth of a second for one inference on one core."""
BODY = {"history": [{"id": "3"}]}


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> TinyVersion:
    """A version that answers at once."""
    return write_version(tmp_path_factory.mktemp("fast"))


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> TinyVersion:
    """A version that takes its time, also for its warm-up."""
    return write_version(tmp_path_factory.mktemp("slow"), rounds=SLOW_ROUNDS)


def test_it_lives_first_and_is_ready_only_after_its_warm_up(slow: TinyVersion, tmp_path: Path) -> None:
    with running(slow, tmp_path) as server:
        seen: list[tuple[int, int, int]] = []
        while not seen or seen[-1][1] != 200:
            if server.get("/healthz") is None:
                assert server.process.poll() is None
                continue
            answers = [server.get("/healthz"), server.get("/readyz")]
            predicted = httpx.post(f"{server.url}/v1/recommend", json=BODY, timeout=10)
            alive, ready = (answer.status_code if answer else 0 for answer in answers)
            seen.append((alive, ready, predicted.status_code))
        assert seen[0] == (200, 503, 503)
        assert all(alive == 200 for alive, _, _ in seen)
        assert seen[-1] == (200, 200, 200)


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx", "items.json"])
def test_a_wrong_byte_ends_it_with_a_reason_before_it_serves(tmp_path: Path, name: str) -> None:
    version = write_version(tmp_path / "claims")
    with (version.folder / name).open("ab") as file:
        file.write(b" ")
    with running(version, tmp_path) as server:
        assert server.wait_ended() == 1
        cause = server.termination()
    assert cause["reason"] == "DigestMismatch"
    assert name in cause["message"]


def test_a_missing_variable_ends_it_with_a_reason(version: TinyVersion, tmp_path: Path) -> None:
    with running(version, tmp_path, RECSYS_MODEL="") as server:
        assert server.wait_ended() == 1
        assert server.termination()["reason"] == "BadSettings"
        assert "RECSYS_MODEL" in server.termination()["message"]


async def ask(session: aiohttp.ClientSession, server: ServerProcess) -> tuple[int, str | None, int]:
    async with session.post(f"{server.url}/v1/recommend", json=BODY) as response:
        answer = await response.json()
        return response.status, response.headers.get("Connection"), len(answer.get("items", []))


async def seconds_of(asked: Awaitable[object]) -> float:
    began = time.monotonic()
    await asked
    return time.monotonic() - began


async def pending(server: ServerProcess) -> float:
    async with httpx.AsyncClient() as client:
        lines = (await client.get(f"{server.url}/metrics", timeout=10)).text.splitlines()
    return float(next(line for line in lines if line.startswith("recsys_pending_requests{")).rsplit(" ", 1)[1])


async def test_every_accepted_request_is_answered_after_sigterm(slow: TinyVersion, tmp_path: Path) -> None:
    """So many requests wait for a slow model that the listener closes long before the last one is computed."""
    drain_seconds = 1
    with running(slow, tmp_path, RECSYS_DRAIN_SECONDS=str(drain_seconds), RECSYS_PATIENCE_SECONDS="60") as server:
        await asyncio.to_thread(server.wait_ready)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:  # each has its own
            fastest = min([await seconds_of(ask(session, server)) for _ in range(5)])
            count = math.ceil(4 * drain_seconds / fastest)
            requests = [asyncio.create_task(ask(session, server)) for _ in range(count)]
            # Until all have been accepted.
            while await pending(server) < count - sum(request.done() for request in requests):
                assert not all(request.done() for request in requests)
            server.terminate()
            unready = await asyncio.to_thread(server.get, "/readyz")
            assert unready is not None
            assert unready.status_code == 503
            late = asyncio.create_task(ask(session, server))
            terminated = time.monotonic()
            answers = await asyncio.gather(*requests, late)
            assert time.monotonic() - terminated > drain_seconds
        assert await asyncio.to_thread(server.wait_ended) == 0
    assert [(status, items) for status, _, items in answers] == [(200, 10)] * (count + 1)
    assert answers[-1][1] == "close"


async def test_clients_that_keep_sending_lose_nothing(version: TinyVersion, tmp_path: Path) -> None:
    """Keep-alive clients send without a pause across SIGTERM until they are told to close, as a proxy does."""

    each_has_some = asyncio.Event()
    statuses_of: list[list[int]] = []

    async def client(server: ServerProcess) -> None:
        statuses: list[int] = []
        statuses_of.append(statuses)
        told_to_close = False
        async with aiohttp.ClientSession() as session:
            while not told_to_close:
                status, connection, _ = await ask(session, server)
                statuses.append(status)
                told_to_close = connection == "close"
                if len(statuses_of) == 8 and all(len(statuses) >= 5 for statuses in statuses_of):
                    each_has_some.set()

    with running(version, tmp_path) as server:
        await asyncio.to_thread(server.wait_ready)
        clients = [asyncio.create_task(client(server)) for _ in range(8)]
        await asyncio.wait_for(each_has_some.wait(), PATIENCE)
        server.terminate()
        await asyncio.gather(*clients)
        assert await asyncio.to_thread(server.wait_ended) == 0
    assert {status for statuses in statuses_of for status in statuses} == {200}


def test_an_idle_connection_does_not_hold_a_drained_server(version: TinyVersion, tmp_path: Path) -> None:
    with running(version, tmp_path, RECSYS_DRAIN_SECONDS="1") as server, httpx.Client() as idle:
        server.wait_ready()
        assert idle.get(f"{server.url}/healthz").status_code == 200
        server.terminate()
        assert server.wait_ended() == 0


def test_sigterm_while_loading_ends_it_cleanly(slow: TinyVersion, tmp_path: Path) -> None:
    with running(slow, tmp_path) as server:
        while server.get("/healthz") is None:
            assert server.process.poll() is None
        server.terminate()
        assert server.wait_ended() == 0
        assert server.termination_log.read_text() == ""


async def test_overload_is_refused_while_the_probes_hold(slow: TinyVersion, tmp_path: Path) -> None:
    with running(slow, tmp_path, RECSYS_MAX_PENDING="3") as server:
        await asyncio.to_thread(server.wait_ready)
        async with aiohttp.ClientSession() as session:
            requests = [asyncio.create_task(ask(session, server)) for _ in range(40)]
            rounds = 0
            while not all(request.done() for request in requests):
                for path in ("/healthz", "/readyz"):
                    async with session.get(server.url + path) as probe:
                        assert probe.status == 200
                rounds += 1
            statuses = [status for status, _, _ in await asyncio.gather(*requests)]
    assert statuses.count(200) >= 3
    assert statuses.count(503) == 40 - statuses.count(200)
    assert rounds > 2 * statuses.count(200), "a probe must not wait for an inference"


def test_the_server_imports_no_training_stack() -> None:
    heavy = "{'torch', 'ray', 'transformers', 'onnx', 'pandas', 'pyarrow'}"
    code = f"import sys, recsys_workers.serve.__main__; sys.exit(str(sorted({heavy} & set(sys.modules))))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(WORKERS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr.strip() == "[]"
