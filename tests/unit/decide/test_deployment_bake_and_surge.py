"""The step bake, and edits of the pods alone."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.decide.deployment_world import STEPS, World, canary, serving

BAKE: dict[str, Any] = {"canary": {"steps": [{"weight": 10}, {"bake": {"durationSeconds": 100}}, {"weight": 50}]}}
SURGE: dict[str, Any] = {"canary": {"steps": STEPS}, "resourceEdits": "Surge"}
LARGE = {"limits": {"cpu": "1", "memory": "1Gi"}}


def baking() -> World:
    world = canary(strategy=BAKE)
    assert world.status.canary
    assert world.status.canary.step == 1
    return world


def revision(world: World, number: int) -> str:
    return next(name for name, one in world.workloads.items() if one.revision.version == number)


def test_a_bake_ends_when_all_was_well_for_so_long() -> None:
    world = baking()
    assert world.status.canary
    assert world.status.canary.well_since
    assert "It bakes: all must be well without a break until" in world.message
    world.wait(80)
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    world.wait(20)
    world.step()
    assert world.weights() == {1: 50, 4: 50}


@pytest.mark.parametrize("trouble", ["canary's pods", "stable's pods", "warning", "gateway"])
def test_any_trouble_begins_it_anew(trouble: str) -> None:
    world = baking()
    world.wait(80)
    warning = world.alert(4, "warning")
    if trouble == "canary's pods":
        world.pods(revision(world, 4), 1)
    elif trouble == "stable's pods":
        world.pods(revision(world, 1), 1)
    elif trouble == "gateway":
        assert world.route
        world.route = replace(world.route, accepted=False)
    world.step(*([warning] if trouble == "warning" else []))
    assert world.status.canary
    assert world.status.canary.well_since is None
    world.wait(10)
    for one in world.workloads:
        world.pods(one)
    world.accept()
    world.step(replace(warning, resolved=True))
    world.wait(99)
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    world.wait(1)
    world.step()
    assert world.weights() == {1: 50, 4: 50}


def test_a_hold_does_not_begin_it_anew_but_nothing_rises_in_it() -> None:
    world = baking()
    world.edit(paused=True)
    world.run(seconds=1000)
    assert world.weights() == {1: 90, 4: 10}
    world.edit(paused=False)
    world.step()
    assert world.weights() == {1: 50, 4: 50}


def test_promote_ends_a_bake() -> None:
    world = baking()
    world.command("promote", "v4/1")
    world.step()
    assert world.weights() == {1: 50, 4: 50}


def test_an_edit_of_the_pods_alone_takes_over_at_once_when_all_new_pods_are_there() -> None:
    world = serving(strategy=SURGE)
    before = revision(world, 1)
    world.edit(resources=LARGE)
    world.step()
    assert len(world.workloads) == 2
    assert world.weights() == {1: 100}
    assert "0 % (without steps)" in world.message
    new = next(name for name in world.workloads if name != before)
    world.pods(new, 1)
    world.step()
    assert world.route
    assert dict(world.route.weights) == {before: 100}, "stable keeps everything until the new pods are there"
    world.pods(new)
    world.step()
    assert dict(world.route.weights) == {new: 100}
    world.run()
    assert world.status.stable
    assert world.status.stable.revision == new
    assert world.verdicts[-1] == (1, 1, "Promoted", "CanaryCompleted")


@pytest.mark.parametrize("change", ["version", "image", "strategy"])
def test_anything_more_goes_through_the_steps(change: str) -> None:
    world = serving(strategy={**SURGE, "resourceEdits": "Canary"} if change == "strategy" else SURGE)
    if change == "image":
        world.image = "localhost/recsys-server:2"
    world.edit(resources=LARGE, version={"pin": 4 if change == "version" else 1})
    world.run()
    assert world.status.canary
    assert world.status.canary.weight == 10


def test_the_old_settings_asked_for_again_end_a_surge_at_once() -> None:
    world = serving(strategy=SURGE)
    resources = world.spec.resources.wire()
    world.edit(resources=LARGE)
    world.step()
    world.edit(resources=resources)
    world.run(seconds=3)
    assert world.verdicts[-1] == (1, 1, "Aborted", "BackToStable")
    assert len(world.workloads) == 1


def test_pods_that_fail_with_other_settings_leave_stable_alone() -> None:
    world = serving(strategy=SURGE)
    before = revision(world, 1)
    world.edit(resources=LARGE)
    world.step()
    world.break_pods(next(name for name in world.workloads if name != before))
    world.run(seconds=3)
    assert world.status.stable
    assert world.status.stable.revision == before
    assert world.verdicts[-1] == (1, 1, "RolledBack", "PodsFailed")
    assert world.reason == "VersionBlocked"
