"""The clock of everything that must end in time: of this machine, set by nobody, running while the machine sleeps."""

import time


def clock() -> float:
    """Seconds since the machine started, those that it slept included; the same in all processes of a machine."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
