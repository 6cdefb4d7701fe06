"""What the two processes of an attempt know of it, in a file of their pod: the driver serves what Ray's worker does.

One of them writes at a time: the driver before and after the training, the worker meanwhile. Seconds are those of the
machine's monotonic clock, which both share.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Reading:
    """The latest status.progress, and how long each stage took before the one that runs since `since`."""

    progress: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    since: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)


class Readings:
    """The file. Nothing here raises: what cannot be written or read is not told."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.clock = clock
        self._writing = threading.Lock()

    def note(self, progress: Mapping[str, Any]) -> None:
        """The progress that stands from now on."""
        with self._writing:
            before, now = self._read(), self.clock()
            self._write(Reading(dict(progress), _seconds(before, now), now, before.counts))

    def add(self, name: str, amount: int) -> None:
        """Count; with 0 the count is there from then on."""
        with self._writing:
            found = self._read()
            found.counts[name] = found.counts.get(name, 0) + amount
            self._write(found)

    def _write(self, reading: Reading) -> None:
        partial = self.path.with_suffix(".partial")
        try:
            partial.write_text(json.dumps(asdict(reading)))
            partial.replace(self.path)
        except OSError:
            return

    def now(self) -> Reading:
        """What stands, with the seconds of the stage that runs."""
        found, now = self._read(), self.clock()
        return Reading(found.progress, _seconds(found, now), now, found.counts)

    def _read(self) -> Reading:
        try:
            return Reading(**json.loads(self.path.read_text()))
        except (OSError, ValueError, TypeError):
            return Reading()


def _seconds(reading: Reading, now: float) -> dict[str, float]:
    stage = reading.progress.get("stage")
    if stage is None:
        return reading.seconds
    return {**reading.seconds, stage: reading.seconds.get(stage, 0.0) + now - reading.since}
