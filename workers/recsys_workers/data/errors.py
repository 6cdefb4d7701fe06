"""What can be wrong with a dataset. Messages are sentences that name the file, what was found and what is allowed."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT}
"""What an OSError says of a disk without room."""
DENIED = {errno.EACCES, errno.EPERM}
"""What it says of a file that this user may not read."""
AWAY = {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT}
"""What it says where not the file is at fault, but what holds it."""


class InvalidData(ValueError):
    """The files cannot be read as the interactions that the RecModel's schema describes."""


class DatasetChanged(ValueError):
    """The files hold other bytes than the digest that the run, or its first attempt, fixed."""


class StoreRefused(Exception):
    """The object store answered that it will not give the data, and would say so again."""


class StoreUnreachable(Exception):
    """The store of the data gave no answer, or asked for patience: another attempt may read the data."""


class DiskFull(Exception):
    """A copy of the data has no room on the pod's disk; on another node, or later, it may have."""


@contextmanager
def full_disk_told(told: Callable[[OSError], str]) -> Iterator[None]:
    """Raise DiskFull, with what `told` makes of it, in the place of an OSError of a disk without room."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(told(error)) from error
        raise


def not_given(path: Path, error: Exception) -> InvalidData | StoreUnreachable | None:
    """What to raise for an error by which a file or folder was not given; None where it tells of what is in there.

    Arrow's errors have a number as the system's do, if the system is at fault.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number in DENIED:
        return InvalidData(
            f"{path} may not be read ({os.strerror(number)}): let group 65532 read it, and enter its folders."
        )
    if number in AWAY:
        return StoreUnreachable(f"{path} cannot be read now ({os.strerror(number)}): see that its volume answers.")
    return None


@contextmanager
def reached(path: Path) -> Iterator[None]:
    """Raise what `not_given` makes of an error, by the file or folder that it names, or else by this path."""
    try:
        yield
    except OSError as error:
        told = not_given(Path(error.filename or path), error)
        if told is None:
            raise
        raise told from error
