"""One asyncio task an object: it waits for a wake-up or a resync, reconciles, and backs off when that fails.

A wake-up carries no facts. The reconciler reads what it needs, so a lost or doubled wake-up costs time, not truth.
Alerts are the exception: they are handed to the task of their Deployment, which answers once they are acted on.
"""

import asyncio
import logging
import random
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from recsys_operator.api.kinds import DEPLOYMENTS, Resource
from recsys_operator.apply.client import ApiError, Client

logger = logging.getLogger(__name__)

SHORTEST_DELAY = 0.02
"""Seconds between two reconciles of one object, whatever its reconciler asks for."""


@dataclass(frozen=True, slots=True)
class Key:
    """One object for its lifetime: `plural` is that of its resource, such as trainingruns."""

    plural: str
    namespace: str
    name: str
    uid: str


class Gone(Exception):
    """A reconciler's answer when a live GET finds the object deleted, or another one under its name."""


class Reconciler(Protocol):
    """Observes, decides and applies for all objects of one kind. Made as `Name(client, settings)`."""

    resource: Resource

    async def __call__(self, key: Key, inbox: tuple[Any, ...]) -> float | None:
        """Reconcile once; raise `Gone` when the object no longer exists, anything else to be tried again.

        `inbox` holds the alerts to act on (empty for other kinds), oldest first. They count as acted on when this
        returns, and come again when it raises. Returns the seconds after which to look again (None: at the resync).
        """
        ...


async def live(client: Client, resource: Resource, key: Key) -> dict[str, Any]:
    """The object of the key as it is now, else `Gone`."""
    found = await client.get(resource, key.namespace, key.name)
    if found is None or found["metadata"]["uid"] != key.uid:
        raise Gone
    return found


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    resync: float = 300.0
    first_back_off: float = 1.0
    longest_back_off: float = 60.0
    timeout: float = 120.0
    """The longest that one reconcile may take."""


class Hooks(Protocol):
    """What metrics want to know."""

    def reconciled(self, plural: str, outcome: str, seconds: float) -> None:
        """A reconcile ended: Done, Failed or Gone."""

    def queued(self, change: int) -> None:
        """So many more (or fewer) objects wait for their reconcile."""

    def known(self, key: Key) -> None:
        """The object has a task from now on; it may turn out to be gone."""

    def gone(self, key: Key) -> None:
        """The object no longer exists."""


@dataclass(frozen=True, slots=True)
class Letter:
    """An alert on its way to a task, and who waits for the answer."""

    alert: Any
    answer: asyncio.Future[bool]


