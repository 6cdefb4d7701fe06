"""What a client sees: the candidate behind the real server on loopback, asked by one client after the other."""

import http.client
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recsys_workers import locations

START_SECONDS = 120.0
STOP_SECONDS = 10.0
WARM_UP = 30
SESSIONS = 3
"""Noise of the machine only ever adds to a latency: a slow session is repeated, and the fastest one counts."""
CANDIDATE_CLAIM = "_candidate"
"""Not a name that a claim can have, so it hides none."""


class ServerBroken(RuntimeError):
    """The server does not start or does not answer, which says nothing about the model's quality."""


@dataclass(frozen=True, slots=True)
class Question:
    """One real user's request and the list that the evaluation ranked for it: item ids and their scores."""

    history: list[str]
    expected: list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, and what is wrong with its answer: a sentence, or None."""

    path: str
    body: bytes
    difference: Callable[[dict[str, Any]], str | None]


def of_list(question: Question, k: int, tolerance: float) -> Ask:
    """Ask for the first k items; the list is right when at each rank the item is, or the scores are within tolerance.

    The request does not say whether items that a user had are to be left out: most clients do not, and the version's
    own default must be what was evaluated.
    """

    def difference(answer: dict[str, Any]) -> str | None:
        served = [(item["id"], item["score"]) for item in answer["items"]]
        found = first_difference(question.expected[:k], served, tolerance)
        return f"a user with {len(question.history)} items: {found}" if found else None

    body = json.dumps({"history": [{"id": item} for item in question.history], "k": k}).encode()
    return Ask("/v1/recommend", body, difference)


@dataclass(slots=True)
class Session:
    """What one client measured."""

    milliseconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    compared: int = 0
    sessions: int = 1
    """How many sessions were measured; this is the fastest."""

    def percentile(self, share: float) -> float:
        """The nearest-rank percentile; inf when nothing was measured."""
        ordered = sorted(self.milliseconds)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.inf


def measure(
    candidate: Path,
    environment: Mapping[str, str],
    asks: Sequence[Ask],
    *,
    good_enough: float,
) -> Session:
    """Serve `candidate` (a version's folder) with `python -m recsys_workers.serve` and one thread; ask everything.

    Sessions end with the first whose 99th percentile is at most `good_enough` milliseconds; the fastest is returned,
    unless one of them found an error or another list, which no repetition excuses.

    `environment` holds the RECSYS_* variables that describe the version.
    """
    with tempfile.TemporaryDirectory(prefix="latency-") as scratch:
        port = _free_port()
        (Path(scratch) / CANDIDATE_CLAIM).symlink_to(candidate.resolve())
        root = Path(os.environ.get("RECSYS_PVC_ROOT", locations.DEFAULT_ROOT))
        for claim in root.iterdir() if root.is_dir() else ():
            (Path(scratch) / claim.name).symlink_to(claim)
        log = Path(scratch) / "server.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                [sys.executable, "-m", "recsys_workers.serve"],
                env={
                    **os.environ,
                    **environment,
                    "RECSYS_PVC_ROOT": scratch,
                    "RECSYS_ARTIFACT_URI": f"{locations.SCHEME}{CANDIDATE_CLAIM}",
                    "RECSYS_THREADS": "1",
                    "OMP_NUM_THREADS": "1",
                    "RECSYS_HOST": "127.0.0.1",
                    "RECSYS_PORT": str(port),
                    "RECSYS_DRAIN_SECONDS": "1",
                    "RECSYS_TERMINATION_LOG": f"{scratch}/termination",
                },
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_until_ready(server, port, log)
            return best_session(lambda: _ask_all(port, asks), good_enough)
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def best_session(ask: Callable[[], Session], good_enough: float) -> Session:
    """Repeat slow sessions and return the fastest; see `measure`."""
    best = Session()
    for number in range(1, SESSIONS + 1):
        session = ask()
        if session.errors or session.different:
            return session
        if session.percentile(0.99) < best.percentile(0.99):
            best = session
        best.sessions = number
        if best.percentile(0.99) <= good_enough:
            break
    return best


def _ask_all(port: int, asks: Sequence[Ask]) -> Session:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    session = Session()
    for ask in asks[:WARM_UP]:
        _answer(connection, ask)
    for ask in asks:
        started = time.perf_counter()
        status, answer = _answer(connection, ask)
        session.milliseconds.append((time.perf_counter() - started) * 1000)
        if status != 200:
            session.errors.append(f"{status} {answer[:300].decode(errors='replace')}")
            continue
        session.compared += 1
        if difference := ask.difference(json.loads(answer)):
            session.different.append(difference)
    connection.close()
    return session


def first_difference(
    expected: list[tuple[str, float]], served: list[tuple[str, float]], tolerance: float
) -> str | None:
    """The first place where a served list is not the evaluated one, as a sentence; None when they are equal."""
    if len(expected) != len(served):
        return f"{len(served)} items were served where {len(expected)} were evaluated."
    own = dict(expected)
    for rank, ((item, score), (served_item, served_score)) in enumerate(zip(expected, served, strict=True), start=1):
        if max(abs(score - served_score), abs(own.get(served_item, served_score) - served_score)) > tolerance:
            return f"at rank {rank}, {served_item} with {served_score} was served where {item} has {score}."
    left_out = {item for item, score in expected if score > expected[-1][1] + tolerance} - {item for item, _ in served}
    return f"{', '.join(sorted(left_out))} were not served." if left_out else None


def _answer(connection: http.client.HTTPConnection, ask: Ask) -> tuple[int, bytes]:
    try:
        connection.request("POST", ask.path, ask.body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return 0, str(error).encode()


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            tail = log.read_text(errors="replace")[-1500:]
            raise ServerBroken(
                f"The server exited with {server.returncode} before it was ready. Its last words: {tail}"
            )
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise ServerBroken(f"The server was not ready within {START_SECONDS:.0f} s.")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
