"""What goes wrong, as a sentence for people and an exit code for scripts."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes. They are part of the interface: docs/how-to/kubectl-plugin.md lists them."""

    DONE = 0
    """What was asked for is so."""
    ERROR = 1
    """The cluster, kubectl or an object is not as it must be; the sentence says what to do."""
    USAGE = 2
    """The command line is wrong."""
    IGNORED = 3
    """The operator ignored the command, and says why."""
    TAKEN_BACK = 4
    """The rollout ended without the new version: rolled back, aborted, reverted or refused."""
    TIMEOUT = 5
    """The time of --timeout is over."""


class Problem(Exception):
    """A sentence: which object, what was found, what to do."""

    def __init__(self, message: str, code: Exit = Exit.ERROR) -> None:
        super().__init__(message)
        self.code = code
