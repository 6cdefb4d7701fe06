"""The load generator against a real server: what it counts is what happened."""

import asyncio
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hack.load import histories
from hack.load.addresses import ForbiddenTarget, check
from hack.load.summary import Request, percentile, read, table
from tests.integration.serve.server_process import running
from tests.unit.workers.serve.tiny_version import write_version

ROOT = Path(__file__).parents[3]


def start(url: str, output: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hack.load.load", "--url", f"{url}/v1/recommend", "--items", "30"]
    command += ["--output", str(output), *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def summary_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=60)
    summary: dict[str, Any] = json.loads(out)
    return summary


def test_every_request_is_written_and_counted(tmp_path: Path) -> None:
    output = tmp_path / "load.jsonl"
    with running(write_version(tmp_path / "claims"), tmp_path) as server:
        server.wait_ready()
        load = start(server.url, output, "--rate", "100", "--requests", "201", "--connections", "both")
        summary = summary_of(load)
        metrics = server.get("/metrics")
    assert (load.returncode, summary["requests"], summary["failed"]) == (0, 201, 0)
    assert summary["versions"] == {"4": 201}
    assert summary["seconds"] == pytest.approx(2, abs=1)
    assert metrics is not None
    assert 'recsys_requests_total{code="200",model="movies",version="4"} 201.0' in metrics.text
    requests = list(read([output]))
    assert [request.connection for request in requests].count("new") == 100
    assert sum(row.requests for row in table(requests)) == 201
    dues = sorted(request.start for request in requests)
    assert all(abs(later - earlier - 0.01) < 1e-3 for earlier, later in pairwise(dues))


def test_a_killed_server_is_counted_as_failures(tmp_path: Path) -> None:
    output = tmp_path / "load.jsonl"
    with running(write_version(tmp_path / "claims"), tmp_path) as server:
        server.wait_ready()
        load = start(server.url, output, "--rate", "200", "--duration", "60")
        while not output.exists() or not output.read_text():
            assert load.poll() is None
        server.process.kill()
        server.process.wait()
        written = len(output.read_text())
        while len(output.read_text()) == written:
            assert load.poll() is None
        load.terminate()
        summary = summary_of(load)
    assert load.returncode == 1
    assert summary["failed"] == sum(summary["reasons"].values()) > 0
    assert set(summary["reasons"]) <= {"Refused", "Reset", "Disconnected", "Truncated"}
    assert summary["failed"] == sum(request.failed is not None for request in read([output]))


async def test_refusals_and_empty_answers_are_failures(tmp_path: Path) -> None:
    answers = iter([b"503 Service Unavailable\r\nContent-Length: 0", b"200 OK\r\nContent-Length: 2", b""] * 10)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = next(answers)
        if head:
            writer.write(b"HTTP/1.1 " + head + b"\r\n\r\n" + (b"{}" if b"200" in head else b""))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as target:
        url = f"http://127.0.0.1:{target.sockets[0].getsockname()[1]}"
        options = ("--requests", "9", "--rate", "20", "--connections", "new")
        load = await asyncio.to_thread(start, url, tmp_path / "load.jsonl", *options)
        summary = await asyncio.to_thread(summary_of, load)
    assert summary["failed"] == summary["requests"] == 9
    assert summary["reasons"].pop("Status503") == 3
    assert summary["reasons"].pop("BadBody") == 3
    assert set(summary["reasons"]) <= {"Disconnected", "Reset"}


def test_a_load_stops_at_its_stop_file(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    options = ("--duration", "60", "--stop-file", str(tmp_path / "stop"))
    load = start("http://127.0.0.1:9", tmp_path / "load.jsonl", *options)
    assert summary_of(load)["seconds"] < 30


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "https://127.0.0.1/", "http://[2001:4860:4860::8888]/", "x"])
def test_only_this_machine_and_clusters_are_loaded(url: str) -> None:
    with pytest.raises(ForbiddenTarget):
        check(url)


def test_cluster_addresses_are_allowed() -> None:
    for url in ("http://127.0.0.1:80/", "http://10.96.0.10/", "http://[::1]:80/", "http://localhost/"):
        check(url)


def test_recbole_histories_are_in_time_order_and_keep_the_order_of_ties(tmp_path: Path) -> None:
    path = tmp_path / "tiny.inter"
    path.write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
        "u\t9\t1\t20\nu\t7\t1\t10\nv\t1\t1\t5\nu\t3\t1\t10\nu\t8\t1\t30\n"
    )
    assert histories.read(path, 3) == [["3", "9", "8"], ["1"]]
    body = json.loads(histories.bodies(histories.read(path, 3), 5)[0])
    assert body == {"userId": "load-0", "history": [{"id": "3"}, {"id": "9"}, {"id": "8"}], "k": 5}


def test_the_table_is_by_second_and_version() -> None:
    requests = [Request(100.0 + number / 100, number / 1000, 200, number % 2, None, "keep") for number in range(200)]
    requests.append(Request(100.5, 3.0, 0, None, "Timeout", "new"))
    rows = table(requests)
    assert [(row.time, row.version, row.requests, row.failed) for row in rows] == [
        (100, None, 1, 1),
        (100, 0, 50, 0),
        (100, 1, 50, 0),
        (101, 0, 50, 0),
        (101, 1, 50, 0),
    ]
    assert rows[1].p50 == 0.048
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.99) == 4.0
