"""Waiting for a store that has answered before, and does not now: an outage of minutes costs no attempt.

Where nobody waits for it, what to say.
"""

import errno
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from recsys_workers.data.errors import AWAY, FULL
from recsys_workers.manifest import PARTIAL, write_file
from recsys_workers.train.failure import AttemptFailed
from recsys_workers.train.fence import Fence

LOGGER = logging.getLogger(__name__)
PATIENCE_SECONDS = 600.0
PAUSE_SECONDS = 1.0
PROBE = ".store-probe"
PROBE_BYTES = 1 << 16
"""A store that is full still takes files without content, and some take small ones. A block is of 64 KiB at most in
what is common."""
OF_THE_FILE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL}
"""What an OSError says that will be so a moment later too: there is no such file, or it is damaged. The last one is of
a place before the file's beginning, which a damaged file may name."""

Found = TypeVar("Found")


class StoreUnreachable(Exception):
    """The store did not take or give a file for a long time. One text as its argument, so that Ray can carry it."""


def await_writable(folder: Path, seconds: float = PATIENCE_SECONDS) -> None:
    """Return once a file of some size can be written into the folder and deleted again.

    Raises StoreUnreachable after so long, also of a store that is full for so long. A store that hangs is waited for
    without an end: nobody can take back a call that the kernel holds.
    """

    def probe() -> None:
        file = folder / f"{PROBE}.{uuid.uuid4().hex}{PARTIAL}"
        write_file(file, os.urandom(PROBE_BYTES))  # Zeros take no room where the store leaves holes.
        file.unlink()

    until(probe, "taken a file", seconds, lambda error: isinstance(error, OSError))


def patiently(read: Callable[[], Found], said: str, seconds: float = PATIENCE_SECONDS) -> Found:
    """What `read` gives, once the store answers; `said` is what it has not done until then, such as `given <file>`.

    Raises StoreUnreachable after so long, and at once what tells of the file and not of the store.
    """
    return until(read, said, seconds, lambda error: isinstance(error, OSError) and error.errno not in OF_THE_FILE)


def until(call: Callable[[], Found], said: str, seconds: float, passes: Callable[[Exception], bool]) -> Found:
    """What `call` gives, as soon as it raises nothing that passes; StoreUnreachable after so long."""
    began = time.monotonic()
    try:
        return waited_for(call, said, f"the store has not {said}, which", seconds, passes)
    except Exception as error:
        if not passes(error):
            raise
        waited = time.monotonic() - began
        raise StoreUnreachable(
            f"The store has not {said} for {waited:.0f} s: {error}. See that the RecModel's spec.storage answers "
            "and has room."
        ) from error


def waited_for(
    call: Callable[[], Found], said: str, what: str, seconds: float, passes: Callable[[Exception], bool]
) -> Found:
    """What `call` gives, as soon as it raises nothing that passes; after so long it is raised. `what` is waited for."""
    began = time.monotonic()
    told = False
    while True:
        try:
            found = call()
        except Exception as error:
            if not passes(error) or time.monotonic() - began >= seconds:
                raise
            if not told:
                LOGGER.warning("%s is waited for at most %.0f s: %s", what, seconds, error)
            told = True
            time.sleep(PAUSE_SECONDS)
            continue
        if told:
            LOGGER.info("the store has %s, after %.0f s", said, time.monotonic() - began)
        return found


def await_turn(folder: Path, fence: Fence) -> None:
    """Before something is kept in the run's folder: return once the store takes it, if the attempt is still the newest.

    Raises StoreUnreachable and Superseded.
    """
    await_writable(folder)
    fence.require()


@contextmanager
def room_told(storage_uri: str) -> Iterator[None]:
    """Raise AttemptFailed where the store has no room for what is laid down for Ray's workers."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        text = f"The store {storage_uri} has no room for what the training reads: {error}. Make room there."
        raise AttemptFailed("DiskFull", text, heals=True) from error


@contextmanager
def outage_told(storage_uri: str) -> Iterator[None]:
    """Raise AttemptFailed for an OSError, which nobody has caught, of a store that is full or away."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL | AWAY:
            raise
        text = (
            f"A file of the run cannot be written or read: {error}. See that {storage_uri}, the RecModel's "
            "spec.storage, answers and has room, and so has the pod's own disk."
        )
        raise AttemptFailed("StoreUnreachable", text, heals=True) from error
