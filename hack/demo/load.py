"""The demo's load: runs the load generator beside the demo and reads what it wrote, one JSON line a request."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.demo.kube import StepFailed, say
from hack.load import summary

OUTPUT = Path(".local/demo")
HISTORIES = Path(".local/data/ml-100k/ml-100k.inter")


@dataclass
class Load:
    """A constant load on the gateway."""

    name: str
    url: str
    host: str
    rate: int
    requests: int
    began: float = 0.0
    _process: subprocess.Popen[str] | None = None

    @property
    def path(self) -> Path:
        """Where the requests are written."""
        return OUTPUT / f"load-{self.name}.jsonl"

    def start(self) -> None:
        """Begins to send."""
        OUTPUT.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "hack.load.load", "--url", f"{self.url}/v1/recommend", "--host", self.host]
        command += ["--rate", str(self.rate), "--requests", str(self.requests), "--connections", "both"]
        command += ["--histories", str(HISTORIES), "--output", str(self.path)]
        say(f"   load «{self.name}»: {self.rate} requests a second, at most {self.requests}")
        self.began = time.time()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def finish(self, *, stop: bool = False) -> dict[str, Any]:
        """Waits for the end (or asks for it) and returns the summary."""
        assert self._process is not None
        if stop:
            self._process.send_signal(signal.SIGTERM)
        out, _ = self._process.communicate(timeout=300)
        if self._process.returncode not in (0, 1):
            raise StepFailed(f"the load generator ended with {self._process.returncode}: {out[-500:]}")
        found = dict(json.loads(out.strip().splitlines()[-1]))
        counts = f"{found['requests']} requests, {found['failed']} failed, by version {found['versions']}"
        say(f"   load «{self.name}»: {counts}")
        return found

    def abandon(self) -> None:
        """Ends a load that nobody waits for any more, after a step that failed."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def read(self) -> list[summary.Request]:
        """Every request that was written."""
        return list(summary.read([self.path]))

    def last_answer(self, version: int) -> float:
        """When the last answer of that version arrived."""
        return max(r.start + r.seconds for r in self.read() if r.version == version)

    def p99(self, version: int, before: float) -> float:
        """99th percentile of a version's latencies, in seconds, of requests that began before a moment."""
        latencies = sorted(r.seconds for r in self.read() if r.version == version and r.start < before)
        if not latencies:
            raise StepFailed(f"version {version} answered no request of load {self.name}")
        return summary.percentile(latencies, 0.99)
