"""What can be wrong with a dataset. Messages are sentences that name the file, what was found and what is allowed."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FULL = {errno.ENOSPC, errno.EDQUOT}
"""What an OSError says of a disk without room."""


class InvalidData(ValueError):
    """The files cannot be read as the interactions that the RecModel's schema describes."""


class DatasetChanged(ValueError):
    """The files hold other bytes than the digest that the run, or its first attempt, fixed."""


class StoreRefused(Exception):
    """The object store answered that it will not give the data, and would say so again."""


class StoreUnreachable(Exception):
    """The object store gave no answer, or asked for patience: another attempt may read the data."""


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
