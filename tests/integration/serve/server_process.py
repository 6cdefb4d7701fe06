"""A real server process on loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

WORKERS = Path(__file__).parents[3] / "workers"
PATIENCE = 60.0


class Served(Protocol):
    """A version, wherever it comes from."""

    def environment(self, **other: str) -> dict[str, str]:
        """The environment of a server pod."""
        ...


@dataclass
class ServerProcess:
    """`python -m recsys_workers.serve` and where it listens."""

    process: subprocess.Popen[bytes]
    url: str
    termination_log: Path

    def get(self, path: str) -> httpx.Response | None:
        """The response, None when nothing listens."""
        try:
            return httpx.get(self.url + path, timeout=10)
        except httpx.TransportError:
            return None

    def wait_ready(self) -> None:
        """Return once /readyz answers 200."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            answer = self.get("/readyz")
            if answer is not None and answer.status_code == 200:
                return
            time.sleep(0.02)
        raise AssertionError(f"The server did not become ready; its exit code is {self.process.poll()}.")

    def wait_ended(self) -> int:
        """The exit code."""
        return self.process.wait(PATIENCE)

    def terminate(self) -> None:
        """SIGTERM, as the kubelet sends it."""
        self.process.send_signal(signal.SIGTERM)

    def termination(self) -> dict[str, Any]:
        """What it wrote to the termination log."""
        content: dict[str, Any] = json.loads(self.termination_log.read_text())
        return content


@contextmanager
def running(version: Served, folder: Path, **environment: str) -> Iterator[ServerProcess]:
    """Start a server of the version; it is killed at the end if it still runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "termination-log"
    log.touch()
    settings = version.environment(
        RECSYS_HOST="127.0.0.1", RECSYS_PORT=str(port), RECSYS_TERMINATION_LOG=str(log), PYTHONPATH=str(WORKERS)
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "recsys_workers.serve"], env={**os.environ, **settings, **environment}
    )
    try:
        yield ServerProcess(process, f"http://127.0.0.1:{port}", log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
