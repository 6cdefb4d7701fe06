"""A process with the memory of a pod: in a cgroup with a limit, where the kernel kills what goes beyond it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

ROOT = Path("/sys/fs/cgroup")
GONE_SECONDS = 60


class NoCgroups(Exception):
    """This machine lets nobody make a cgroup that counts memory."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A cgroup of version 1 or 2 with a limit."""

    folder: Path

    def run(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
        """Start a process in it; its output goes to the file."""
        entered = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(self.folder), *command]
        with log.open("wb") as output:
            return subprocess.Popen(entered, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)

    def held(self) -> int:
        """Bytes that cannot be taken from its processes: their own memory, and what they share in memory."""
        counted = self._numbers("memory.stat")
        if "anon" in counted:
            return counted["anon"] + counted["shmem"]
        return counted["total_rss"] + counted.get("total_shmem", 0)

    def kills(self) -> int:
        """How many processes the kernel has killed for their memory."""
        for name in ("memory.events", "memory.oom_control"):
            with suppress(OSError):
                return self._numbers(name)["oom_kill"]
        return 0

    def _numbers(self, name: str) -> dict[str, int]:
        return {key: int(value) for key, value in map(str.split, (self.folder / name).read_text().splitlines())}


@contextmanager
def pod(limit: int) -> Iterator[Pod]:
    """Make a cgroup with so many bytes, and end what still runs in it at the end; raises NoCgroups."""
    first, setting = (ROOT / "memory", "memory.limit_in_bytes"), (ROOT, "memory.max")
    parent, name = first if first[0].is_dir() else setting
    folder = parent / f"recsys-scale-{uuid4().hex[:8]}"
    try:
        folder.mkdir()
        (folder / name).write_text(str(limit))
        with suppress(OSError):  # without swap in the kernel there is no such file
            (folder / "memory.swappiness").write_text("0")
    except OSError as error:
        raise NoCgroups(f"A cgroup with a limit of memory cannot be made in {parent}: {error}.") from error
    try:
        yield Pod(folder)
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """End what runs in the cgroup; the kernel keeps it until the last process is gone."""
    end = time.monotonic() + GONE_SECONDS
    while True:
        for left in (folder / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(left), signal.SIGKILL)
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
