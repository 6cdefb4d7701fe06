"""How an attempt fails: the reason and sentence that end up in the TrainingRun's status, and the exit code."""

import json
import logging
import os
from pathlib import Path

TERMINATION_LOG = "/dev/termination-log"
LIMIT = 4096
"""The kubelet keeps this many bytes of a termination message."""

CANNOT_HEAL = 2
RETRY = 1


class AttemptFailed(Exception):
    """Ends the attempt. `reason` is CamelCase, `message` a sentence; with `heals` the Job may try again."""

    def __init__(self, reason: str, message: str, *, heals: bool) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.exit_code = RETRY if heals else CANNOT_HEAL


def write_termination_message(reason: str, message: str) -> None:
    """Leave {"reason", "message"} where the kubelet picks it up; does nothing where that file does not exist."""
    path = Path(os.environ.get("RECSYS_TERMINATION_LOG", TERMINATION_LOG))
    room = LIMIT - len(json.dumps({"reason": reason, "message": ""}))
    while len(json.dumps(message)) - 2 > room:
        message = message[: len(message) * 9 // 10]
    try:
        if path.exists() or "RECSYS_TERMINATION_LOG" in os.environ:
            path.write_text(json.dumps({"reason": reason, "message": message}))
    except OSError as error:
        logging.getLogger(__name__).warning("The termination message cannot be written to %s: %s", path, error)
