"""One attempt of the trainer in a pod of limited memory: how much it held, and how long each stage took."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.scale.pod import NoCgroups, Pod, pod
from benchmarks.scale.processes import Processes, processes

EVERY_SECONDS = 0.1
TOLD = re.compile(rb'"progress": \{.*?"stage": "(\w+)"(?:.*?"message": "([^"]*)")?')
ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Stage:
    """What was seen while the trainer said that it is in this stage."""

    name: str
    seconds: float
    peak: int
    """Bytes that all processes together held."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The attempt as a whole."""

    code: int
    killed: int
    """How many processes the kernel killed for their memory."""
    unlimited: str
    """Why nothing ended what went beyond the limit, so that `peak` is to be compared with it; empty where it did."""
    stages: list[Stage]
    log: str

    @property
    def peak(self) -> int:
        """The most that all processes together held."""
        return max(stage.peak for stage in self.stages)


def measured(document: dict[str, Any], folder: Path, limit: int, **variables: str) -> Measured:
    """Run the trainer by this run.json, whose claims are folders of `folder`, with so many bytes of memory.

    Where no cgroup can be made its processes are only counted.
    """
    config, log = folder / "run.json", folder / "attempt.log"
    config.write_text(json.dumps(document))
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "workers"),
        "RECSYS_PVC_ROOT": str(folder),
        "RECSYS_RUN_CONFIG": str(config),
        "RECSYS_THREADS": "1",
        "RECSYS_LOG_LEVEL": "DEBUG",
        "RECSYS_TERMINATION_LOG": str(folder / "termination"),
        **variables,
    }
    stages = [Stage("Starting", 0.0, 0)]
    began = time.monotonic()
    with _counted(limit) as (held, unlimited):
        process = held.run([sys.executable, "-m", "recsys_workers.train"], environment, log)
        with log.open("rb") as lines:
            while True:
                code = process.poll()
                for name in _stages(lines.read()):
                    if name != stages[-1].name:
                        stages.append(Stage(name, 0.0, 0))
                now = time.monotonic()
                stages[-1].seconds += now - began
                stages[-1].peak = max(stages[-1].peak, held.held())
                began = now
                if code is not None:
                    return Measured(code, held.kills(), unlimited, stages, log.read_text(errors="replace"))
                time.sleep(EVERY_SECONDS)


@contextmanager
def _counted(limit: int) -> Iterator[tuple[Pod | Processes, str]]:
    """Where the trainer is to run, and why there is no limit."""
    with ExitStack() as made:
        held: Pod | Processes
        try:
            held, unlimited = made.enter_context(pod(limit)), ""
        except NoCgroups as error:
            held, unlimited = made.enter_context(processes()), str(error)
        yield held, unlimited


def _stages(text: bytes) -> list[str]:
    return [found[1].decode() for found in TOLD.finditer(text)]
