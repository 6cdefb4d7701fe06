"""Looks run beside the reconciles: one an object, replaced while they wait, woken from when they are done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.observe.cluster import OWNER, Cluster

from recsys_operator.build.labels import Owner
from recsys_operator.decide.analysis.facts import Evidence, Plan, Reading
from recsys_operator.observe.measure import looks
from recsys_operator.observe.measure.look import Measurer
from recsys_operator.observe.measure.looks import Looks

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PLAN = Plan(NOW, (("Canary", "abc"),))
HOUR_LATER = replace(PLAN, at=NOW + 3600 * SECOND)


class Scripted(Measurer):
    """Measures nothing, but when it is let, and says at which plan."""

    def __init__(self) -> None:
        super().__init__(Cluster(), "", ())
        self.begun: asyncio.Queue[Plan] = asyncio.Queue()
        self.let = asyncio.Semaphore(0)
        self.at = NOW
        self.fails = 0

    async def measure(self, owner: Owner, model: str, plan: Plan) -> Evidence:
        assert (owner, model) == (OWNER, "films")
        self.begun.put_nowait(plan)
        await self.let.acquire()
        if self.fails:
            self.fails -= 1
            raise RuntimeError
        return Evidence(tuple(Reading(arm, revision, self.at, ()) for arm, revision in plan.read))


class Scene:
    """The looks of one object, and who is woken."""

    def __init__(self) -> None:
        self.measurer = Scripted()
        self.woken: asyncio.Queue[str] = asyncio.Queue()
        self.looks: Looks[str] = Looks(self.measurer, self.woken.put_nowait, lambda: NOW)

    def begin(self, plan: Plan | None, key: str = "movies") -> None:
        self.looks.begin(key, OWNER, "films", plan)

    async def finish(self) -> None:
        self.measurer.let.release()
        await self.woken.get()

    @property
    def revisions(self) -> list[str]:
        return [one.revision for one in self.looks.evidence("movies").readings]


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    found = Scene()
    try:
        yield found
    finally:
        await found.looks.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("look ")]


async def test_a_look_that_is_due_is_taken_and_wakes_the_object() -> None:
    async with scene() as stage:
        assert stage.looks.evidence("movies") == Evidence()
        stage.begin(PLAN)
        await stage.finish()
        assert stage.revisions == ["abc"]
        assert stage.measurer.begun.qsize() == 1


async def test_a_look_that_is_due_later_waits() -> None:
    async with scene() as stage:
        stage.begin(HOUR_LATER)
        stage.begin(PLAN, "books")
        await stage.finish()
        assert stage.measurer.begun.qsize() == 1
        assert stage.revisions == []


@pytest.mark.parametrize(
    ("waiting", "wanted", "taken"),
    [
        (HOUR_LATER, PLAN, PLAN),
        (HOUR_LATER, replace(PLAN, read=(("Canary", "other"),)), replace(PLAN, read=(("Canary", "other"),))),
    ],
)
async def test_a_waiting_look_is_replaced_by_an_earlier_one(waiting: Plan, wanted: Plan, taken: Plan) -> None:
    async with scene() as stage:
        stage.begin(waiting)
        stage.begin(wanted)
        assert await stage.measurer.begun.get() == taken


async def test_a_waiting_look_is_replaced_by_one_that_asks_for_something_else_later() -> None:
    other = replace(HOUR_LATER, at=HOUR_LATER.at + SECOND, read=(("Canary", "other"),))
    async with scene() as stage:
        stage.begin(HOUR_LATER)
        stage.begin(other)
        assert stage.looks._looks["movies"].plan == other


async def test_a_waiting_look_is_not_put_off_by_the_same_one_later() -> None:
    async with scene() as stage:
        stage.begin(HOUR_LATER)
        task = stage.looks._looks["movies"].task
        stage.begin(replace(HOUR_LATER, at=HOUR_LATER.at + SECOND))
        assert stage.looks._looks["movies"].task is task


async def test_a_look_that_measures_goes_on() -> None:
    async with scene() as stage:
        stage.begin(PLAN)
        await stage.measurer.begun.get()
        stage.begin(replace(PLAN, read=(("Canary", "other"),)))
        await stage.finish()
        assert stage.revisions == ["abc"]
        assert stage.measurer.begun.empty()


async def test_evidence_stays_until_the_next_look_is_finished() -> None:
    async with scene() as stage:
        stage.begin(PLAN)
        await stage.finish()
        stage.begin(replace(PLAN, read=(("Canary", "next"),)))
        assert (await stage.measurer.begun.get(), await stage.measurer.begun.get())[1].read == (("Canary", "next"),)
        assert stage.revisions == ["abc"]
        await stage.finish()
        assert stage.revisions == ["next"]


async def test_times_rise_from_look_to_look_also_when_the_clock_is_set_back() -> None:
    async with scene() as stage:
        times = []
        for at in (NOW, NOW, NOW - 60 * SECOND, NOW + SECOND):
            stage.measurer.at = at
            stage.begin(PLAN)
            await stage.finish()
            times.append(stage.looks.evidence("movies").readings[0].at)
    assert times == sorted(set(times))
    assert times[-1] == NOW + SECOND


async def test_nothing_to_measure_ends_the_look_and_forgets_what_was_found() -> None:
    async with scene() as stage:
        stage.begin(PLAN)
        await stage.finish()
        stage.begin(PLAN)
        await stage.measurer.begun.get()
        stage.begin(None)
        assert stage.looks.evidence("movies") == Evidence()
        stage.begin(replace(PLAN, read=(("Canary", "next"),)))
        await stage.finish()
        assert stage.revisions == ["next"]


async def test_a_look_that_fails_wakes_the_object_after_a_pause_and_keeps_what_was_found(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(looks, "PAUSE", 0.01)
    async with scene() as stage:
        stage.begin(PLAN)
        await stage.finish()
        stage.measurer.fails = 1
        stage.begin(PLAN)
        await stage.finish()
        assert stage.revisions == ["abc"]
        assert "a look failed" in caplog.text
        stage.begin(replace(PLAN, read=(("Canary", "next"),)))
        await stage.finish()
        assert stage.revisions == ["next"]


async def test_looks_of_many_objects_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "PARALLEL", 2)
    async with scene() as stage:
        for number in range(5):
            stage.begin(PLAN, f"object-{number}")
        for _ in range(2):
            await stage.measurer.begun.get()
        for _ in range(3):
            assert stage.measurer.begun.empty()
            await stage.finish()
            await stage.measurer.begun.get()
        for _ in range(2):
            await stage.finish()
