"""One task an object: wake-ups, resync, back-off, alerts, the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from recsys_operator.api.kinds import DEPLOYMENTS, TRAININGRUNS, Resource
from recsys_operator.apply.client import ApiError
from recsys_operator.reconcile.loop import Gone, Key, Loops, Timing

RUN = Key("trainingruns", "shop", "run", "u1")
MOVIES = Key("deployments", "shop", "movies", "d1")
QUICK = Timing(resync=60, first_back_off=0.05, longest_back_off=0.2, timeout=1)

Answer = float | None | Exception


class Recorder:
    """A reconciler that remembers its calls and answers as told; the last answer goes on for ever."""

    def __init__(self, resource: Resource, *answers: Answer) -> None:
        self.resource = resource
        self.answers = list(answers) or [None]
        self.calls: list[tuple[Key, tuple[Any, ...]]] = []
        self.hold: asyncio.Event | None = None

    async def __call__(self, key: Key, inbox: tuple[Any, ...]) -> float | None:
        self.calls.append((key, inbox))
        if self.hold is not None:
            await self.hold.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Server:
    """Knows which Deployment there is."""

    def __init__(self, uid: str | None = "d1", error: ApiError | None = None) -> None:
        self.uid = uid
        self.error = error

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        if self.error:
            raise self.error
        return {"metadata": {"uid": self.uid}} if self.uid else None


class Hooks:
    """Counts."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.queue = 0
        self.begun: list[Key] = []
        self.ended: list[Key] = []

    def reconciled(self, plural: str, outcome: str, seconds: float) -> None:
        self.outcomes.append(outcome)

    def queued(self, change: int) -> None:
        self.queue += change

    def known(self, key: Key) -> None:
        self.begun.append(key)

    def gone(self, key: Key) -> None:
        self.ended.append(key)


@asynccontextmanager
async def running(
    *reconcilers: Recorder, server: Server | None = None, timing: Timing = QUICK, parallel: int = 16
) -> AsyncIterator[tuple[Loops, Hooks]]:
    hooks = Hooks()
    loops = Loops(server or Server(), reconcilers, hooks, timing, parallel)  # type: ignore[arg-type]
    try:
        yield loops, hooks
    finally:
        await loops.stop(1)


@asynccontextmanager
async def occupied(reconciler: Recorder) -> AsyncIterator[tuple[Loops, Hooks]]:
    """The only place is taken by a TrainingRun, until the end."""
    busy = Recorder(TRAININGRUNS)
    busy.hold = asyncio.Event()
    async with running(busy, reconciler, parallel=1) as (loops, hooks):
        loops.wake(RUN)
        await soon(lambda: busy.calls)
        yield loops, hooks
        busy.hold.set()


async def soon(check: Callable[[], object], seconds: float = 2) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while not check():
        assert asyncio.get_running_loop().time() < end, "it did not happen in time"
        await asyncio.sleep(0.002)


async def result(waiting: Awaitable[bool]) -> bool:
    return await asyncio.wait_for(waiting, 2)


async def test_a_wake_up_reconciles_once() -> None:
    reconciler = Recorder(TRAININGRUNS)
    async with running(reconciler) as (loops, hooks):
        loops.wake(RUN)
        await soon(lambda: hooks.outcomes == ["Done"])
        await asyncio.sleep(0.05)
        assert len(reconciler.calls) == 1
        assert hooks.queue == 0


async def test_wake_ups_while_reconciling_make_one_more() -> None:
    reconciler = Recorder(TRAININGRUNS)
    reconciler.hold = asyncio.Event()
    async with running(reconciler) as (loops, hooks):
        loops.wake(RUN)
        await soon(lambda: reconciler.calls)
        for _ in range(5):
            loops.wake(RUN)
        assert hooks.queue == 1
        reconciler.hold.set()
        await soon(lambda: len(hooks.outcomes) == 2)
        await asyncio.sleep(0.05)
        assert len(reconciler.calls) == 2


async def test_it_looks_again_when_asked_and_at_the_resync() -> None:
    asked = Recorder(TRAININGRUNS, 0.03, None)
    async with running(asked) as (loops, _):
        loops.wake(RUN)
        await soon(lambda: len(asked.calls) == 2)
    resynced = Recorder(TRAININGRUNS)
    async with running(resynced, timing=Timing(resync=0.03)) as (loops, _):
        loops.wake(RUN)
        await soon(lambda: len(resynced.calls) >= 3)


async def test_failures_back_off_and_do_not_stop_others() -> None:
    bad = Recorder(TRAININGRUNS, ApiError(500, "InternalError", "no"), ValueError("bug"), None)
    good = Recorder(DEPLOYMENTS)
    async with running(bad, good, parallel=1) as (loops, hooks):
        begin = asyncio.get_running_loop().time()
        loops.wake(RUN)
        loops.wake(MOVIES)
        await soon(lambda: good.calls)
        # Wake-ups do not shorten a back-off.
        while len(bad.calls) < 3:
            loops.wake(RUN)
            await asyncio.sleep(0.005)
            assert asyncio.get_running_loop().time() < begin + 2
        assert asyncio.get_running_loop().time() - begin > 0.75 * (0.05 + 0.1)
        assert hooks.outcomes.count("Failed") == 2


