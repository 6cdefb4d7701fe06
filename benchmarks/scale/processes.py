"""A process whose memory is counted where no cgroup can be made: what it and all that it started hold.

Nothing ends what goes beyond a limit here, and what begins and loses its parent between two looks is missed.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
PARENT, STARTED = 0, 18
"""Of /proc/<pid>/stat, counted from behind the state: the parent, and the tick at which it began."""
KIB = 1024
GONE_SECONDS = 60


@dataclass(slots=True)
class Processes:
    """A process and its descendants."""

    known: dict[int, str] = field(default_factory=dict)
    """By the number of each process that was seen, when it began: a number comes again for another process."""

    def run(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
        """Start it; its output goes to the file."""
        with log.open("wb") as output:
            started = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        if found := alive().get(started.pid):
            self.known[started.pid] = found[1]
        return started

    def held(self) -> int:
        """Bytes of their own, and of what they share in memory each one's part of it."""
        return sum(_held(number) for number in self._living())

    def kills(self) -> int:
        """How many processes were killed for their memory, which nobody counts here: 0."""
        return 0

    def end(self) -> None:
        """End what still runs; raises TimeoutError."""
        end = time.monotonic() + GONE_SECONDS
        while living := self._living():
            if time.monotonic() > end:
                raise TimeoutError(f"The processes {sorted(living)} are still there {GONE_SECONDS} s after SIGKILL.")
            for number in living:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            time.sleep(0.1)

    def _living(self) -> list[int]:
        """Those that were seen or descend from them, but for the ended whose parent has not asked for them."""
        now = alive()
        self.known = {number: began for number, began in self.known.items() if now.get(number, ("", ""))[1] == began}
        grown = -1
        while grown != len(self.known):
            grown = len(self.known)
            self.known |= {number: began for number, (parent, began) in now.items() if int(parent) in self.known}
        return list(self.known)


def alive() -> dict[int, tuple[str, str]]:
    """By the number of each process that has not ended its parent and its beginning."""
    found = {}
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):
            state, *words = (folder / "stat").read_text().rpartition(")")[2].split()
            if state != "Z":
                found[int(folder.name)] = (words[PARENT], words[STARTED])
    return found


def _held(number: int) -> int:
    """Proportional bytes of one process, without those of files on a disk; 0 when it is gone."""
    try:
        lines = (PROC / str(number) / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0
    sizes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    if "Pss_Anon" in sizes:
        return (sizes["Pss_Anon"] + sizes["Pss_Shmem"]) * KIB
    return sizes["Pss"] * KIB


@contextmanager
def processes() -> Iterator[Processes]:
    """Begin with none, and end all at the end."""
    made = Processes()
    try:
        yield made
    finally:
        made.end()
