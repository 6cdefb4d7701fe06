"""TensorBoard's event files of a run: what its epochs gave, readable while it trains.

One folder a run, `<storage>/<namespace>/<model>/tensorboard/<run>-<8 digits of its UID>`, so that TensorBoard compares
the runs of a model. An attempt adds a file; what an attempt before it wrote and did not keep in a checkpoint is hidden
by the START event (TensorBoard's purge_step). A version has a copy of its run's files. Nothing here ever ends a
training.
"""

import logging
import re
import time
from pathlib import Path
from typing import Any

LOGGER = logging.getLogger(__name__)
FILE = re.compile(r"events\.out\.tfevents\.[A-Za-z0-9._-]+")
PART = re.compile(r"(seed|trial)-([0-9]+)")
"""The folder of one of several trainings of the run, in the run's."""
MOST_FILES = 64
MOST_BYTES = 8 * 2**20
"""How much of a run's event files a version has, at most: an epoch takes some 200 bytes."""


class Events:
    """The event file of one attempt that goes on after `step` steps of the optimizer."""

    def __init__(self, folder: Path, step: int) -> None:
        # Only Ray's worker comes here: tensorboardX imports torch, which the driver goes without.
        from tensorboardX.proto.event_pb2 import Event, SessionLog  # type: ignore[import-untyped]

        self.folder = folder
        self._file: Any = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _open(folder)
        except OSError as error:
            LOGGER.warning("no event files for TensorBoard in %s: %s", folder, error)
        start = SessionLog(status=SessionLog.START)
        self._write([Event(wall_time=time.time(), step=step + 1, session_log=start)])

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Values by their tags, such as `loss/training`; on the disk when this returns."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

        now = time.time()
        summaries = [Summary(value=[Summary.Value(tag=tag, simple_value=value)]) for tag, value in values.items()]
        self._write([Event(wall_time=now, step=step, summary=summary) for summary in summaries])

    def close(self) -> None:
        """No more is to come."""
        self._write([])
        self._file = None

    def _write(self, events: list[Any]) -> None:
        if self._file is None:
            return
        try:
            for event in events:
                self._file.write_event(event)
            self._file.flush()
        except OSError as error:
            LOGGER.warning("no more events for TensorBoard in %s: %s", self.folder, error)
            self._file = None


def copied(folder: Path, first: str = "") -> dict[str, bytes]:
    """The event files in a run's folder, for its version: bytes by the path in that folder.

    Where they are too many or too large, the run's own come before those of its seeds and trials, of which the folder
    `first` comes before the others. What cannot be read is told in the log, and left out.
    """
    found: dict[str, bytes] = {}
    left_out, room = 0, MOST_BYTES
    for path in _event_files(folder, first):
        try:
            fits = len(found) < MOST_FILES and path.stat().st_size <= room
            data = path.read_bytes() if fits else b""
        except OSError as error:
            LOGGER.warning("the version goes without an event file for TensorBoard: %s", error)
            continue
        if not fits:
            left_out += 1
            continue
        room -= len(data)
        found[path.relative_to(folder).as_posix()] = data
    if left_out:
        LOGGER.info("%d more event files for TensorBoard stay in %s alone", left_out, folder)
    return found


def _event_files(folder: Path, first: str) -> list[Path]:
    """Of the run, then of its parts, each by name; none where they cannot be listed."""
    try:
        parts = [(part, found) for part in folder.iterdir() if (found := PART.fullmatch(part.name))]
        parts.sort(key=lambda one: (one[0].name != first, one[1][1], int(one[1][2])))
        return [
            file
            for place in (folder, *(part for part, _ in parts))
            if place.is_dir() and not place.is_symlink()
            for file in sorted(place.iterdir())
            if FILE.fullmatch(file.name) and file.is_file() and not file.is_symlink()
        ]
    except FileNotFoundError:
        return []  # Nothing was trained, or that it could not be made has been told.
    except OSError as error:
        LOGGER.warning("the version goes without event files for TensorBoard: %s", error)
        return []


def _open(folder: Path) -> Any:
    from tensorboardX.event_file_writer import EventsWriter  # type: ignore[import-untyped]

    return EventsWriter(str(folder / "events"))
