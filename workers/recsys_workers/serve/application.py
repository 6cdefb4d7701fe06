"""The HTTP surface: two prediction routes, copies of requests for a shadow, two probes, the metrics."""

import asyncio
import functools
import logging
from collections.abc import Callable
from enum import StrEnum

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from recsys_workers.serve.contract import RecommendRequest, parse_predict, parse_recommend
from recsys_workers.serve.envelope import Envelope
from recsys_workers.serve.lane import Lane
from recsys_workers.serve.metrics import Metrics
from recsys_workers.serve.predictor import Predictor
from recsys_workers.serve.recommender import Recommender
from recsys_workers.serve.refusal import Refused, unavailable, wrong_task
from recsys_workers.serve.shadow_mirror import Mirror
from recsys_workers.serve.shadow_receiver import Receiver
from recsys_workers.serve.shadow_sender import MAX_BATCH
from recsys_workers.serve.shadow_sender import Route as CopiedRoute

logger = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024
BODY_SECONDS = 10.0
CLIENT_CLOSED_REQUEST = 499
"""Nobody reads this status: it only labels a metric."""


class Phase(StrEnum):
    """Where the process is in its life."""

    LOADING = "Loading"
    READY = "Ready"
    DRAINING = "Draining"


class Application:
    """The state behind the routes. `asgi` is what a server runs."""

    def __init__(
        self,
        metrics: Metrics,
        lane: Lane,
        version: int,
        digest: str,
        *,
        revision: str = "",
        mirror: Mirror | None = None,
    ) -> None:
        """`mirror` gets every answered request, and knows who may copy requests to this `revision`."""
        self.phase = Phase.LOADING
        self._answers: Recommender | Predictor | None = None
        self._metrics = metrics
        self._lane = lane
        self._mirror = mirror
        self._receiver = Receiver(metrics, lane, revision, mirror)
        routes = [
            Route("/v1/recommend", functools.partial(self._predict, parse_recommend, "recommend"), methods=["POST"]),
            Route("/predict", functools.partial(self._predict, parse_predict, "predict"), methods=["POST"]),
            Route("/shadow", self._shadow, methods=["POST"]),
            Route("/healthz", self._healthz, methods=["GET"]),
            Route("/readyz", self._readyz, methods=["GET"]),
            Route("/metrics", self._exposition, methods=["GET"]),
        ]
        starlette = Starlette(routes=routes, exception_handlers={HTTPException: _http_error, Refused: _refused})
        starlette.router.redirect_slashes = False
        self.asgi = Envelope(starlette, metrics, version, digest)

    def ready(self, answers: Recommender | Predictor) -> None:
        """Answer from now on; a process that already drains stays unready."""
        self._answers = answers
        if self.phase is Phase.LOADING:
            self.phase = Phase.READY

    def drain(self) -> None:
        """Turn unready and close connections, but keep answering."""
        self.phase = Phase.DRAINING
        if self._mirror is not None:
            self._mirror.close()
        self.asgi.closing = True

    async def _predict(
        self, parse: Callable[[bytes], RecommendRequest], route: CopiedRoute, request: Request
    ) -> Response:
        try:
            return await self._answer(parse, route, request)
        except Refused:
            raise
        except ClientDisconnect:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except Exception:
            logger.exception("A request failed.", extra={"fields": {"requestId": request.scope["request_id"]}})
            raise Refused(500, "Internal", "The server failed; its log has the cause under this request id.") from None

    async def _answer(
        self, parse: Callable[[bytes], RecommendRequest], route: CopiedRoute, request: Request
    ) -> Response:
        self._lane.refuse_when_full()
        body = await _body(request)
        answers, request_id = self._answers, request.scope["request_id"]
        if answers is None:
            # What a right body is depends on the model's task.
            raise unavailable("Loading", "The model is still being loaded: try again later.")
        if isinstance(answers, Predictor):
            rows = answers.parse(route, body)
            answer = await self._lane.run(functools.partial(answers.predict, rows, request_id))
        else:
            wanted = parse(body)
            answer = await self._lane.run(functools.partial(answers.recommend, wanted, request_id))
        self._metrics.answer(answer)
        if self._mirror is not None and not isinstance(answers, Predictor):
            self._mirror.offer(route, body, answer.body)
        return Response(answer.body, media_type="application/json")

    async def _shadow(self, request: Request) -> Response:
        """Copies of requests that the stable version answered. It is no prediction, and counts as none."""
        answers = self._answers
        if isinstance(answers, Predictor):
            raise wrong_task(f"A shadow compares lists of items, and this model answers rows ({answers.task}).")
        self._receiver.refuse_strangers(request.headers.get("authorization", ""))
        self._receiver.refuse_when_full()
        if answers is None:
            raise unavailable("Loading", "The model is still being loaded: try again later.")
        try:
            return JSONResponse(await self._receiver.receive(answers, await _body(request, MAX_BATCH)))
        except ClientDisconnect:
            return Response(status_code=CLIENT_CLOSED_REQUEST)

    async def _healthz(self, _: Request) -> Response:
        """Liveness: the event loop turns. Load never makes it fail, a restart would only lose requests."""
        return JSONResponse({"status": "Alive"})

    async def _readyz(self, _: Request) -> Response:
        """Readiness: the version is verified, loaded and warm, and the process is not about to end."""
        return JSONResponse({"status": self.phase}, status_code=200 if self.phase is Phase.READY else 503)

    async def _exposition(self, _: Request) -> Response:
        self._metrics.pending.set(self._lane.pending)
        return Response(self._metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _body(request: Request, limit: int = MAX_BODY) -> bytes:
    too_large = Refused(413, "BodyTooLarge", f"The body is larger than the limit of {limit} bytes.")
    if "content-encoding" in request.headers:
        raise Refused(415, "UnsupportedEncoding", "The body is compressed: send it without Content-Encoding.")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise too_large
    except TimeoutError:
        raise Refused(408, "BodyTimeout", f"The body did not arrive within {BODY_SECONDS:g} seconds.") from None
    return bytes(body)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.response()


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        message = f"{request.url.path} does not take {request.method}: use {allowed}."
        return Refused(405, "MethodNotAllowed", message, headers={"Allow": allowed}).response()
    message = f"There is no {request.url.path[:128]} here: predictions are at POST /v1/recommend and POST /predict."
    return Refused(error.status_code, "NotFound", message).response()
