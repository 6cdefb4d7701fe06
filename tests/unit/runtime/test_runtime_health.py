"""When the process says that it no longer does its work."""

import asyncio
from typing import Any

from recsys_operator.api.kinds import DEPLOYMENTS, JOBS, PODS, Resource
from recsys_operator.handlers import watched
from recsys_operator.health import BEAT, MEMORY, PATIENCE, Health


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def obj(version: int, uid: str = "u1", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "movies",
            "namespace": "shop",
            "uid": uid,
            "resourceVersion": str(version),
            "labels": labels,
        }
    }


def at(seconds: float, *events: tuple[float, str, Resource, dict[str, Any]]) -> tuple[str, ...]:
    """The problems so many seconds after the start, when these things happened before; the loop runs on time."""
    clock = Clock()
    health = Health(watched, clock)
    for when, what, resource, thing in events:
        clock.now = 1000 + when
        if what == "answered":
            health.answered(resource, thing)
        elif what == "delivered":
            health.delivered(thing)
        else:
            health.ended(thing["metadata"]["uid"])
    clock.now = 1000 + seconds
    health._last_beat = clock.now  # the heartbeat is another test's
    return health.problems()


def test_a_watch_that_delivers_is_well() -> None:
    assert at(100, (0, "answered", DEPLOYMENTS, obj(5)), (1, "delivered", DEPLOYMENTS, obj(5))) == ()
    assert at(100, (0, "answered", DEPLOYMENTS, obj(5)), (1, "delivered", DEPLOYMENTS, obj(9))) == ()
    assert at(100, (0, "delivered", DEPLOYMENTS, obj(5)), (1, "answered", DEPLOYMENTS, obj(5))) == ()


def test_nothing_is_owed_in_a_namespace_that_is_not_watched() -> None:
    clock = Clock()
    health = Health(watched, clock)
    health.answered(DEPLOYMENTS, obj(5))
    health.leave("shop")
    health.answered(DEPLOYMENTS, obj(6, uid="u2"))
    clock.now += PATIENCE + 1
    health._last_beat = clock.now
    assert health.problems() == ()
    health.enter("shop")
    health.answered(DEPLOYMENTS, obj(7))
    clock.now += PATIENCE + 1
    health._last_beat = clock.now
    assert "the watch of deployments is silent" in health.problems()[0]


def test_a_watch_has_patience() -> None:
    assert at(PATIENCE - 1, (0, "answered", DEPLOYMENTS, obj(5))) == ()


def test_a_silent_watch_is_told_with_the_object() -> None:
    (problem,) = at(PATIENCE + 1, (0, "answered", DEPLOYMENTS, obj(5)))
    assert problem == (
        "the watch of deployments is silent: it has not delivered version 5 of shop/movies, known for 31 s"
    )


def test_an_old_version_does_not_pay_for_a_new_one() -> None:
    events = (
        (0.0, "answered", DEPLOYMENTS, obj(5)),
        (1.0, "delivered", DEPLOYMENTS, obj(5)),
        (2.0, "answered", DEPLOYMENTS, obj(8)),
        (3.0, "delivered", DEPLOYMENTS, obj(6)),
    )
    assert at(2 + PATIENCE + 1, *events)


def test_many_writes_do_not_hide_that_the_first_was_never_delivered() -> None:
    writes = [(float(second), "answered", DEPLOYMENTS, obj(5 + second)) for second in range(int(PATIENCE) + 2)]
    assert at(PATIENCE + 2, *writes)


def test_a_watch_that_is_a_little_behind_all_the_time_is_well() -> None:
    events = []
    for second in range(100):
        events.append((second + 0.0, "answered", DEPLOYMENTS, obj(5 + second)))
        events.append((second + 0.5, "delivered", DEPLOYMENTS, obj(3 + second)))
    assert at(100, *events) == ()


def test_a_deleted_object_is_owed_nothing() -> None:
    assert at(100, (0, "answered", DEPLOYMENTS, obj(5)), (1, "ended", DEPLOYMENTS, obj(6))) == ()
    assert at(100, (0, "ended", DEPLOYMENTS, obj(6)), (1, "answered", DEPLOYMENTS, obj(5))) == ()


def test_only_watched_objects_count() -> None:
    ours = {"app.kubernetes.io/managed-by": "recsys-operator"}
    assert at(100, (0, "answered", PODS, obj(5))) == ()
    assert at(100, (0, "answered", JOBS, obj(5))) == ()
    assert at(100, (0, "answered", JOBS, obj(5, **ours)))


def test_a_lag_is_told_and_forgotten() -> None:
    clock = Clock()
    health = Health(watched, clock)
    clock.now += BEAT + 4
    assert health.problems() == ()
    clock.now += 2
    assert health.problems() == ("the event loop lagged by 6.0 s: more than 5 s",)
    health.late(6)
    health._last_beat = clock.now
    assert health.problems() == ("the event loop lagged by 6.0 s: more than 5 s",)
    clock.now += MEMORY + 1
    health._last_beat = clock.now
    assert health.problems() == ()


async def test_the_heart_beats() -> None:
    clock = Clock()
    health = Health(watched, clock)
    heart = asyncio.create_task(health.beat())
    clock.now += 100
    assert health.problems()
    await asyncio.sleep(0)
    assert health.problems() == ()
    heart.cancel()