async def test_the_api_server_may_ask_for_a_longer_back_off() -> None:
    """It is heard up to the longest back-off, and counts for the failure that it came with."""
    reconciler = Recorder(
        TRAININGRUNS,
        ApiError(429, "TooManyRequests", "later", retry_after=0.3),
        ApiError(429, "TooManyRequests", "later", retry_after=3600),
        ApiError(409, "Conflict", "again"),
        None,
    )
    begin = asyncio.get_running_loop().time()
    async with running(reconciler, timing=Timing(first_back_off=0.001, longest_back_off=0.4)) as (loops, hooks):
        loops.wake(RUN)
        await soon(lambda: len(reconciler.calls) == 2)
        assert asyncio.get_running_loop().time() - begin >= 0.3
        await soon(lambda: len(reconciler.calls) == 4)
        assert asyncio.get_running_loop().time() - begin >= 0.3 + 0.4
        assert hooks.outcomes[:3] == ["Failed"] * 3


async def test_a_reconcile_that_hangs_is_given_up() -> None:
    hanging = Recorder(TRAININGRUNS)
    hanging.hold = asyncio.Event()
    async with running(hanging, timing=Timing(first_back_off=0.01, timeout=0.05)) as (loops, hooks):
        loops.wake(RUN)
        await soon(lambda: hooks.outcomes.count("Failed") >= 2)


async def test_the_task_ends_with_its_object() -> None:
    reconciler = Recorder(TRAININGRUNS, Gone())
    async with running(reconciler) as (loops, hooks):
        loops.wake(RUN)
        loops.wake(RUN)
        assert hooks.begun == [RUN]
        await soon(lambda: hooks.ended == [RUN])
        assert loops.keys("trainingruns", "shop") == ()
        assert hooks.queue == 0


async def test_an_alert_is_answered_when_its_reconcile_is_through() -> None:
    reconciler = Recorder(DEPLOYMENTS)
    reconciler.hold = asyncio.Event()
    async with running(reconciler) as (loops, _):
        answer = loops.post("shop", "movies", "alert")
        await soon(lambda: reconciler.calls == [(MOVIES, ("alert",))])
        assert not answer.done()
        reconciler.hold.set()
        assert await result(answer) is True


async def test_an_alert_of_an_unknown_deployment_is_refused() -> None:
    reconciler = Recorder(DEPLOYMENTS)
    async with running(reconciler, server=Server(uid=None)) as (loops, _):
        assert await result(loops.post("shop", "nothing", "alert")) is False
        assert reconciler.calls == []


async def test_an_alert_fails_when_the_api_server_does() -> None:
    async with running(Recorder(DEPLOYMENTS), server=Server(error=ApiError(0, "Unreachable", "no"))) as (loops, _):
        with pytest.raises(ApiError, match="no"):
            await result(loops.post("shop", "movies", "alert"))


async def test_an_alert_does_not_wait_for_the_back_off() -> None:
    reconciler = Recorder(DEPLOYMENTS, ApiError(500, "InternalError", "no"), None)
    slow = Timing(first_back_off=30, longest_back_off=60)
    async with running(reconciler, timing=slow) as (loops, hooks):
        loops.wake(MOVIES)
        await soon(lambda: hooks.outcomes == ["Failed"])
        assert await result(loops.post("shop", "movies", "alert")) is True


async def test_an_alert_does_not_wait_for_a_place() -> None:
    reconciler = Recorder(DEPLOYMENTS)
    async with occupied(reconciler) as (loops, _):
        assert await result(loops.post("shop", "movies", "alert")) is True


async def test_an_alert_does_not_wait_for_the_place_that_its_task_waits_for() -> None:
    reconciler = Recorder(DEPLOYMENTS)
    async with occupied(reconciler) as (loops, hooks):
        loops.wake(MOVIES)
        await asyncio.sleep(0.02)
        assert (reconciler.calls, hooks.queue) == ([], 1)
        assert await result(loops.post("shop", "movies", "alert")) is True
        assert hooks.outcomes == ["Done"]
        assert reconciler.calls[0] == (MOVIES, ("alert",))


async def test_places_are_neither_lost_nor_made() -> None:
    """Whatever ends the wait for a place: the place, an alert, both in one moment, or the end of the task."""
    places = 2
    runs = [Key("trainingruns", "shop", f"run-{index}", f"r{index}") for index in range(places)]
    for gap in range(6):
        busy, reconciler = Recorder(TRAININGRUNS), Recorder(DEPLOYMENTS)
        busy.hold = asyncio.Event()
        async with running(busy, reconciler, parallel=places) as (loops, _):
            for run in runs:
                loops.wake(run)
            await soon(lambda busy=busy: len(busy.calls) == places)
            waiting = [Key("deployments", "shop", f"movies-{index}", f"d{index}") for index in range(3)]
            for key in waiting:
                loops.wake(key)
            await asyncio.sleep(0.01)
            busy.hold.set()
            for _step in range(gap):
                await asyncio.sleep(0)
            answer = loops.post("shop", "movies-0", "alert")
            loops._task(waiting[1]).runner.cancel()
            assert await result(answer) is True
            await soon(lambda loops=loops: loops.places._value == places)
            await asyncio.sleep(0.01)
            assert loops.places._value == places


