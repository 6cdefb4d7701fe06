"""What the receiver remembers for a moment, so that a flood of the same alert costs one reconcile."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from recsys_operator.alerts.payload import Key

LIFETIME = 60.0
"""Seconds. A Deployment that is deleted and made again gets its alerts after this, at the latest."""
MOST = 20_000

SETTLED = ("RolledBack", "Reverted", "Frozen", "Degraded", "Duplicate", "Resolved")
"""Outcomes that stay true for the same alert; an ignored one may matter later."""


class Memory:
    """Alerts that are under way, and those that were acted on lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done: OrderedDict[Key, float] = OrderedDict()
        self._under_way: dict[Key, asyncio.Future[str]] = {}

    def knows(self, key: Key) -> bool:
        """Whether this very alert was acted on lately."""
        self._forget()
        return key in self._done

    def under_way(self, key: Key) -> asyncio.Future[str] | None:
        """The same alert, posted before and not answered yet."""
        return self._under_way.get(key)

    def start(self, key: Key, delivery: asyncio.Future[str]) -> asyncio.Future[str]:
        """Remember a delivery until it ends, and after that what came of it."""
        self._under_way[key] = delivery

        def ended(future: asyncio.Future[str]) -> None:
            del self._under_way[key]
            if not future.cancelled() and future.exception() is None and future.result() in SETTLED:
                self._done[key] = self._clock()
                self._done.move_to_end(key)
                while len(self._done) > MOST:
                    self._done.popitem(last=False)

        delivery.add_done_callback(ended)
        return delivery

    def _forget(self) -> None:
        oldest_kept = self._clock() - LIFETIME
        while self._done and next(iter(self._done.values())) < oldest_kept:
            self._done.popitem(last=False)
