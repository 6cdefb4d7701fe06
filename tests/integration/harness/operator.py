"""The real operator as a process of its own."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import aiohttp
from tests.integration.harness.binaries import ROOT
from tests.integration.harness.processes import Process, lasting_port

TOKEN = "a-token-of-the-tests"
TRAINER_IMAGE = "localhost/recsys-trainer:test"
SERVER_IMAGE = "localhost/recsys-server:test"


class Operator:
    """`python -m recsys_operator` against a kubeconfig. It can be killed and started again, on the same ports."""

    def __init__(self, directory: Path, kubeconfig: Path, namespaces: tuple[str, ...] = (), **variables: str) -> None:
        self.directory = directory
        self.log = directory / "operator.log"
        tokens = directory / "tokens"
        tokens.mkdir(parents=True, exist_ok=True)
        (tokens / "token").write_text(TOKEN + "\n")
        self.metrics_port, self.alerts_port = lasting_port(), lasting_port()
        self.variables = {
            "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": str(ROOT / "operator"),
            "RECSYS_TRAINER_IMAGE": TRAINER_IMAGE,
            "RECSYS_SERVER_IMAGE": SERVER_IMAGE,
            "RECSYS_WATCH_NAMESPACES": ",".join(namespaces),
            "RECSYS_ALERT_TOKEN_DIR": str(tokens),
            "RECSYS_ADDRESS": "127.0.0.1",
            "RECSYS_METRICS_PORT": str(self.metrics_port),
            "RECSYS_ALERTS_PORT": str(self.alerts_port),
            **variables,
        }
        self.process: Process | None = None
        self._log_offset = 0

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.running

    @property
    def pid(self) -> int:
        """Process id of the latest start."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it; does not wait."""
        assert not self.running
        self._log_offset = self.log.stat().st_size if self.log.exists() else 0
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        assignments = [f"{name}={value}" for name, value in {**inherited, **self.variables}.items()]
        command: list[str | Path] = ["env", "-i", *assignments, sys.executable, "-m", "recsys_operator"]
        self.process = Process("operator", command, self.log)

    @property
    def ready(self) -> bool:
        """Whether the latest start has taken in the state of the cluster."""
        return self.running and self.said("ready")

    def said(self, message: str) -> bool:
        """Whether the latest start has logged this message."""
        with self.log.open("rb") as log:
            log.seek(self._log_offset)
            return f'"message": "{message}"'.encode() in log.read()

    def pause(self) -> None:
        """SIGSTOP: it does nothing more, and does not know it."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        if self.process is not None:
            self.process.kill()

    async def terminate(self, seconds: float = 30) -> int:
        """SIGTERM; the exit code. An error when it takes longer than the grace that a pod has."""
        assert self.process is not None
        begin = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        while self.process.running:
            if time.monotonic() > begin + seconds:
                raise AssertionError(f"the operator did not end within {seconds:g} s of SIGTERM:\n{self.tail()}")
            await asyncio.sleep(0.01)
        return self.process.exit_code

    async def health(self) -> tuple[int, str]:
        """Status and text of /healthz; 0 when nobody answers."""
        return await self._ask(self.metrics_port, "/healthz")

    async def metrics(self) -> str:
        """All metrics."""
        return (await self._ask(self.metrics_port, "/metrics"))[1]

    async def until_ready(self, seconds: float = 60) -> None:
        """Wait until it has taken in the state of the cluster."""
        end = time.monotonic() + seconds
        while not self.ready:
            if not self.running or time.monotonic() > end:
                raise AssertionError(f"the operator was not ready within {seconds:g} s:\n{self.tail()}")
            await asyncio.sleep(0.05)

    async def until_standing_by(self, seconds: float = 60) -> None:
        """Wait until it has found another replica that leads."""
        end = time.monotonic() + seconds
        while not self.said("standing by"):
            if not self.running or time.monotonic() > end:
                raise AssertionError(f"the operator did not stand by within {seconds:g} s:\n{self.tail()}")
            await asyncio.sleep(0.05)

    async def ended(self, seconds: float = 60) -> int:
        """Wait until it has ended by itself; the exit code."""
        assert self.process is not None
        end = time.monotonic() + seconds
        while self.running:
            if time.monotonic() > end:
                raise AssertionError(f"the operator did not end within {seconds:g} s:\n{self.tail()}")
            await asyncio.sleep(0.05)
        return self.process.exit_code

    def resident_megabytes(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def tail(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def post_alert(self, *alerts: dict[str, object]) -> int:
        """Post as Alertmanager does; 0 when nobody answers."""
        body = {"version": "4", "status": "firing", "receiver": "recsys-operator", "alerts": list(alerts)}
        url = f"http://127.0.0.1:{self.alerts_port}/alerts"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        timeout = aiohttp.ClientTimeout(total=10)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, json=body, headers=headers) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    @staticmethod
    async def _ask(port: int, path: str) -> tuple[int, str]:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(f"http://127.0.0.1:{port}{path}") as answer,
            ):
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""
