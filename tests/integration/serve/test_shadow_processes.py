"""Two real servers: one answers clients and copies to the other, which compares; whatever the other does."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest
from tests.integration.serve.server_process import PATIENCE, ServerProcess, running
from tests.unit.workers.serve.tiny_version import TinyVersion, embedding_of, write_version

STABLE, CANARY = "0123456789abcdef", "fedcba9876543210"
TOKEN = "q7-" * 14


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> TinyVersion:
    """What stable serves."""
    return write_version(tmp_path_factory.mktemp("stable"))


@pytest.fixture
def shadow_file(tmp_path: Path) -> Path:
    """Where the ConfigMap would be projected; there is none yet."""
    return tmp_path / "shadow.json"


@pytest.fixture
def stable(version: TinyVersion, shadow_file: Path, tmp_path: Path) -> Iterator[ServerProcess]:
    """The server that clients ask."""
    folder = tmp_path / "stable"
    folder.mkdir()
    with running(version, folder, RECSYS_REVISION=STABLE, RECSYS_SHADOW_FILE=str(shadow_file)) as server:
        server.wait_ready()
        yield server


def figures(server: ServerProcess) -> dict[str, float]:
    """All series without `stable`, `model` and `version` in their names."""
    answer = server.get("/metrics")
    assert answer is not None
    found: dict[str, float] = {}
    for line in answer.text.splitlines():
        if not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            name, _, labels = series.partition("{")
            reason = labels.partition('reason="')[2].partition('"')[0]
            found[f"{name}/{reason}" if reason else name] = float(value)
    return found


def copy_to(url: str, shadow_file: Path, stable: ServerProcess, *, percent: int = 100) -> None:
    """Tell stable, as the ConfigMap does, and wait until it knows."""
    content = {"url": f"{url}/shadow", "from": STABLE, "to": CANARY, "percent": percent, "token": TOKEN}
    shadow_file.write_text(json.dumps(content) if percent else "{}")
    deadline = time.monotonic() + PATIENCE
    while figures(stable)["recsys_shadow_percent"] != percent:
        assert time.monotonic() < deadline


def wait_admitted(shadow: ServerProcess, status: int = 200) -> None:
    """Wait until the shadow has read the file, too, or that it is none; a batch without samples leaves no figure."""
    deadline = time.monotonic() + PATIENCE
    batch, headers = {"to": CANARY, "stable": 3, "samples": []}, {"Authorization": f"Bearer {TOKEN}"}
    while httpx.post(f"{shadow.url}/shadow", json=batch, headers=headers).status_code != status:
        assert time.monotonic() < deadline


def ask(server: ServerProcess, count: int) -> list[dict[str, object]]:
    """So many answers; every one is a 200 with ten items."""
    answers = []
    with httpx.Client(timeout=10) as client:
        for number in range(count):
            body = {"history": [{"id": str(1 + number % 30)}, {"id": str(1 + number * 7 % 30)}]}
            response = client.post(f"{server.url}/v1/recommend", json=body)
            assert response.status_code == 200
            answers.append(response.json()["items"])
    assert all(len(items) == 10 for items in answers)
    return answers


def compared(shadow: ServerProcess, count: int) -> dict[str, float]:
    """The shadow's figures once it has compared so many."""
    deadline = time.monotonic() + PATIENCE
    while (found := figures(shadow)).get("recsys_shadow_samples_total", 0) < count:
        assert time.monotonic() < deadline
    return found


def mean(found: dict[str, float], name: str) -> float:
    """The mean of a histogram."""
    return found[f"recsys_shadow_{name}_sum"] / found[f"recsys_shadow_{name}_count"]


