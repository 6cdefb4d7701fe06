"""Waiting for a store that has answered before, and does not now: an outage of minutes costs no attempt."""

import logging
import os
import time
from pathlib import Path

from recsys_workers.manifest import write_file
from recsys_workers.train.fence import Fence

LOGGER = logging.getLogger(__name__)
PATIENCE_SECONDS = 600.0
PAUSE_SECONDS = 1.0
PROBE = ".store-probe"


class StoreUnreachable(Exception):
    """The store did not take a file for a long time. One text as its argument, so that Ray can carry it."""


def await_writable(folder: Path, seconds: float = PATIENCE_SECONDS) -> None:
    """Return once a file can be written into the folder and deleted again; raises StoreUnreachable after so long.

    A store that hangs is waited for without an end: nobody can take back a call that the kernel holds.
    """
    began = time.monotonic()
    told = False
    while True:
        probe = folder / f"{PROBE}.{os.getpid()}"
        try:
            write_file(probe, b"")
            probe.unlink()
        except OSError as error:
            waited = time.monotonic() - began
            if waited >= seconds:
                raise StoreUnreachable(f"The store has not taken a file for {waited:.0f} s: {error}.") from error
            if not told:
                LOGGER.warning("the store takes no file, which is waited for at most %.0f s: %s", seconds, error)
            told = True
            time.sleep(PAUSE_SECONDS)
            continue
        if told:
            LOGGER.info("the store takes files again, after %.0f s", time.monotonic() - began)
        return


def await_turn(folder: Path, fence: Fence) -> None:
    """Before something is kept in the run's folder: return once the store takes it, if the attempt is still the newest.

    Raises StoreUnreachable and Superseded.
    """
    await_writable(folder)
    fence.require()
