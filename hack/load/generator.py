"""The open loop: requests leave at a constant rate, whatever became of the ones before.

Nothing is retried: aiohttp repeats only idempotent methods, and these are POSTs. Whatever is not a 200 with items in it
counts as failed, with its reason.
"""

import asyncio
import errno
import json
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TextIO

import aiohttp
from hack.load.summary import Request, percentile

MAX_IN_FLIGHT = 4096
"""Beyond this a request counts as failed without being sent: the target is down and memory is not endless."""
FLUSH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send."""

    url: str
    host: str | None
    """The Host header, for a gateway that routes by name."""
    rate: float
    """Requests a second."""
    requests: int
    duration: float
    """Seconds; whichever of the two bounds comes first ends the load."""
    connections: tuple[str, ...]
    """keep, new, or both in turn."""
    bodies: list[bytes]
    timeout: float
    seed: int


@dataclass
class Tally:
    """What came back so far."""

    requests: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    latencies: dict[int | None, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, request: Request) -> None:
        """Count one finished request."""
        self.requests += 1
        if request.failed:
            self.reasons[request.failed] += 1
        self.latencies[request.version].append(request.seconds)

    def summary(self) -> dict[str, object]:
        """Totals, and latencies in milliseconds by version ("none" where no server said who it was)."""
        everything = sorted(latency for latencies in self.latencies.values() for latency in latencies)
        by_version = {
            str(version or "none"): _percentiles(sorted(latencies)) for version, latencies in self.latencies.items()
        }
        return {
            "requests": self.requests,
            "failed": sum(self.reasons.values()),
            "reasons": dict(self.reasons),
            "versions": {name: figures["requests"] for name, figures in by_version.items()},
            "latency": by_version,
            **_percentiles(everything),
        }


def _percentiles(ordered: list[float]) -> dict[str, float]:
    if not ordered:
        return {"requests": 0}
    milliseconds = {f"p{level}": round(percentile(ordered, level / 100) * 1000, 3) for level in (50, 99)}
    return {"requests": len(ordered), **milliseconds, "max": round(ordered[-1] * 1000, 3)}


class Generator:
    """Sends one plan and writes one line a request to `output`."""

    def __init__(self, plan: Plan, output: TextIO | None) -> None:
        self._plan = plan
        self._output = output
        self._lines: list[str] = []
        self._stopped = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()
        self.tally = Tally()
        self.recent = Tally()
        """Since the caller last replaced it: the progress line."""

    def stop(self) -> None:
        """Send nothing more; what is in flight is awaited."""
        self._stopped.set()

    async def run(self) -> None:
        """Send until a bound is reached or stop() is called, and wait for the last answer."""
        plan = self._plan
        limits = aiohttp.ClientTimeout(total=plan.timeout)
        headers = {"Content-Type": "application/json", **({"Host": plan.host} if plan.host else {})}
        # Traefik closes idle connections after 90 s; reusing one at that moment would be the client's own failure.
        connectors = {
            "keep": aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            "new": aiohttp.TCPConnector(limit=0, force_close=True),
        }
        sessions = {
            name: aiohttp.ClientSession(connector=connector, timeout=limits, headers=headers)
            for name, connector in connectors.items()
        }
        flusher = asyncio.create_task(self._flush_regularly())
        try:
            await self._send_all(sessions)
            if self._in_flight:
                await asyncio.wait(self._in_flight)
        finally:
            flusher.cancel()
            self._flush()
            for session in sessions.values():
                await session.close()

    async def _send_all(self, sessions: dict[str, aiohttp.ClientSession]) -> None:
        plan, chance = self._plan, random.Random(self._plan.seed)
        began, began_at = time.monotonic(), time.time()
        for number in range(int(min(plan.requests, plan.duration * plan.rate + 1))):
            due = number / plan.rate
            if due > plan.duration:
                return
            delay = began + due - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            elif number % 32 == 0:
                await asyncio.sleep(0)  # behind schedule: let the answers in
            if self._stopped.is_set():
                return
            kind = plan.connections[number % len(plan.connections)]
            if len(self._in_flight) >= MAX_IN_FLIGHT:
                self._record(Request(began_at + due, 0.0, 0, None, "TooManyInFlight", kind))
                continue
            task = asyncio.create_task(
                self._send(sessions[kind], kind, chance.choice(plan.bodies), began + due, began_at + due)
            )
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def _send(self, session: aiohttp.ClientSession, kind: str, body: bytes, due: float, due_at: float) -> None:
        status, version, failed = 0, None, None
        try:
            async with session.post(self._plan.url, data=body, allow_redirects=False) as response:
                status = response.status
                named = response.headers.get("X-Recsys-Version", "")
                version = int(named) if named.isdigit() else None
                failed = _judge(status, await response.read())
        except Exception as error:  # every reason counts, also those nobody thought of
            failed = classify(error)
        self._record(Request(round(due_at, 6), round(time.monotonic() - due, 6), status, version, failed, kind))

    def _record(self, request: Request) -> None:
        self.tally.add(request)
        self.recent.add(request)
        if self._output is not None:
            self._lines.append(request.line())

    async def _flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self._flush()

    def _flush(self) -> None:
        if self._output is not None and self._lines:
            self._output.write("".join(self._lines))
            self._output.flush()
            self._lines.clear()


def _judge(status: int, body: bytes) -> str | None:
    if status != 200:
        return f"Status{status}"
    try:
        return None if json.loads(body)["items"] else "NoItems"
    except (ValueError, KeyError, TypeError):
        return "BadBody"


def classify(error: Exception) -> str:
    """A short reason for an exception of aiohttp."""
    if isinstance(error, TimeoutError):
        return "Timeout"
    if isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
        return "Refused"
    if isinstance(error, OSError) and error.errno in (errno.ECONNRESET, errno.EPIPE):
        return "Reset"
    if isinstance(error, aiohttp.ClientOSError) and not isinstance(error, aiohttp.ClientConnectorError):
        return "Reset"  # the connection was there; aiohttp does not always pass its errno on
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "Disconnected"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "Truncated"
    return type(error).__name__
