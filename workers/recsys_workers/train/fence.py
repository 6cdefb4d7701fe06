"""Which attempt of a run may write: the newest one. An older one that wakes up again finds that out, and ends.

The lock of `publish.only_attempt` keeps attempts apart, but it is the file system's: a server that takes a silent
client for dead gives the lock away, and the client does not know. So each attempt writes its own name into the lock's
file, and looks right before it writes what another attempt, or a server of versions, would read.
"""

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

LOCK = "attempt.lock"


class Superseded(Exception):
    """A newer attempt of the run has begun. One text as its argument, so that Ray can carry it between processes."""


@dataclass(frozen=True, slots=True)
class Fence:
    """One attempt's name in the lock's file."""

    file: Path
    name: str

    def holds(self) -> bool:
        """Whether this attempt is still the newest; raises OSError where the store does not answer."""
        return self.file.read_text() == self.name

    def require(self) -> None:
        """Raise Superseded where a newer attempt has the run; OSError where the store does not answer."""
        if not self.holds():
            raise Superseded(
                f"A newer attempt of this run has begun, as {self.file} says: this one was taken for dead, and ends "
                "without writing anything more."
            )


def fence_of(settings: Mapping[str, Any]) -> Fence:
    """By what Ray's worker knows whether its attempt is still the newest one."""
    return Fence(Path(settings["folder"]) / LOCK, settings["attempt"])


def signed(lock: TextIO, file: Path) -> Fence:
    """Write a name that no other attempt has into the file that this process has locked."""
    name = f"{socket.gethostname()} {uuid.uuid4().hex}\n"
    lock.truncate(0)
    lock.write(name)
    lock.flush()
    os.fsync(lock.fileno())
    return Fence(file, name)
