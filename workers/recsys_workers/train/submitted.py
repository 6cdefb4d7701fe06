"""`python -m recsys_workers.train.submitted`: the trainer as a job that KubeRay submits to Ray's dashboard.

Of such a job, Ray keeps the exit code and the last lines, and KubeRay puts both into the RayJob's status. So the last
line is what a pod would have as its termination message. A trainer that was killed says nothing; this process does.

Ray writes what a job prints into a file in the head. What the trainer prints goes to the file RECSYS_POD_LOG too, where
the operator names one: the standard output of the pod, so that `kubectl logs` shows it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO

from recsys_workers.train import memory
from recsys_workers.train.failure import OUT_OF_MEMORY

MARK = "recsys-trainer-ended "
"""What the last line of a trainer that failed begins with; the operator looks for it."""

TRAINER = ("-m", "recsys_workers.train")
POD_LOG = "RECSYS_POD_LOG"
"""Variable with the file that everything the trainer prints goes to as well."""
LAST_LINES_SECONDS = 5.0
"""How long the trainer's last lines are waited for, when a process that it has left behind could still print more."""


def main(arguments: tuple[str, ...] = TRAINER) -> int:
    """Run the trainer to its end; the exit code is its own, or 128 and the signal that killed it."""
    with tempfile.TemporaryDirectory(prefix="recsys-") as folder:
        said = Path(folder) / "termination"
        before = memory.kills()
        pod_log = _pod_log()
        trainer = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, "RECSYS_TERMINATION_LOG": str(said)},
            stdout=None if pod_log is None else subprocess.PIPE,
            stderr=None if pod_log is None else subprocess.STDOUT,
        )
        copying = threading.Thread(target=_copy, args=(trainer.stdout, pod_log), daemon=True)
        copying.start()

        def forward(number: int, _: FrameType | None) -> None:
            trainer.send_signal(number)

        signal.signal(signal.SIGTERM, forward)
        ended = trainer.wait()
        copying.join(LAST_LINES_SECONDS)
        code = 128 - ended if ended < 0 else ended
        if code:
            word = _word(said)
            if ended == -signal.SIGKILL and memory.kills() > before:
                word = {"reason": OUT_OF_MEMORY, "message": "The trainer was killed for its memory."}
            if word:
                told = {"pod": socket.gethostname(), **word, "exitCode": code}
                print(f"{MARK}{json.dumps(told)}", flush=True)
    return code


def _pod_log() -> IO[bytes] | None:
    """Where the pod's own log is written, where somebody has said it and it can be: no run fails for it."""
    path = os.environ.get(POD_LOG)
    if not path:
        return None
    try:
        return Path(path).open("ab", buffering=0)
    except OSError as error:
        print(f"The log of this pod goes without the trainer's lines: {error}", flush=True)
        return None


def _copy(printed: IO[bytes] | None, pod_log: IO[bytes] | None) -> None:
    """Each line as it comes, to this process's standard output and to the pod's log.

    It is read to its end even where nobody takes it, such as on a full disk: the trainer would wait in a print else.
    """
    takers = [taker for taker in (sys.stdout.buffer, pod_log) if taker is not None]
    for line in printed or ():
        for taker in takers:
            with suppress(OSError):
                taker.write(line)
                taker.flush()


def _word(said: Path) -> dict[str, object]:
    """What the trainer left; nothing when it had no time to."""
    try:
        found: dict[str, object] = json.loads(said.read_text())
    except (OSError, ValueError):
        return {}
    return found


if __name__ == "__main__":
    sys.exit(main())
