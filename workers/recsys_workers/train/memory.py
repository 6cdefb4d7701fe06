"""This container's memory: its limit, and what the kernel killed for it.

That may be a process of Ray's among others, by which no pod ends.
"""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def kills(cgroup: Path = CGROUP) -> int:
    """How many processes so far, as the container's own cgroup counts them, of version 2 or 1; 0 where none counts."""
    for place in (cgroup / "memory.events", cgroup / "memory" / "memory.oom_control"):
        try:
            counted = dict(line.split() for line in place.read_text().splitlines())
            return int(counted.get("oom_kill", 0))
        except (OSError, ValueError):
            continue
    return 0


def limit(cgroup: Path = CGROUP) -> int:
    """How many bytes the container may use: its own cgroup's limit, of version 2 or 1, or what the machine has."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for place in (cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes"):
        try:
            return min(machine, int(place.read_text()))
        except (OSError, ValueError):  # "max" is no number
            continue
    return machine