class Loops:
    """All tasks. `parallel` bounds how many reconcile at once; no alert waits for a place, whenever it comes."""

    def __init__(
        self,
        client: Client,
        reconcilers: Iterable[Reconciler],
        hooks: Hooks,
        timing: Timing | None = None,
        parallel: int = 16,
    ) -> None:
        self.client = client
        self.reconcilers = {reconciler.resource.plural: reconciler for reconciler in reconcilers}
        self.hooks = hooks
        self.timing = timing or Timing()
        self.places = asyncio.Semaphore(parallel)
        self._tasks: dict[tuple[str, str], dict[Key, ObjectTask]] = {}
        self._deliveries: set[asyncio.Task[None]] = set()
        self._left: dict[str, asyncio.Event] = {}
        self._stopping = False

    def wake(self, key: Key) -> None:
        """Reconcile this object soon; its task is started if there is none."""
        if not self._stopping:
            self._task(key).wake()

    def post(self, namespace: str, name: str, alert: Any) -> asyncio.Future[bool]:
        """Hand an alert to the task of a Deployment.

        The answer is True once a reconcile that had it has succeeded, False when a live GET says that there is no such
        Deployment; it raises `ApiError` when that GET fails, the namespace cannot be read or the operator stops. Cancel
        it to give up: an alert not yet taken is then dropped.
        """
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        letter = Letter(alert, answer)
        if self._stopping:
            answer.set_exception(_stopping())
            return answer
        if namespace in self._left:
            answer.set_exception(_left(namespace))
            return answer
        known = [key for key in self.keys(DEPLOYMENTS.plural, namespace) if key.name == name]
        if len(known) == 1:
            self._task(known[0]).accept(letter)
        else:
            self._deliver(namespace, name, letter)
        return answer

    def keys(self, plural: str, namespace: str) -> tuple[Key, ...]:
        """The objects of a kind in a namespace that have a task."""
        return tuple(self._tasks.get((plural, namespace), ()))

    def leave(self, namespace: str) -> None:
        """The namespace cannot be read: reconcile nothing there, which could only fail, until `enter`."""
        if not self._stopping:
            self._left.setdefault(namespace, asyncio.Event())

    def enter(self, namespace: str) -> None:
        """The namespace can be read again: what waited goes on, and finds out what has become of its object."""
        gate = self._left.pop(namespace, None)
        if gate is not None:
            gate.set()

    def gate(self, namespace: str) -> asyncio.Event | None:
        """What to wait for while the namespace cannot be read; None while it can."""
        return self._left.get(namespace)

    async def stop(self, grace: float = 15.0) -> None:
        """Accept nothing more, let reconciles in flight finish for at most `grace` seconds, end all tasks."""
        self._stopping = True
        for delivery in self._deliveries:
            delivery.cancel()
        tasks = [task for of_namespace in self._tasks.values() for task in of_namespace.values()]
        running = [task.runner for task in tasks]
        for task in tasks:
            task.finish()
        for namespace in tuple(self._left):
            self.enter(namespace)
        if running:
            _, late = await asyncio.wait(running, timeout=grace)
            for runner in late:
                runner.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        self._tasks.clear()

    def _task(self, key: Key) -> "ObjectTask":
        of_namespace = self._tasks.setdefault((key.plural, key.namespace), {})
        if key not in of_namespace:
            self.hooks.known(key)
            of_namespace[key] = ObjectTask(self, key, self.reconcilers[key.plural])
        return of_namespace[key]

    def ended(self, task: "ObjectTask") -> None:
        """The object is gone: forget its task, send its alerts on to whatever has the name now."""
        key = task.key
        of_namespace = self._tasks.get((key.plural, key.namespace), {})
        of_namespace.pop(key, None)
        if not of_namespace:
            self._tasks.pop((key.plural, key.namespace), None)
        self.hooks.gone(key)
        for letter in task.letters:
            if self._stopping:
                _settle(letter, _stopping())
            else:
                self._deliver(key.namespace, key.name, letter)

    def _deliver(self, namespace: str, name: str, letter: Letter) -> None:
        delivery = asyncio.get_running_loop().create_task(self._look_up(namespace, name, letter))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _look_up(self, namespace: str, name: str, letter: Letter) -> None:
        try:
            found = await self.client.get(DEPLOYMENTS, namespace, name)
        except ApiError as error:
            _settle(letter, error)
        except asyncio.CancelledError:
            _settle(letter, _stopping())
            raise
        else:
            if found is None:
                _settle(letter, False)
            else:
                self._task(Key(DEPLOYMENTS.plural, namespace, name, found["metadata"]["uid"])).accept(letter)


