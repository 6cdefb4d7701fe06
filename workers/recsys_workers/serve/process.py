"""The life of the process: listen, load, serve, drain."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Generator

import uvicorn

from recsys_workers.serve.application import Application
from recsys_workers.serve.predictor import Predictor
from recsys_workers.serve.recommender import Recommender
from recsys_workers.serve.settings import Settings
from recsys_workers.serve.termination import CannotServe, record

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 120
"""Longer than a proxy keeps an idle connection (Traefik: 90 s), so that the proxy is the one to close it."""
GRACEFUL_SECONDS = 10
"""How long in-flight requests may take after the listener is closed."""
_TICK = 0.1


class Server(uvicorn.Server):
    """uvicorn, with a beginning and an end of our own.

    It listens before the model is loaded, so that the liveness probe has something to ask. On SIGTERM it first turns
    unready and goes on answering, with `Connection: close`, until no connection is left or `drain_seconds` are over;
    only then the listener closes. A client with a keep-alive connection is thus told before the connection goes.
    """

    def __init__(
        self, settings: Settings, application: Application, load: Callable[[], Recommender | Predictor]
    ) -> None:
        config = uvicorn.Config(
            application.asgi,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
        super().__init__(config)
        self._settings = settings
        self._application = application
        self._load = load
        self._background: list[asyncio.Task[None]] = []
        self.exit_code = 0

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, then load beside it."""
        await super().startup(sockets=None)
        self._background.append(asyncio.create_task(self._load_and_turn_ready()))

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Drain on the first signal. uvicorn's own handler would raise the signal again and not exit with 0."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._begin_to_drain)
        yield

    def _begin_to_drain(self) -> None:
        if len(self._background) > 1:
            return
        logger.info("Draining: readiness is off, requests are still answered.")
        self._application.drain()
        self._background.append(asyncio.create_task(self._drain()))

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.drain_seconds
        await asyncio.sleep(1)
        while self.server_state.connections and loop.time() < deadline:  # noqa: ASYNC110  (uvicorn has no event for it)
            await asyncio.sleep(_TICK)
        self.should_exit = True

    async def _load_and_turn_ready(self) -> None:
        try:
            answers = await asyncio.to_thread(self._load)
        except Exception as error:
            logger.debug("Loading failed.", exc_info=True)
            cause = error if isinstance(error, CannotServe) else CannotServe("LoadFailed", f"{error!r}")
            record(cause)
            self.exit_code = 1
            self.should_exit = True
            return
        self._application.ready(answers)
        logger.info("Ready: the version is verified, loaded and warm.")
