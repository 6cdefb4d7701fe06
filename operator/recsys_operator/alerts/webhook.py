"""The alert receiver: Alertmanager's webhook (version 4) in, one answer an alert out.

An answer is 2xx only after what an alert asks for stands in the Deployment's status. Alertmanager retries 5xx only,
so 503 means "again, please" and every other refusal is final and counted. An alert that cannot be read is refused on
its own: the others of its post are taken. A post that lacks alerts is counted as well, and those that it holds are
taken. A replica that stands by asks the one that leads.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from recsys_operator import metrics
from recsys_operator.alerts.forward import Forwarder
from recsys_operator.alerts.memory import Memory
from recsys_operator.alerts.payload import Addressed, Malformed, left_out, parse
from recsys_operator.alerts.tokens import Tokens
from recsys_operator.apply.client import ApiError
from recsys_operator.reconcile.deployment import Posted
from recsys_operator.reconcile.loop import Loops
from recsys_operator.settings import Settings

logger = logging.getLogger(__name__)

LARGEST_BODY = 1024 * 1024
PATIENCE = 5.0
"""Seconds that an alert may take until its intent is written."""
MOST_WAITING = 2000
"""Alerts that may wait at once; more are to be posted again."""


class TryAgain(Exception):
    """The alert could not be acted on now."""


class Receiver:
    """Hands alerts to the tasks of their Deployments and waits for what becomes of them."""

    def __init__(self, loops: Loops, settings: Settings, ready: Callable[[], bool], forward: Forwarder) -> None:
        self.loops = loops
        self.settings = settings
        self.ready = ready
        self.forward = forward
        self.tokens = Tokens(settings.alert_token_dir)
        self.memory = Memory()
        self._waiting = 0

    async def post(self, request: web.Request) -> web.Response:
        """POST /alerts."""
        if not self.tokens.admits(request.headers.get("Authorization", "")):
            return _refused(401, "Unauthorized", "The Authorization header must be: Bearer <a valid token>.")
        try:
            if not self.ready():
                return await self.forward(request) or _refused(
                    503, "NotReady", "The operator has not read the cluster yet, or no replica leads: post again."
                )
            body = json.loads(await request.read())
            posted = parse(body)
        except web.HTTPRequestEntityTooLarge:
            return _refused(413, "TooLarge", f"The body has more than {LARGEST_BODY} bytes: set max_alerts.")
        except (ValueError, RecursionError) as error:
            return _refused(400, "BadPayload", f"This is not an Alertmanager webhook of version 4: {error}")
        _tell_of_left_out(body)
        outcomes = await asyncio.gather(*(self._outcome(one) for one in posted), return_exceptions=True)
        answers = []
        for one, outcome in zip(posted, outcomes, strict=True):
            if isinstance(outcome, TryAgain):
                return _refused(503, "TryAgain", str(outcome))
            if isinstance(outcome, BaseException):
                raise outcome
            if isinstance(one, Malformed):
                metrics.ALERTS_REJECTED.labels("MalformedAlert").inc()
                logger.warning("an alert is malformed", extra={"error": one.message})
                answers.append({"outcome": outcome, "message": one.message})
                continue
            metrics.ALERTS_RECEIVED.labels(outcome).inc()
            answers.append({**one.identity(), "outcome": outcome})
        return web.json_response({"alerts": answers})

    async def _outcome(self, one: Addressed | Malformed) -> str:
        """What became of one alert: what it did, Duplicate, Resolved, Ignored, NotFound or Malformed."""
        if isinstance(one, Malformed):
            return "Malformed"
        watched = self.settings.watch_namespaces
        if one.alert is None or (watched and one.namespace not in watched):
            return "Ignored"
        if self.memory.knows(one.key):
            return "Duplicate"
        under_way = self.memory.under_way(one.key)
        if under_way is None:
            under_way = self.memory.start(one.key, asyncio.ensure_future(self._deliver(one)))
        return await asyncio.shield(under_way)

    async def _deliver(self, one: Addressed) -> str:
        if one.alert is None:
            return "Ignored"
        received_at = time.time()
        if self._waiting >= MOST_WAITING:
            raise TryAgain(f"{MOST_WAITING} alerts are waiting already: post again.")
        posted = Posted(one.alert)
        self._waiting += 1
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self.loops.post(one.namespace, one.deployment, posted)
        except TimeoutError as error:
            raise TryAgain(f"Not acted on within {PATIENCE:g} s: post again.") from error
        except ApiError as error:
            raise TryAgain(f"The API server did not answer: {error.message}") from error
        finally:
            self._waiting -= 1
        outcome = (posted.outcome or "Ignored") if found else "NotFound"
        if outcome not in ("Ignored", "NotFound", "Duplicate"):
            logger.info(
                "alert acted on",
                extra={
                    "object": f"{one.namespace}/{one.deployment}",
                    "alert": one.alert.name,
                    "fingerprint": one.alert.fingerprint,
                    "startsAt": one.alert.starts_at,
                    "receivedAt": received_at,
                    "outcome": outcome,
                },
            )
        return outcome


def receiver(
    loops: Loops, settings: Settings, ready: Callable[[], bool], leader: Callable[[], str] = lambda: ""
) -> web.Application:
    """The application that listens on the alerts port.

    `ready` says whether this process leads and its watches are in sync, `leader` where another one that leads listens.
    """
    app = web.Application(client_max_size=LARGEST_BODY)
    forward = Forwarder(leader)
    app.cleanup_ctx.append(forward.life)
    app.router.add_post("/alerts", Receiver(loops, settings, ready, forward).post)
    return app


def _tell_of_left_out(body: Any) -> None:
    """The sender believes all of its group to be delivered: only our own alert can tell that some of it never came."""
    missing = left_out(body)
    if missing is None:
        return
    metrics.ALERTS_REJECTED.labels("Truncated").inc()
    logger.warning(
        "Alertmanager left alerts out of a post: group by namespace and deployment, or raise max_alerts",
        extra={"receiver": missing.receiver, "groupKey": missing.group, "leftOut": missing.number},
    )


def _refused(status: int, reason: str, message: str) -> web.Response:
    metrics.ALERTS_REJECTED.labels(reason).inc()
    body: dict[str, Any] = {"reason": reason, "message": message}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return web.json_response(body, status=status, headers=headers)
