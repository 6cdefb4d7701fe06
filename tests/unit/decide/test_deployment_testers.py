"""Testers' requests go to the canary while there is one, and to nothing else once it is taken back."""

from typing import Any

import pytest
from tests.unit.decide.deployment_world import World, canary, serving

TESTERS: dict[str, Any] = {
    "gateway": {"name": "gateway"},
    "hostnames": ["movies.example"],
    "testers": {"header": {"name": "X-Tester", "value": "yes"}},
}


def revision(world: World, version: int) -> str:
    return next(name for name, one in world.workloads.items() if one.revision.version == version)


def beside(world: World) -> set[int]:
    """Versions that the route sends something else than weights to."""
    return {world.workloads[name].revision.version for name in (world.route.beside if world.route else ())}


def test_testers_reach_the_canary_when_its_pods_are_there_and_not_before() -> None:
    world = serving(traffic=TESTERS)
    assert beside(world) == set(), "there is no canary"
    world.edit(version={"pin": 4})
    world.step()
    world.pods(revision(world, 4), 1)
    world.step()
    assert beside(world) == set()
    world.pods(revision(world, 4))
    world.step()
    assert beside(world) == {4}
    assert world.status.canary
    assert world.status.canary.testers_time


def test_a_pause_does_not_keep_testers_from_the_canary() -> None:
    world = serving(traffic=TESTERS)
    world.edit(version={"pin": 4})
    world.step()
    world.edit(paused=True)
    world.run()
    assert world.weights() == {1: 100}
    assert beside(world) == {4}


def test_testers_stay_when_the_canary_loses_a_pod() -> None:
    """As a weight does: what is missing holds."""
    world = canary(traffic=TESTERS)
    world.pods(revision(world, 4), 0)
    world.step()
    assert beside(world) == {4}


def test_the_pods_of_a_canary_that_only_testers_asked_wait_for_the_gateway() -> None:
    world = serving(traffic=TESTERS)
    world.edit(version={"pin": 4})
    world.step()
    world.edit(paused=True)
    world.run()
    world.edit(version={"pin": 1})
    world.step()
    assert beside(world) == set(), "testers are sent away first"
    assert 4 in {one.revision.version for one in world.workloads.values()}, "the gateway may not have obeyed yet"
    world.wait(30)
    world.step()
    assert world.status.canary, "the gateway has not accepted the route"
    world.accept()
    world.wait(3)
    world.step()
    assert world.status.canary is None
    assert {one.revision.version for one in world.workloads.values()} == {1}


def test_a_rollback_takes_the_testers_away_with_the_weight() -> None:
    world = canary(traffic=TESTERS)
    assert beside(world) == {4}
    world.step(world.alert(4))
    assert beside(world) == set()
    assert world.weights() == {1: 100}


def test_after_the_promotion_there_is_no_rule_for_testers() -> None:
    world = canary(traffic=TESTERS)
    world.run(seconds=61)
    world.run(seconds=61)
    assert world.weights() == {4: 100}
    assert beside(world) == set()


@pytest.mark.parametrize("when", ["before", "during"])
def test_testers_can_be_taken_out_of_the_spec(when: str) -> None:
    world = serving(traffic=TESTERS) if when == "before" else canary(traffic=TESTERS)
    world.edit(traffic={**TESTERS, "testers": None}, version={"pin": 4})
    world.run()
    assert beside(world) == set()
    assert world.weights() == {1: 90, 4: 10}