def test_the_same_model_agrees_with_itself_and_another_does_not(
    version: TinyVersion, stable: ServerProcess, shadow_file: Path, tmp_path: Path
) -> None:
    other = write_version(tmp_path / "other", embedding=embedding_of(30, seed=8))
    for candidate, agrees in ((version, True), (other, False)):
        folder = tmp_path / ("same" if agrees else "different")
        folder.mkdir()
        with running(candidate, folder, RECSYS_REVISION=CANARY, RECSYS_SHADOW_FILE=str(shadow_file)) as shadow:
            shadow.wait_ready()
            copy_to(shadow.url, shadow_file, stable)
            wait_admitted(shadow)
            ask(stable, 120)
            found = compared(shadow, 120)
            copy_to(shadow.url, shadow_file, stable, percent=0)
            ask(stable, 5)
        assert found["recsys_shadow_samples_total"] == 120
        assert found["recsys_shadow_failures_total"] == 0
        assert found["recsys_shadow_coverage_count"] == 1
        assert found["recsys_request_duration_seconds_count"] == 0, "a copy is no request of a client"
        for name in ("overlap", "rank_biased_overlap", "kendall_concordance"):
            assert mean(found, name) == pytest.approx(1) if agrees else mean(found, name) < 0.95, name
    after = figures(stable)
    assert after["recsys_shadow_sent_total"] == 240
    assert {
        name: value for name, value in after.items() if name.startswith("recsys_shadow_lost_total/") and value
    } == {}


def test_a_server_that_was_told_another_token_moves_no_figure(
    version: TinyVersion, stable: ServerProcess, shadow_file: Path, tmp_path: Path
) -> None:
    folder, other = tmp_path / "canary", tmp_path / "other.json"
    folder.mkdir()
    with running(version, folder, RECSYS_REVISION=CANARY, RECSYS_SHADOW_FILE=str(other)) as shadow:
        shadow.wait_ready()
        copy_to(shadow.url, shadow_file, stable)
        other.write_text(shadow_file.read_text())
        wait_admitted(shadow)
        other.write_text(shadow_file.read_text().replace(TOKEN, "another-" * 5))
        wait_admitted(shadow, 401)
        deadline = time.monotonic() + PATIENCE
        while not figures(stable)["recsys_shadow_lost_total/Refused"]:
            ask(stable, 1)
            assert time.monotonic() < deadline
        ask(stable, 20)
        assert not [name for name in figures(shadow) if name.startswith("recsys_shadow_samples")]


def test_a_hanging_shadow_and_a_dead_one_cost_no_request(stable: ServerProcess, shadow_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        copy_to(url, shadow_file, stable)
        ask(stable, 300)
        found = figures(stable)
        assert found["recsys_shadow_lost_total/QueueFull"] > 100, "the queue is bounded, and what is lost is counted"
        assert found["recsys_shadow_sent_total"] == 0
    copy_to("http://127.0.0.1:9", shadow_file, stable)
    ask(stable, 100)
    deadline = time.monotonic() + PATIENCE
    while not figures(stable)["recsys_shadow_lost_total/Unreachable"]:
        ask(stable, 1)
        assert time.monotonic() < deadline
    assert figures(stable)["recsys_request_errors_total"] == 0


def test_a_stable_server_ends_while_its_shadow_hangs(stable: ServerProcess, shadow_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        copy_to(f"http://127.0.0.1:{hanging.getsockname()[1]}", shadow_file, stable)
        ask(stable, 20)
        stable.terminate()
        assert stable.wait_ended() == 0


async def test_copies_do_not_delay_a_revision_that_serves(
    version: TinyVersion, stable: ServerProcess, shadow_file: Path, tmp_path: Path
) -> None:
    """The former shadow gets real requests while copies still arrive: each is answered, none is refused."""
    folder = tmp_path / "canary"
    folder.mkdir()
    settings = {"RECSYS_REVISION": CANARY, "RECSYS_SHADOW_FILE": str(shadow_file), "RECSYS_MAX_PENDING": "2"}
    with running(version, folder, **settings) as canary:
        await asyncio.to_thread(canary.wait_ready)
        await asyncio.to_thread(copy_to, canary.url, shadow_file, stable)
        statuses: list[int] = []
        stop = asyncio.Event()

        async def load(server: ServerProcess, seen: list[int]) -> None:
            async with aiohttp.ClientSession() as session:
                while not stop.is_set():
                    async with session.post(f"{server.url}/v1/recommend", json={"history": [{"id": "3"}]}) as response:
                        await response.read()
                        seen.append(response.status)

        loads = [asyncio.create_task(load(stable, [])), asyncio.create_task(load(canary, statuses))]
        await asyncio.to_thread(compared, canary, 200)
        stop.set()
        await asyncio.gather(*loads)
    assert len(statuses) > 10
    assert set(statuses) == {200}