class ObjectTask:
    """The task of one object: the only writer of its status."""

    def __init__(self, loops: Loops, key: Key, reconciler: Reconciler) -> None:
        self.loops = loops
        self.key = key
        self.reconciler = reconciler
        self.letters: list[Letter] = []
        self._woken = asyncio.Event()
        self._urgent = asyncio.Event()
        self._finishing = False
        self._retry_after = 0.0
        self.runner = asyncio.get_running_loop().create_task(
            self._run(), name=f"{key.plural} {key.namespace}/{key.name}"
        )

    def wake(self) -> None:
        """Reconcile soon, but not before the end of a back-off."""
        if not self._woken.is_set():
            self._woken.set()
            self.loops.hooks.queued(1)

    def accept(self, letter: Letter) -> None:
        """Reconcile at once, with this alert."""
        self.letters.append(letter)
        self._urgent.set()
        self.wake()

    def finish(self) -> None:
        """End after the reconcile in flight, if any."""
        self._finishing = True
        self._urgent.set()
        self.wake()

    async def _run(self) -> None:
        failures = 0
        try:
            self.wake()
            while not self._finishing:
                delay = await self._turn(failures)
                if delay is None:
                    failures += 1
                    await self._sleep(self._urgent, max(self._back_off(failures), self._retry_after))
                    self.wake()
                else:
                    failures = 0
                    await self._sleep(self._woken, delay)
                    self.wake()
        except Gone:
            self.loops.ended(self)
        finally:
            self._unqueue()
            for letter in self.letters:
                if self._finishing:
                    _settle(letter, _stopping())

    async def _turn(self, failures: int) -> float | None:
        """One reconcile: the seconds to wait for the next, or None when it failed."""
        while gate := self.loops.gate(self.key.namespace):
            self._unqueue()
            await gate.wait()
        placed = await self._place()
        try:
            self._unqueue()
            self._urgent.clear()
            if self._finishing:
                return 0.0
            self.letters = [letter for letter in self.letters if not letter.answer.done()]
            taken = tuple(self.letters)
            delay = await self._timed(taken, failures)
        finally:
            if placed:
                self.loops.places.release()
        if delay is not None:
            self.letters = self.letters[len(taken) :]
            for letter in taken:
                _settle(letter, True)
        return delay

    async def _place(self) -> bool:
        """Wait for a place, but not past an alert or the end; whether there is a place to give back."""
        places = self.loops.places
        if self.letters or self._urgent.is_set():
            return False
        if not places.locked():
            return await places.acquire()
        placing = asyncio.ensure_future(places.acquire())
        urgent = asyncio.ensure_future(self._urgent.wait())
        try:
            await asyncio.wait({placing, urgent}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if placing.done():
                places.release()
            raise
        finally:
            # A place that was granted, but not taken yet, goes back when the task that waits for it is cancelled.
            placing.cancel()
            urgent.cancel()
        return placing.done()

    async def _timed(self, letters: tuple[Letter, ...], failures: int) -> float | None:
        start = time.perf_counter()
        outcome = "Failed"
        try:
            async with asyncio.timeout(self.loops.timing.timeout):
                wanted = await self.reconciler(self.key, tuple(letter.alert for letter in letters))
            outcome = "Done"
            resync = self.loops.timing.resync * random.uniform(0.9, 1.1)  # noqa: S311
            return resync if wanted is None else max(SHORTEST_DELAY, min(wanted, resync))
        except Gone:
            outcome = "Gone"
            raise
        except Exception as error:
            self._log(error, failures)
            asked = error.retry_after if isinstance(error, ApiError) else 0.0
            self._retry_after = min(asked, self.loops.timing.longest_back_off)
            return None
        finally:
            self.loops.hooks.reconciled(self.key.plural, outcome, time.perf_counter() - start)

    def _log(self, error: Exception, failures: int) -> None:
        expected = isinstance(error, (ApiError, TimeoutError))
        text = str(error) or f"took longer than {self.loops.timing.timeout:g} s"
        logger.log(
            logging.WARNING if expected else logging.ERROR,
            "reconcile failed, will be tried again",
            exc_info=None if expected else error,
            extra={
                "resource": self.key.plural,
                "object": f"{self.key.namespace}/{self.key.name}",
                "uid": self.key.uid,
                "error": text if expected else f"{type(error).__name__}: {text}",
                "failures": failures + 1,
            },
        )

    def _back_off(self, failures: int) -> float:
        timing = self.loops.timing
        longest = min(timing.longest_back_off, timing.first_back_off * 2.0 ** min(failures - 1, 16))
        return longest * random.uniform(0.75, 1.0)  # noqa: S311

    def _unqueue(self) -> None:
        if self._woken.is_set():
            self._woken.clear()
            self.loops.hooks.queued(-1)

    @staticmethod
    async def _sleep(event: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)


def _settle(letter: Letter, outcome: bool | ApiError) -> None:
    if letter.answer.done():
        return
    if isinstance(outcome, ApiError):
        letter.answer.set_exception(outcome)
    else:
        letter.answer.set_result(outcome)


def _stopping() -> ApiError:
    return ApiError(0, "Stopping", "the operator is stopping: post the alert again")


def _left(namespace: str) -> ApiError:
    return ApiError(403, "Forbidden", f"namespace {namespace} cannot be read now: post the alert again")