async def test_stopping_does_not_wait_for_a_place() -> None:
    async with occupied(Recorder(DEPLOYMENTS)) as (loops, _):
        loops.wake(MOVIES)
        await asyncio.sleep(0.01)
        task = loops._task(MOVIES)
        task.finish()
        await asyncio.wait_for(task.runner, 1)


async def test_an_alert_comes_again_after_a_failure() -> None:
    reconciler = Recorder(DEPLOYMENTS, ApiError(409, "Conflict", "again"), None)
    async with running(reconciler) as (loops, _):
        assert await result(loops.post("shop", "movies", "alert")) is True
        assert [inbox for _, inbox in reconciler.calls] == [("alert",), ("alert",)]


async def test_an_alert_that_nobody_waits_for_is_dropped() -> None:
    reconciler = Recorder(DEPLOYMENTS, ApiError(409, "Conflict", "again"), None)
    async with running(reconciler) as (loops, hooks):
        answer = loops.post("shop", "movies", "alert")
        await soon(lambda: hooks.outcomes == ["Failed"])
        answer.cancel()
        await soon(lambda: hooks.outcomes == ["Failed", "Done"])
        assert reconciler.calls[-1] == (MOVIES, ())


async def test_an_alert_follows_the_name_to_a_new_object() -> None:
    reconciler = Recorder(DEPLOYMENTS)
    server = Server(uid="d2")
    answers: dict[str, Answer] = {"d1": Gone(), "d2": None}

    async def reconcile(key: Key, inbox: tuple[Any, ...]) -> float | None:
        reconciler.answers = [answers[key.uid]]
        return await Recorder.__call__(reconciler, key, inbox)

    class Following(Recorder):
        async def __call__(self, key: Key, inbox: tuple[Any, ...]) -> float | None:
            return await reconcile(key, inbox)

    async with running(Following(DEPLOYMENTS), server=server) as (loops, _hooks):
        loops._task(MOVIES)
        assert await result(loops.post("shop", "movies", "alert")) is True
        assert reconciler.calls[-1] == (Key("deployments", "shop", "movies", "d2"), ("alert",))


async def test_stopping_lets_reconciles_finish_and_refuses_alerts() -> None:
    reconciler = Recorder(DEPLOYMENTS)
    reconciler.hold = asyncio.Event()
    async with running(reconciler) as (loops, hooks):
        loops.wake(MOVIES)
        await soon(lambda: reconciler.calls)
        late = loops.post("shop", "movies", "late")
        stopping = asyncio.create_task(loops.stop(2))
        await asyncio.sleep(0.01)
        reconciler.hold.set()
        await stopping
        assert hooks.outcomes[0] == "Done"
        with pytest.raises(ApiError, match="stopping"):
            await result(late)
        with pytest.raises(ApiError, match="stopping"):
            await result(loops.post("shop", "movies", "later"))
        loops.wake(RUN)
        assert loops.keys("trainingruns", "shop") == ()


async def test_nothing_is_reconciled_in_a_namespace_that_cannot_be_read() -> None:
    reconciler, other = Recorder(DEPLOYMENTS), Recorder(TRAININGRUNS, 0.02)
    async with running(reconciler, other) as (loops, hooks):
        loops.wake(MOVIES)
        await soon(lambda: len(reconciler.calls) == 1)
        loops.leave("shop")
        loops.leave("shop")
        loops.wake(MOVIES)
        elsewhere = Key("trainingruns", "news", "run", "u2")
        loops.wake(elsewhere)
        await soon(lambda: len(other.calls) >= 3)
        assert len(reconciler.calls) == 1
        assert hooks.queue == 0, "what cannot be done does not wait for its turn"
        with pytest.raises(ApiError, match="namespace shop cannot be read"):
            await result(loops.post("shop", "movies", "alert"))
        loops.enter("shop")
        loops.enter("news")
        await soon(lambda: len(reconciler.calls) == 2)
        assert await result(loops.post("shop", "movies", "alert")) is True


async def test_stopping_does_not_wait_for_a_namespace_that_cannot_be_read() -> None:
    reconciler = Recorder(DEPLOYMENTS)
    async with running(reconciler) as (loops, _):
        loops.leave("shop")
        loops.wake(MOVIES)
        await asyncio.sleep(0.01)
        await asyncio.wait_for(loops.stop(5), 1)
        assert reconciler.calls == []


async def test_stopping_is_bounded() -> None:
    reconciler = Recorder(TRAININGRUNS)
    reconciler.hold = asyncio.Event()
    async with running(reconciler) as (loops, _):
        loops.wake(RUN)
        await soon(lambda: reconciler.calls)
        await asyncio.wait_for(loops.stop(0.05), 1)
