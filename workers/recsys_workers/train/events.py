"""TensorBoard's event files of a run: what its epochs gave, readable while it trains.

One folder a run, `<storage>/<namespace>/<model>/tensorboard/<run>-<8 digits of its UID>`, so that TensorBoard compares
the runs of a model. An attempt adds a file; what an attempt before it wrote and did not keep in a checkpoint is hidden
by the START event (TensorBoard's purge_step). Nothing here ever ends a training.
"""

import logging
import time
from pathlib import Path
from typing import Any

LOGGER = logging.getLogger(__name__)


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


def _open(folder: Path) -> Any:
    from tensorboardX.event_file_writer import EventsWriter  # type: ignore[import-untyped]

    return EventsWriter(str(folder / "events"))
