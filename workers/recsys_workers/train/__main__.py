"""`python -m recsys_workers.train`: the trainer container. Exit codes: 0 told, 2 cannot heal, anything else retry."""

import atexit
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

from recsys_workers.train import attempt, run_config
from recsys_workers.train.failure import RETRY, AttemptFailed, write_termination_message
from recsys_workers.train.logs import configure

LOGGER = logging.getLogger("recsys_workers.train")  # of `python -m`, __name__ is no name below recsys_workers
DEFAULT_CONFIG = "/etc/recsys/run.json"
STOPPED = 128 + signal.SIGTERM


def main() -> int:
    """Run one attempt; returns the exit code."""
    configure()
    signal.signal(signal.SIGTERM, _stop)
    try:
        config = run_config.read(Path(os.environ.get("RECSYS_RUN_CONFIG", DEFAULT_CONFIG)))
        attempt.run(config)
    except AttemptFailed as error:
        LOGGER.error("%s: %s", error.reason, error.message)
        write_termination_message(error.reason, error.message, error.log, error.pod)
        return error.exit_code
    except SystemExit:
        LOGGER.info("stopped by SIGTERM; the next attempt continues from the newest checkpoint")
        write_termination_message("Stopped", "The trainer was asked to stop before it was done.")
        return STOPPED
    except Exception as error:
        LOGGER.exception("the attempt failed")
        log = "".join(traceback.format_exception(error))
        write_termination_message("TrainerError", f"{type(error).__name__}: {error}", log)
        return RETRY
    return 0


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(STOPPED)


def _leave(code: int) -> NoReturn:
    """End with this exit code: where threads of Ray still print, Python may abort as it winds down (SIGABRT)."""
    atexit._run_exitfuncs()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave(main())
