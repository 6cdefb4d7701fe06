"""What every response has in common: the identifying headers, and for predictions one line in the metrics."""

import re
import time
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsys_workers.serve.metrics import Metrics

PREDICTION_PATHS = frozenset({"/v1/recommend", "/predict"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:=+/-]{1,128}")


class Envelope:
    """ASGI middleware around the whole application, so that errors and 404s carry the headers too."""

    def __init__(self, app: ASGIApp, metrics: Metrics, version: int, digest: str) -> None:
        self._app = app
        self._metrics = metrics
        self._identity = [(b"x-recsys-version", str(version).encode()), (b"x-recsys-digest", digest.encode())]
        self.closing = False
        """Ask clients to close their connection after the next answer: this process is about to end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope["headers"])
        scope["request_id"] = request_id.decode()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *self._identity, (b"x-request-id", request_id)]
                if self.closing:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            if scope["path"] in PREDICTION_PATHS:
                self._metrics.request(status, time.perf_counter() - started)


def _request_id(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The client's id if it is short and harmless, else a new one: it is echoed in a header and in the body."""
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value
    return uuid.uuid4().hex.encode()
