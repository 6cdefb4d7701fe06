"""Copies answered requests to a shadow without ever making a client wait.

The request path only puts two references into a bounded queue. A thread per target posts them in batches, over a
connection of its own; whatever that connection does, dies or hangs in, the queue fills and further samples are counted
as lost. There is no lock between the two sides that the request path could wait for.
"""

import contextlib
import http.client
import json
import logging
import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from recsys_workers.serve.shadow_config import Target
from recsys_workers.serve.shadow_metrics import Lost, ShadowMetrics

logger = logging.getLogger(__name__)

Route = Literal["recommend", "predict"]

MOST_WAITING = 128
MAX_SAMPLE = 128 * 1024
"""Bytes of request and answer together; with `MOST_WAITING` it bounds the queue to 16 MiB."""
MOST_IN_BATCH = 16
MAX_BATCH = MOST_IN_BATCH * (MAX_SAMPLE + 64) + 1024
"""Bytes: what a shadow must take."""
TICK_SECONDS = 0.05
ANSWER_SECONDS = 5.0
"""A shadow computes a batch in at most `shadow_receiver.BATCH_SECONDS`, which is less."""
CONNECTION_SECONDS = 30.0
"""A new connection now and then: a Service chooses a pod for each."""
FIRST_BACK_OFF, LONGEST_BACK_OFF = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One request and the answer that the client got, both as they went over the wire."""

    route: Route
    request: bytes
    answer: bytes

    def encoded(self) -> bytes:
        """A JSON object. Both parts are JSON already: the request was parsed, the answer written by this server."""
        return b"".join(
            (b'{"route":"', self.route.encode(), b'","request":', self.request, b',"answer":', self.answer, b"}")
        )


@dataclass
class Sender:
    """Sends to one target, from construction to `stop`."""

    target: Target
    version: int
    metrics: ShadowMetrics
    answer_seconds: float = ANSWER_SECONDS
    back_off: float = FIRST_BACK_OFF
    _queue: deque[Sample] = field(default_factory=deque, init=False)
    _away: bool = field(default=False, init=False)
    """The shadow did not answer a moment ago: nothing is queued until it is tried again."""
    _stopped: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        self._share = self.target.percent / 100
        self._connection: http.client.HTTPConnection | None = None
        self._connected_at = 0.0
        # A daemon: a post that hangs must not keep the process from ending.
        threading.Thread(target=self._run, name="shadow", daemon=True).start()

    def offer(self, route: Route, request: bytes, answer: bytes) -> None:
        """Perhaps send this answered request, later. Called by the event loop for every answer."""
        if random.random() >= self._share:  # noqa: S311  (nothing secret is drawn)
            return
        if self._away:
            self.metrics.lost[Lost.UNREACHABLE].inc()
        elif len(self._queue) >= MOST_WAITING:
            self.metrics.lost[Lost.QUEUE_FULL].inc()
        elif len(request) + len(answer) > MAX_SAMPLE:
            self.metrics.lost[Lost.TOO_LARGE].inc()
        else:
            self._queue.append(Sample(route, request, answer))

    def stop(self) -> None:
        """Send nothing more. A post that is under way is not awaited."""
        self._stopped.set()

    def _run(self) -> None:
        back_off = self.back_off
        while not self._stopped.is_set():
            batch = self._next_batch()
            if not batch:
                self._stopped.wait(TICK_SECONDS)
                continue
            if self._post(batch):
                back_off = self.back_off
                continue
            self._away = True
            self._lose(Lost.UNREACHABLE, len(self._queue))
            self._queue.clear()
            # Pods that were told to send at one time must not come back at one time.
            self._stopped.wait(back_off * random.uniform(0.5, 1.0))  # noqa: S311
            back_off = min(2 * back_off, LONGEST_BACK_OFF)
            self._away = False
        self._lose(Lost.ENDED, len(self._queue))
        self._queue.clear()
        self._disconnect()

    def _next_batch(self) -> list[Sample]:
        batch: list[Sample] = []
        with contextlib.suppress(IndexError):
            while len(batch) < MOST_IN_BATCH:
                batch.append(self._queue.popleft())
        return batch

    def _post(self, batch: list[Sample]) -> bool:
        """Whether the shadow took the batch; the lost ones are counted."""
        head = json.dumps({"to": self.target.receiver, "stable": self.version})[:-1].encode()
        body = b"".join((head, b',"samples":[', b",".join(sample.encoded() for sample in batch), b"]}"))
        try:
            status, content = self._exchange(body)
            compared = int(json.loads(content)["compared"]) if status == 200 else 0
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            self._disconnect()
            self._lose(Lost.UNREACHABLE, len(batch))
            logger.warning("The shadow did not answer: %s.", type(error).__name__)
            return False
        if status != 200:
            self._disconnect()
            self._lose(Lost.REFUSED, len(batch))
            logger.warning("The shadow refused: it answered %d.", status)
            return False
        self.metrics.sent.inc(compared)
        self._lose(Lost.BUSY, len(batch) - compared)
        return True

    def _exchange(self, body: bytes) -> tuple[int, bytes]:
        if self._connection is None or time.monotonic() - self._connected_at > CONNECTION_SECONDS:
            self._disconnect()
            self._connection = http.client.HTTPConnection(
                self.target.host, self.target.port, timeout=self.answer_seconds
            )
            self._connected_at = time.monotonic()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.target.token}"}
        self._connection.request("POST", self.target.path, body, headers)
        response = self._connection.getresponse()
        return response.status, response.read(64 * 1024)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _lose(self, reason: Lost, count: int) -> None:
        if count > 0:
            self.metrics.lost[reason].inc(count)
