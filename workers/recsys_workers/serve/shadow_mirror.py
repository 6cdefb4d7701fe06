"""Whether there is a shadow now: watches the file, holds the sender that it asks for, and knows who may send here."""

import hmac
import logging
import threading
from pathlib import Path

from recsys_workers.serve.shadow_config import BadShadowConfig, Target, read
from recsys_workers.serve.shadow_metrics import ShadowMetrics
from recsys_workers.serve.shadow_sender import Route, Sender

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Mirror:
    """`offer` is for the event loop and costs nothing while there is no shadow; the file is read by another thread."""

    def __init__(self, path: Path | None, revision: str, version: int, metrics: ShadowMetrics) -> None:
        """Without a `path` there is never a shadow. `version` and `revision` are this server's."""
        self._path = path
        self._revision = revision
        self._version = version
        self._metrics = metrics
        self._sender: Sender | None = None
        self._target: Target | None = None
        """What this server sends."""
        self._token = ""
        """What copies for this server must bear; empty while it is nobody's shadow."""
        self._told = ""
        self._closed = threading.Event()

    def start(self) -> None:
        """Watch the file from now on."""
        if self._path is not None:
            threading.Thread(target=self._watch, args=(self._path,), name="shadow-file", daemon=True).start()

    def offer(self, route: Route, request: bytes, answer: bytes) -> None:
        """Perhaps copy an answered request to the shadow, if there is one."""
        sender = self._sender
        if sender is not None:
            sender.offer(route, request, answer)

    def admits(self, authorization: str) -> bool:
        """Whether a request with this Authorization header comes from who is to copy to this server now."""
        token = self._token
        return bool(token) and hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode())

    def close(self) -> None:
        """Send nothing more."""
        self._closed.set()
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.stop()

    def look(self) -> None:
        """Do what the file says now. What cannot be read of it ends a shadow: it must not go to an old address."""
        told = None
        try:
            told = read(self._path) if self._path is not None else None
            self._told = ""
        except BadShadowConfig as error:
            if self._told != str(error):
                logger.error("The shadow's file %s is ignored: %s", self._path, error)
            self._told = str(error)
        self._token = told.token if told is not None and told.receiver == self._revision else ""
        target = told if told is not None and told.sender == self._revision else None
        if target == self._target:
            return
        self._target = target
        before = self._sender
        self._sender = Sender(target, self._version, self._metrics) if target else None
        self._metrics.percent.set(target.percent if target else 0)
        if before is not None:
            before.stop()
        logger.info("Requests are copied to a shadow." if target else "Requests are not copied to a shadow any more.")

    def _watch(self, path: Path) -> None:
        while not self._closed.is_set():
            try:
                self.look()
            except Exception:
                logger.exception("Looking at %s failed.", path)
            self._closed.wait(LOOK_SECONDS)
