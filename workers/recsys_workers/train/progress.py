"""Telling the TrainingRun how far its attempt is: server-side apply of status.progress and status.result.

Written with the standard library, the pod's ServiceAccount token and the cluster's CA. Both fields have one field
manager, `trainer`, so each apply carries everything that this manager owns: one that carries only the progress takes a
result away, so none may follow the result. Outside a cluster it logs instead.
"""

import json
import logging
import os
import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

from recsys_workers.train.fence import Fence, Superseded
from recsys_workers.train.readings import Readings

Answer = TypeVar("Answer")
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
LOGGER = logging.getLogger(__name__)
EVERY_SECONDS = 2.0
TIMEOUT_SECONDS = 5.0
SERVER_SECONDS = 4
"""The API server gives up a write after this time, so that one that this pod has given up is not carried out later."""
CLOSE_SECONDS = 3 * TIMEOUT_SECONDS + 1
"""The longest that the writes at the end of reporting take: a read and a write in flight, and the last write."""
FIRST_PAUSE_SECONDS = 0.5
REFUSED = {400, 404, 409, 422}
"""Codes that mean the run is gone or is another one, or that the CRD does not know what is written. 403 may heal: the
API server learns of a new RoleBinding a moment after the trainer starts."""


class StatusRefused(Exception):
    """The API server refused the status for good: the run is gone or another one, or the CRD is another."""


class StatusWriter:
    """Applies the trainer's fields of one TrainingRun's status, as long as its attempt is the newest one."""

    def __init__(self, namespace: str, name: str, uid: str, fence: Fence | None = None) -> None:
        self.path = f"/apis/recsys.dev/v1alpha1/namespaces/{namespace}/trainingruns/{name}"
        self.identity = {"name": name, "namespace": namespace}
        self.uid = uid
        self.fence = fence
        self._known = False
        host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
        port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        self.server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        self.in_cluster = bool(host) and (SERVICE_ACCOUNT / "token").exists()

    def apply(self, status: Mapping[str, Any]) -> None:
        """Apply once. Raises StatusRefused or Superseded (do not retry), or OSError (may heal)."""
        if self.fence is not None:
            # A result that a newer attempt wrote would go with a progress of this one.
            self.fence.require()
        if not self.in_cluster:
            LOGGER.debug("status outside a cluster: %s", json.dumps(status))
            return
        self.require_same_run()
        body = {
            "apiVersion": "recsys.dev/v1alpha1",
            "kind": "TrainingRun",
            "metadata": self.identity,
            "status": status,
        }
        self._call("PATCH", f"{self.path}/status?fieldManager=trainer&force=true&timeout={SERVER_SECONDS}s", body)

    def require_same_run(self) -> None:
        """Read, once, whose name it is: the API server ignores a uid in an applied status.

        Raises StatusRefused when it is another run's, or OSError (may heal).
        """
        if self._known or not self.in_cluster:
            return
        found = self._call("GET", self.path)["metadata"]["uid"]
        if found != self.uid:
            raise StatusRefused(f"{self.path} has the uid {found} now, but this pod works for {self.uid}.")
        self._known = True

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310  (the scheme is fixed above)
            self.server + path,
            data=None if body is None else _yaml(body),
            method=method,
            headers={
                "Content-Type": "application/apply-patch+yaml",
                "Accept": "application/json",
                "Authorization": f"Bearer {(SERVICE_ACCOUNT / 'token').read_text().strip()}",
            },
        )
        secure = self.server.startswith("https:")
        context = ssl.create_default_context(cafile=str(SERVICE_ACCOUNT / "ca.crt")) if secure else None
        try:
            return self._answer(method, _opener(context), request)
        except (HTTPException, ValueError) as error:  # of which no half is a document
            raise ConnectionError(f"The API server's answer to {method} {self.path} was cut off: {error!r}") from error

    def _answer(
        self, method: str, opener: urllib.request.OpenerDirector, request: urllib.request.Request
    ) -> dict[str, Any]:
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                answer: dict[str, Any] = json.loads(response.read())
                return answer
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")[:1000]
            if error.code in REFUSED:
                raise StatusRefused(f"The API server refused {method} {self.path}: {error.code} {text}") from error
            raise

    def apply_until(self, status: Mapping[str, Any], seconds: float) -> None:
        """Apply, retrying what may heal for at most `seconds`; raises the last error after that."""
        self._known = False
        _until(lambda: self.apply(status), seconds)

    def confirm(self, status: Mapping[str, Any], seconds: float) -> None:
        """Read back what was applied, and apply it once more if its result is missing: a late write took it away.

        Retries for at most `seconds` each; raises as `apply_until` does.
        """
        if self.in_cluster and not _until(lambda: self._holds(status["result"]), seconds):
            LOGGER.warning("status.result was written and is gone: writing it again")
            self.apply_until(status, seconds)

    def _holds(self, result: Mapping[str, Any]) -> bool:
        found = self._call("GET", self.path).get("status", {}).get("result", {})
        return all(found.get(key) == result[key] for key in ("version", "digest"))


