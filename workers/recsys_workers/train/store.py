"""Waiting for a store that has answered before, and does not now: an outage of minutes costs no attempt."""

import logging
import os
import time
import uuid
from pathlib import Path

from recsys_workers.manifest import PARTIAL, write_file
from recsys_workers.train.fence import Fence

LOGGER = logging.getLogger(__name__)
PATIENCE_SECONDS = 600.0
PAUSE_SECONDS = 1.0
PROBE = ".store-probe"
PROBE_BYTES = 1 << 16
"""A store that is full still takes files without content, and some take small ones. A block is of 64 KiB at most in
what is common."""


class StoreUnreachable(Exception):
    """The store did not take a file for a long time. One text as its argument, so that Ray can carry it."""


def await_writable(folder: Path, seconds: float = PATIENCE_SECONDS) -> None:
    """Return once a file of some size can be written into the folder and deleted again.

    Raises StoreUnreachable after so long, also of a store that is full for so long.

    A store that hangs is waited for without an end: nobody can take back a call that the kernel holds.
    """
    began = time.monotonic()
    told = False
    while True:
        probe = folder / f"{PROBE}.{uuid.uuid4().hex}{PARTIAL}"
        try:
            write_file(probe, os.urandom(PROBE_BYTES))  # Zeros take no room where the store leaves holes.
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
