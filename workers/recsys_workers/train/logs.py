"""Log lines of the trainer: one readable line an action, on standard output."""

import logging
import os
import sys


def configure() -> None:
    """Send the trainer's own log lines to standard output; other packages only from warnings on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger("recsys_workers")
    root.handlers[:] = [handler]
    root.propagate = False
    root.setLevel(os.environ.get("RECSYS_LOG_LEVEL", "INFO").upper())
