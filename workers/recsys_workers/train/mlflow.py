"""Logging a run to MLflow, where MLFLOW_TRACKING_URI is set: parameters, the figures of each epoch, what came of it.

A thread of its own sends what waits in a bounded queue. A server that is away, slow or refuses ends nothing, and holds
up nothing but the end of a process: by one call where it is away, by CLOSE_SECONDS where it is slow. What it does not
get is counted.
"""

import logging
import math
import os
import queue
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from recsys_workers.evaluate import protocol
from recsys_workers.manifest import Manifest
from recsys_workers.train.mlflow_api import TIMEOUT_SECONDS, Identity, MlflowApi, MlflowRefused
from recsys_workers.train.readings import Readings
from recsys_workers.train.run_config import RunConfig

LOGGER = logging.getLogger(__name__)
WAITING = 256
"""Calls that may wait; an epoch is one."""
CLOSE_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
LONGEST = 500
"""Characters of a parameter's value that every MLflow takes."""
DROPPED = "mlflowDropped"
FINISHED, FAILED, KILLED = "FINISHED", "FAILED", "KILLED"

Item = tuple[str, dict[str, Any]]


class Mlflow:
    """The run of one TrainingRun in MLflow, as one process writes it."""

    def __init__(self, api: MlflowApi, identity: Identity, readings: Readings | None = None) -> None:
        self.api = api
        self.identity = identity
        self.readings = readings
        self.dropped = 0
        self._run_id: str | None = None
        self._well = True
        self._start = _milliseconds()
        self._queue: queue.Queue[Item | None] = queue.Queue(WAITING)
        self._deadline = math.inf
        self._counting = threading.Lock()
        self._closing = threading.Event()
        self._count(0)
        self._thread = threading.Thread(target=self._send_all, name="mlflow", daemon=True)
        self._thread.start()

    def parameters(self, values: Mapping[str, str]) -> None:
        """Log what the run is made with; the same values again change nothing."""
        self._put(
            "runs/log-batch", {"params": [{"key": key, "value": value[:LONGEST]} for key, value in values.items()]}
        )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log values by their names after so many steps; what is no finite number is left out."""
        now = _milliseconds()
        metrics = [
            {"key": key.replace("@", "_at_"), "value": value, "timestamp": now, "step": step}
            for key, value in values.items()
            if math.isfinite(value)
        ]
        self._put("runs/log-batch", {"metrics": metrics})

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags of the run."""
        self._put("runs/log-batch", {"tags": [{"key": key, "value": value} for key, value in values.items()]})

    def finish(self, status: str) -> None:
        """The attempt ended; another one marks the run as running again."""
        self._put("runs/update", {"status": status, "end_time": _milliseconds()})

    def close(self) -> None:
        """Wait a little for what is not sent yet; the rest is dropped."""
        self._deadline = time.monotonic() + (CLOSE_SECONDS if self._well else 0)
        self._closing.set()
        while True:
            try:
                self._queue.put_nowait(None)
                break
            except queue.Full:
                self._drop_oldest()
        self._thread.join(CLOSE_SECONDS + TIMEOUT_SECONDS)
        if self.dropped:
            LOGGER.warning("MLflow at %s did not get %d of this process's calls", self.api.address, self.dropped)

    def _put(self, call: str, body: dict[str, Any]) -> None:
        try:
            self._queue.put_nowait((call, body))
        except queue.Full:
            self._count(1)

    def _drop_oldest(self) -> None:
        try:
            self._queue.get_nowait()
        except queue.Empty:
            return
        self._count(1)

    def _send_all(self) -> None:
        while (item := self._queue.get()) is not None:
            if not self._sent(*item):
                self._count(1)

    def _sent(self, call: str, body: dict[str, Any]) -> bool:
        pause = FIRST_PAUSE_SECONDS
        while time.monotonic() < self._deadline:
            try:
                if self._run_id is None:
                    self._run_id = self.api.run(self.identity, self._start)
                self.api.post(call, {"run_id": self._run_id, **body})
                self._well = True
                return True
            except MlflowRefused as refused:
                LOGGER.warning("%s", refused)
                return False
            except Exception as error:  # whatever answers there: it must not end the thread
                if self._well:
                    LOGGER.warning("MLflow at %s does not answer well, trying again: %s", self.api.address, error)
                self._well = False
            if self._closing.is_set():
                self._deadline = 0  # for what else waits, too
                return False
            self._closing.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        return False

    def _count(self, calls: int) -> None:
        with self._counting:
            self.dropped += calls
        if self.readings is not None:
            self.readings.add(DROPPED, calls)


def connect(
    namespace: str,
    model: str,
    run: str,
    uid: str,
    readings: Readings | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Mlflow | None:
    """The run in MLflow; None where MLFLOW_TRACKING_URI is not set, or is none that can be spoken to."""
    uri = environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        return None
    if not uri.startswith(("http://", "https://")):
        LOGGER.warning("nothing is logged to MLflow: MLFLOW_TRACKING_URI must begin with http:// or https://")
        return None
    experiment = environ.get("MLFLOW_EXPERIMENT_NAME") or f"{namespace}/{model}"
    tags = {"recsys_namespace": namespace, "recsys_model": model, "recsys_run": run}
    try:
        api = MlflowApi(uri, environ)
    except ValueError as error:
        LOGGER.warning("nothing is logged to MLflow: MLFLOW_TRACKING_URI is no address: %s", error)
        return None
    return Mlflow(api, Identity(experiment, run, uid, tags), readings)


def log_end(
    config: RunConfig, readings: Readings | None, ended: str, done: tuple[int, Manifest, str] | None, step: int
) -> None:
    """Log, where there is an MLflow, how an attempt ended and what it published: number, manifest and digest."""
    logged = connect(config.namespace, config.model, config.name, config.uid, readings)
    if logged is None:
        return
    if done is not None:
        number, described, digest = done
        logged.scalars(step, final(described.metrics))
        tags = {"recsys_version": str(number), "recsys_verdict": described.verdict, "recsys_digest": digest}
        rules = protocol.of_status(described)
        logged.tags(tags if rules is None else {**tags, "recsys_protocol": rules})
    logged.finish(ended)
    logged.close()


def final(metrics: Iterable[Mapping[str, str]]) -> dict[str, float]:
    """The test figures of a manifest, with the ends of their intervals, as metrics."""
    found = {}
    for metric in metrics:
        for key, suffix in (("value", ""), ("low", ".low"), ("high", ".high")):
            if key in metric:
                found[f"test/{metric['name']}{suffix}"] = float(metric[key])
    return found


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000
