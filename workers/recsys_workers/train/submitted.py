"""`python -m recsys_workers.train.submitted`: the trainer as a job that KubeRay submits to Ray's dashboard.

Of such a job, Ray keeps the exit code and the last lines, and KubeRay puts both into the RayJob's status. So the last
line is what a pod would have as its termination message. A trainer that was killed says nothing; this process does.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

from recsys_workers.train import memory
from recsys_workers.train.failure import OUT_OF_MEMORY

MARK = "recsys-trainer-ended "
"""What the last line of a trainer that failed begins with; the operator looks for it."""

TRAINER = ("-m", "recsys_workers.train")


def main(arguments: tuple[str, ...] = TRAINER) -> int:
    """Run the trainer to its end; the exit code is its own, or 128 and the signal that killed it."""
    with tempfile.TemporaryDirectory(prefix="recsys-") as folder:
        said = Path(folder) / "termination"
        before = memory.kills()
        trainer = subprocess.Popen(
            [sys.executable, *arguments], env={**os.environ, "RECSYS_TERMINATION_LOG": str(said)}
        )

        def forward(number: int, _: FrameType | None) -> None:
            trainer.send_signal(number)

        signal.signal(signal.SIGTERM, forward)
        ended = trainer.wait()
        code = 128 - ended if ended < 0 else ended
        if code:
            word = _word(said)
            if ended == -signal.SIGKILL and memory.kills() > before:
                word = {"reason": OUT_OF_MEMORY, "message": "The trainer was killed for its memory."}
            if word:
                told = {"pod": socket.gethostname(), **word, "exitCode": code}
                print(f"{MARK}{json.dumps(told)}", flush=True)
    return code


def _word(said: Path) -> dict[str, object]:
    """What the trainer left; nothing when it had no time to."""
    try:
        found: dict[str, object] = json.loads(said.read_text())
    except (OSError, ValueError):
        return {}
    return found


if __name__ == "__main__":
    sys.exit(main())
