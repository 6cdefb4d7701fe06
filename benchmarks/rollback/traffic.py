"""A constant load through the gateway, and when it last got an answer of a version."""

import json
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

OUTPUT = Path(".local/bench/rollback")
WRITTEN_SECONDS = 2.0
"""The load writes its lines once a second: after this, what was answered at a moment stands in the file."""
MEMORY_SECONDS = 120.0


@dataclass
class Traffic:
    """A load on one host name, read from its file while it runs."""

    host: str
    url: str
    rate: int
    histories: Path
    requests: int = 0
    failed: int = 0
    _answers: deque[tuple[float, int]] = field(default_factory=deque, repr=False)
    """When each of the newest answers ended, and which version gave it."""
    _rest: str = field(default="", repr=False)
    _offset: int = field(default=0, repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def path(self) -> Path:
        """One JSON line a request."""
        return OUTPUT / f"{self.host}.jsonl"

    def start(self) -> None:
        """Send until stopped; half of the requests on new connections."""
        OUTPUT.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        command = [sys.executable, "-m", "hack.load.load", "--url", f"{self.url}/v1/recommend", "--host", self.host]
        command += ["--rate", str(self.rate), "--duration", "10800", "--connections", "both", "--progress", "3600"]
        command += ["--histories", str(self.histories), "--output", str(self.path)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        """End the load and read what it wrote last."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=60)
        self._read()

    def wait_for(self, version: int, seconds: float) -> None:
        """Wait until a version answers requests through the gateway from now on."""
        began = time.time()
        while self.last_answer(version, began, began + seconds) is None:
            if time.time() > began + seconds:
                raise TimeoutError(f"no answer of version {version} at {self.host} within {seconds:.0f} s")
            time.sleep(0.5)

    def last_answer(self, version: int, after: float, before: float) -> float | None:
        """When the last answer of a version between two moments of the last two minutes came; None without one."""
        self._read()
        return max((end for end, found in self._answers if found == version and after <= end <= before), default=None)

    def _read(self) -> None:
        if not self.path.exists():
            return
        with self.path.open() as file:
            file.seek(self._offset)
            text = self._rest + file.read()
            self._offset = file.tell()
        *lines, self._rest = text.split("\n")
        for line in lines:
            request = json.loads(line)
            self.requests += 1
            self.failed += request["failed"] is not None
            if request["version"] is not None:
                self._answers.append((request["start"] + request["seconds"], request["version"]))
        while self._answers and self._answers[0][0] < time.time() - MEMORY_SECONDS:
            self._answers.popleft()
