"""The looks at all canaries, each beside the reconciles of its object: an alert never waits for a slow Prometheus."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from recsys_operator.build.labels import Owner
from recsys_operator.decide.analysis.counters import follow
from recsys_operator.decide.analysis.facts import Evidence, Plan
from recsys_operator.observe.measure.look import Measurer, now

logger = logging.getLogger(__name__)

Key = TypeVar("Key")

PARALLEL = 64
"""Looks at the same time, of all objects together."""
PAUSE = 5.0
"""Seconds after a look that failed for a fault of ours, so that it is not taken again at once."""
TICK = timedelta(microseconds=1)


@dataclass(slots=True)
class _Look:
    plan: Plan
    task: asyncio.Task[None]
    measuring: bool = False


class Looks(Generic[Key]):
    """At most one look an object, and what the last one found.

    `wake` is called with the object's key once a look is finished.
    """

    def __init__(self, measurer: Measurer, wake: Callable[[Key], None], clock: Callable[[], datetime] = now) -> None:
        self._measurer = measurer
        self._wake = wake
        self._clock = clock
        self._places = asyncio.Semaphore(PARALLEL)
        self._looks: dict[Key, _Look] = {}
        self._found: dict[Key, Evidence] = {}

    def evidence(self, key: Key) -> Evidence:
        """What the last finished look found; nothing before the first one."""
        return self._found.get(key, Evidence())

    def begin(self, key: Key, owner: Owner, model: str, plan: Plan | None) -> None:
        """Take this look when it is due; None: there is nothing to look at any more.

        A look that still waits is replaced by one that is due earlier or asks for something else. One that already
        measures goes on, and wakes the object at its end, which then asks for the next one.
        """
        if plan is None:
            self.forget(key)
            return
        running = self._looks.get(key)
        if running is not None and (running.measuring or _covers(running.plan, plan)):
            return
        if running is not None:
            running.task.cancel()
        task = asyncio.get_running_loop().create_task(self._take(key, owner, model, plan), name=f"look {key}")
        self._looks[key] = _Look(plan, task)

    def forget(self, key: Key) -> None:
        """Give up the object's look, and what was found of it."""
        running = self._looks.pop(key, None)
        if running is not None:
            running.task.cancel()
        self._found.pop(key, None)

    async def close(self) -> None:
        """Give up all looks."""
        tasks = [look.task for look in self._looks.values()]
        for key in list(self._looks):
            self.forget(key)
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._measurer.close()

    async def _take(self, key: Key, owner: Owner, model: str, plan: Plan) -> None:
        await asyncio.sleep((plan.at - self._clock()).total_seconds())
        try:
            async with self._places:
                self._looks[key].measuring = True
                found = await self._measurer.measure(owner, model, plan)
            last = self.evidence(key)
            self._found[key] = follow(_later(found, last), last)
        except Exception:
            logger.exception("a look failed", extra={"object": str(key)})
            await asyncio.sleep(PAUSE)
        del self._looks[key]
        self._wake(key)


def _covers(waiting: Plan, wanted: Plan) -> bool:
    return waiting.at <= wanted.at and replace(waiting, at=wanted.at) == wanted


def _later(found: Evidence, before: Evidence) -> Evidence:
    """The evidence with times after those of the look before, whatever the clock was set to in between."""
    times = [*(one.at for one in before.readings), *(one.at for one in before.measurements)]
    if not times:
        return found
    earliest = max(times) + TICK
    return replace(
        found,
        readings=tuple(replace(one, at=max(one.at, earliest)) for one in found.readings),
        measurements=tuple(replace(one, at=max(one.at, earliest)) for one in found.measurements),
    )