def _until(attempt: Callable[[], Answer], seconds: float) -> Answer:
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return attempt()
        except OSError as error:
            if time.monotonic() + pause > deadline:
                raise
            LOGGER.warning("The API server did not answer well, trying again in %.1f s: %s", pause, error)
            time.sleep(pause)
            pause = min(pause * 2, 10.0)


class Progress:
    """Reports status.progress from a thread of its own, at most every two seconds; training never waits for it.

    The driver has one and Ray's worker another, each with the two seconds of its own; the last write of each, when it
    closes, comes at once, since somebody waits for its end.
    """

    def __init__(self, writer: StatusWriter, readings: Readings | None = None) -> None:
        self.writer = writer
        self.readings = readings
        self.known: dict[str, Any] = {}
        """Fields that every report carries, as each apply replaces the one before."""
        self.always: Mapping[str, Any] = {}
        """The same, of what does not change with the training."""
        self.latest: dict[str, Any] = {}
        self.since: dict[str, float] = {}
        """When each stage was first reported, as `time.time()` counts."""
        self.of_attempt: dict[str, Any] = {}
        """Fields about the attempt itself, whatever it trains; every report carries them too."""
        self._changed = threading.Event()
        self._closing = False
        self._closed = False
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._thread.start()

    def report(self, stage: str, percent: int, message: str, **fields: str | int) -> None:
        """Set the progress; `fields` are those of the training, and win over what is `known`."""
        self.since.setdefault(stage, time.time())
        self.latest = {
            **self.always,
            **self.known,
            **self.of_attempt,
            "stage": stage,
            "percent": percent,
            "message": message,
            **fields,
            "updateTime": now(),
        }
        if self.readings is not None:
            self.readings.note(self.latest)
        self._changed.set()

    def kept(self, until: float | None = None) -> None:
        """What was trained until now, or a moment, is in the store: from the next report on, the status tells that.

        `until` is in seconds since 1970.
        """
        self.of_attempt["checkpointTime"] = now() if until is None else _written(datetime.fromtimestamp(until, UTC))

    def close(self) -> dict[str, Any]:
        """Stop reporting, after one last try for what is not written yet; returns the last progress.

        Waits for a write in flight, at most CLOSE_SECONDS. No write starts after this has returned.
        """
        self._closing = True
        self._changed.set()
        self._thread.join(timeout=CLOSE_SECONDS)
        if self._writing.acquire(timeout=TIMEOUT_SECONDS):
            self._closed = True
            self._writing.release()
        else:
            self._closed = True
            LOGGER.warning("A write of status.progress hangs; what it brings may arrive late")
        return self.latest

    def _run(self) -> None:
        written: dict[str, Any] = {}
        while True:
            self._changed.wait()
            self._changed.clear()
            latest = self.latest
            well = not latest or latest is written or self._write(latest)
            written = latest
            if self._closing and (latest is self.latest or not well):
                return
            deadline = time.monotonic() + EVERY_SECONDS
            while not self._closing and time.monotonic() < deadline:
                time.sleep(0.05)

    def _write(self, latest: Mapping[str, Any]) -> bool:
        """Whether it was written. The read before the first write may outlast `close`: then no write follows."""
        try:
            self.writer.require_same_run()
            with self._writing:
                if not self._closed:
                    self.writer.apply({"progress": latest})
        except (StatusRefused, Superseded, OSError):
            return False
        return True


def _opener(context: ssl.SSLContext | None) -> urllib.request.OpenerDirector:
    """Straight to the API server: a proxy that the environment names is for the world outside."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


def now() -> str:
    """The time as the API server writes times."""
    return _written(datetime.now(UTC))


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _yaml(body: Mapping[str, Any]) -> bytes:
    """YAML that is JSON too, in UTF-8.

    A character beyond U+FFFF stands as it is, since YAML does not know the two escapes that JSON makes of it; half of
    such a pair is U+FFFD, and what YAML has as an escape only is one.
    """
    whole = re.sub("[\ud800-\udfff]", "\ufffd", json.dumps(body, ensure_ascii=False))
    unprintable = "[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]"
    return re.sub(unprintable, lambda found: f"\\u{ord(found[0]):04x}", whole).encode()
