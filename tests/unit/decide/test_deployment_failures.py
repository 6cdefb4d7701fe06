"""A canary whose pods fail, or that makes no progress in time, is taken back by itself."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.decide.deployment_world import STEPS, World, canary, digest, promoted, serving

CRASHING = "pod movies-v4-x ended 3 times, the last time with exit code 1: out of ideas"


def deadline(seconds: int, steps: list[dict[str, Any]] = STEPS) -> dict[str, Any]:
    return {"canary": {"steps": steps, "progressDeadlineSeconds": seconds}}


def started(number: int = 4, **changes: Any) -> World:
    """A canary of version 4 whose pods are not ready."""
    world = serving(**changes)
    world.edit(version={"pin": number})
    world.step()
    world.step()
    return world


def revision(world: World, number: int = 4) -> str:
    return next(name for name, one in world.workloads.items() if one.revision.version == number)


def break_pods(world: World, number: int = 4, said: str = CRASHING) -> None:
    world.break_pods(revision(world, number), said)


def test_pods_that_crash_take_the_canary_back_and_block_its_revision() -> None:
    world = canary()
    break_pods(world)
    world.step()
    assert world.weights() == {1: 100}
    assert world.reason == "RollingBack"
    assert CRASHING in world.message
    assert {"RolledBack", "VersionBlocked"} <= set(world.events)
    (block,) = world.status.blocked
    assert (block.version, block.digest, block.cause) == (4, digest(4), "PodsFailed")
    assert block.revision
    world.run(seconds=3)
    assert world.verdicts[-1] == (1, 4, "RolledBack", "PodsFailed")
    assert world.reason == "VersionBlocked"


@pytest.mark.parametrize("how", ["paused", "held", "frozen"])
def test_nothing_holds_that_back(how: str) -> None:
    world = canary()
    if how == "paused":
        world.edit(paused=True)
    elif how == "held":
        world.command("pause", "v4/1")
    else:
        world.step(world.alert(4, "warning"))
    world.step()
    break_pods(world)
    world.step()
    assert world.weights() == {1: 100}


def test_other_resources_try_the_version_again() -> None:
    world = canary()
    break_pods(world)
    world.run(seconds=3)
    world.edit(resources={"limits": {"cpu": "1", "memory": "1Gi"}})
    world.run()
    assert world.weights() == {1: 90, 4: 10}


def test_retry_tries_the_same_revision_again() -> None:
    world = canary()
    break_pods(world)
    world.run(seconds=3)
    world.command("retry", "v4/1")
    world.run()
    assert world.weights() == {1: 90, 4: 10}


def test_where_stable_crashes_as_well_it_is_not_the_canarys_fault() -> None:
    world = canary()
    break_pods(world, 1, "pod movies-v1-x ended 3 times")
    break_pods(world)
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    assert world.status.blocked == ()
    world.run(rounds=2)


def test_a_first_version_that_crashes_is_only_told_of() -> None:
    world = World()
    world.step()
    break_pods(world, 1)
    world.step()
    world.step()
    assert world.reason == "PodsFailed"
    assert "It is the first version" in world.message
    assert world.events.count("PodsFailed") == 1
    assert world.status.canary
    world.workloads[revision(world, 1)] = replace(world.workloads[revision(world, 1)], broken="")
    world.run()
    assert world.reason == "Serving"


def test_the_way_back_from_a_bad_version_is_never_given_up() -> None:
    world = promoted()
    world.run(seconds=700)
    world.step(world.alert(4))
    break_pods(world, 1)
    world.wait(10_000)
    world.step()
    assert world.status.canary
    assert world.status.canary.reverting
    assert world.status.canary.abort is None


def test_a_canary_whose_pods_do_not_come_up_in_time_is_taken_back() -> None:
    world = started(strategy=deadline(100))
    world.wait(99)
    waiting = world.step()
    assert world.reason == "WaitingForPods"
    assert waiting.requeue_after == pytest.approx(1.01)
    world.wait(1)
    world.step()
    assert world.status.blocked[0].cause == "ProgressDeadlineExceeded"
    assert world.status.blocked[0].revision
    assert world.status.blocked[0].message == "It made no progress in 100 s. 0 of 2 pods are ready."
    assert world.verdicts[-1] == (1, 4, "RolledBack", "ProgressDeadlineExceeded")


def test_a_route_that_is_not_accepted_in_time_takes_the_canary_back() -> None:
    world = started(strategy=deadline(100))
    world.pods(revision(world))
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    world.step()
    world.wait(100)
    world.step()
    assert world.weights() == {1: 100}
    assert "The gateway has not taken over 10 %." in world.status.blocked[0].message


def test_pods_that_die_under_way_count_from_then_on() -> None:
    world = canary(strategy=deadline(100, [{"weight": 10}, {"pause": {}}]))
    world.wait(10_000)
    world.step()
    world.pods(revision(world), 1)
    world.step()
    world.wait(99)
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    world.wait(1)
    world.step()
    assert world.weights() == {1: 100}


def test_progress_begins_the_deadline_anew() -> None:
    world = started(strategy=deadline(100))
    world.wait(90)
    world.step()
    world.pods(revision(world))
    world.step()
    world.accept()
    world.step()
    world.pods(revision(world), 1)
    world.step()
    world.wait(90)
    world.step()
    assert world.weights() == {1: 90, 4: 10}


def test_pods_that_came_up_while_the_operator_was_away_for_long_go_on() -> None:
    world = started(strategy=deadline(100))
    world.pods(revision(world))
    world.wait(10_000)
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    assert world.status.blocked == ()
    world.wait(99)
    world.step()
    assert world.status.blocked == ()


def test_a_gateway_that_was_not_asked_before_the_operator_died_has_all_its_time() -> None:
    world = started(strategy=deadline(100))
    world.pods(revision(world))
    world.step(crash=True)
    assert world.route
    assert list(world.route.weights.values()) == [100]
    world.wait(10_000)
    world.step(crash=True)
    unasked = world.status
    world.wait(10_000)
    assert world.step().status == unasked, "nothing is written again and again while nothing changes"
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    assert world.status.blocked == ()
    world.wait(99)
    world.step()
    assert world.status.blocked == ()
    world.wait(1)
    world.step()
    assert "The gateway has not taken over 10 %." in world.status.blocked[0].message


def test_a_deadline_that_was_cut_short_while_it_was_held_ends_with_the_hold() -> None:
    world = started(strategy=deadline(100))
    world.wait(60)
    world.step()
    world.edit(paused=True)
    world.step()
    world.edit(strategy=deadline(50))
    world.step()
    assert world.status.blocked == ()
    world.edit(paused=False)
    world.step(crash=True)
    assert world.status.blocked[0].cause == "ProgressDeadlineExceeded"


@pytest.mark.parametrize("how", ["paused", "held", "frozen", "no model"])
def test_time_in_which_something_holds_it_does_not_count(how: str) -> None:
    world = started(strategy=deadline(100), rollback={"warmSeconds": 600, "freezeSeconds": 604800})
    world.wait(60)
    world.step()
    warning = world.alert(4, "warning")
    if how == "paused":
        world.edit(paused=True)
        world.step()
    elif how == "held":
        world.command("pause", "v4/1")
        world.step()
    elif how == "frozen":
        world.step(warning)
    else:
        world.has_model = False
        world.step()
    world.wait(10_000)
    world.step()
    assert world.status.blocked == ()
    world.edit(paused=False)
    world.command("resume", "v4/1")
    world.has_model = True
    world.step(replace(warning, resolved=True))
    world.wait(39)
    world.step()
    assert world.status.blocked == (), "what was waited before is kept, and no more"
    world.wait(2)
    world.step()
    assert world.status.blocked[0].cause == "ProgressDeadlineExceeded"


def test_what_the_api_server_refuses_says_nothing_about_the_version() -> None:
    world = serving(strategy=deadline(100))
    world.room = 1
    world.edit(version={"pin": 4})
    world.step()
    world.wait(10_000)
    world.step()
    world.step()
    assert world.reason == "ChildRefused"
    assert world.status.blocked == ()


def test_a_first_version_past_its_deadline_is_only_told_of() -> None:
    world = World()
    world.step()
    world.step()
    world.wait(600)
    world.step()
    world.step()
    assert world.reason == "ProgressDeadlineExceeded"
    assert world.events.count("ProgressDeadlineExceeded") == 1
    world.run()
    assert world.reason == "Serving"


def test_the_default_deadline_is_ten_minutes_also_without_steps() -> None:
    world = started(strategy=None)
    world.step()
    world.wait(599)
    world.step()
    assert world.status.blocked == ()
    world.wait(1)
    world.step()
    assert world.status.blocked[0].cause == "ProgressDeadlineExceeded"


def test_the_history_says_how_long_it_was_held() -> None:
    world = canary()
    world.command("pause", "v4/1")
    world.step()
    world.wait(500)
    world.step()
    world.command("resume", "v4/1")
    world.step()
    world.wait(50)
    world.edit(paused=True)
    world.step()
    world.wait(30)
    world.edit(version={"pin": 1})
    world.run(seconds=3)
    assert world.status.history[-1].to_version == 4
    assert world.status.history[-1].held_seconds == 530
