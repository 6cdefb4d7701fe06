"""Where the time of an attempt goes, for the last line of its log and for evaluation.json."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from recsys_workers import manifest

FILE = "seconds.json"
STAGES: Mapping[str, str] = {
    "start": "Python and the driver's packages, from the first moment of the process on",
    "data": "the dataset, read, checked, split and laid down for Ray's worker",
    "search": "the trials of spec.tuning, with Ray",
    "ray": "Ray and its worker, up to the first line of ours in there",
    "prepare": "torch in the worker, the data read again, the model, the newest checkpoint",
    "folds": "the trainings of a cross-validation",
    "training": "all epochs, with validations and checkpoints",
    "export": "the graph for ONNX Runtime, and the weights",
    "scoring": "the test examples, by that graph and by torch",
    "leave": "the end of Ray's worker, and of Ray",
    "gates": "metrics and gates, with the server that a gate starts",
    "publish": "the version's files, and the status that tells of it",
}
"""The stages in their order, and what each is; one that did not happen is left out."""


class Stopwatch:
    """Seconds by stage. The clocks of two processes are compared, so it is that of the wall."""

    def __init__(self, began: float, clock: Callable[[], float] = time.time) -> None:
        self.began = began
        self.seconds: dict[str, float] = {}
        self._clock = clock
        self._last = began

    def lap(self, stage: str, until: float | None = None) -> None:
        """What has passed since the last lap, up to now or to a moment, was this stage; a stage may come again."""
        end = max(self._last, self._clock() if until is None else until)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + end - self._last
        self._last = end

    def take(self, folder: Path) -> None:
        """Take what Ray's worker has left in the run's folder: from the last lap until it began is `ray`.

        Without that file nothing is taken: the next lap has all of it.
        """
        try:
            told = json.loads((folder / FILE).read_text())
            began, ended = float(told["began"]), float(told["ended"])
            laps = {name: float(told["seconds"][name]) for name in STAGES if name in told["seconds"]}
        except (OSError, ValueError, KeyError, TypeError):
            return
        self.lap("ray", began)
        for stage, seconds in laps.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
        self._last = max(self._last, ended)

    def leave(self, folder: Path) -> None:
        """Leave the laps in the run's folder, for `take`."""
        document = {"began": self.began, "ended": self._last, "seconds": self.seconds}
        manifest.write_file(folder / FILE, (json.dumps(document) + "\n").encode())

    def document(self) -> dict[str, float]:
        """The stages so far, for evaluation.json."""
        return {stage: round(self.seconds[stage], 2) for stage in STAGES if stage in self.seconds}

    def sentence(self) -> str:
        """For people, and for whoever reads it by a program."""
        told = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in self.document().items())
        return f"seconds: {told}; {sum(self.seconds.values()):.1f} in all"


def forget(folder: Path) -> None:
    """Remove what Ray's worker of an earlier attempt has left."""
    (folder / FILE).unlink(missing_ok=True)


def process_began() -> float:
    """When this process began, as `time.time()` counts."""
    try:
        ticks = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError, AttributeError):  # where there is no Linux
        return time.time()
