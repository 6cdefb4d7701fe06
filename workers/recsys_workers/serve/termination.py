"""Why the container ended, where the kubelet looks for it."""

import json
import logging
import os
from pathlib import Path

logger = logging.getLogger(__name__)

TERMINATION_LOG = "/dev/termination-log"


class CannotServe(Exception):
    """The server cannot start. `reason` is CamelCase, `message` a sentence; both end in the pod's status."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def record(error: CannotServe) -> None:
    """Log the error and write it as one JSON object to the termination log; RECSYS_TERMINATION_LOG moves it."""
    path = Path(os.environ.get("RECSYS_TERMINATION_LOG", TERMINATION_LOG))
    logger.error(error.message, extra={"fields": {"reason": error.reason}})
    try:
        with path.open("r+") as log:  # the kubelet has made the file; elsewhere there is none to make
            log.truncate()
            log.write(json.dumps({"reason": error.reason, "message": error.message}) + "\n")
    except OSError as problem:
        logger.warning("The termination log %s cannot be written: %s.", path, problem.strerror)
