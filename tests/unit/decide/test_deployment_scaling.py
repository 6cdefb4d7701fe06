"""Pods of stable and canary: by their autoscalers, by the canary's weight, and never fewer of stable in mid-rollout."""

from typing import Any

import pytest
from tests.unit.decide.deployment_world import World, canary, serving

SCALED: dict[str, Any] = {"autoscaling": {"minReplicas": 2, "maxReplicas": 20}}
STEPS = [{"weight": 10}, {"pause": {"durationSeconds": 60}}, {"weight": 50}, {"pause": {"durationSeconds": 60}}]


def revision(world: World, version: int) -> str:
    return next(name for name, one in world.workloads.items() if one.revision.version == version)


def pods(world: World) -> dict[int, int]:
    """Pods that each version's workload asks for."""
    return {one.revision.version: one.replicas for one in world.workloads.values()}


def bounds(world: World) -> dict[int, tuple[int, int]]:
    """Between which numbers the autoscaler of each version that has one moves."""
    sizes = {world.workloads[name].revision.version: size for name, size in world.sizes.items()}
    return {version: (size.least, size.most) for version, size in sizes.items() if size.most}


def busy(number: int = 12) -> World:
    """Version 1 serves, and its autoscaler has made so many pods of it."""
    world = serving(**SCALED)
    assert pods(world) == {1: 2}
    world.autoscale(revision(world, 1), number)
    world.run()
    assert world.reason == "Serving"
    assert pods(world) == {1: number}, "the operator leaves the number to the autoscaler"
    return world


def begun(number: int = 12) -> World:
    """The same with version 4 as a canary at 10 %."""
    world = busy(number)
    world.edit(version={"pin": 4})
    world.run()
    assert world.weights() == {1: 90, 4: 10}
    return world


def test_a_canary_has_pods_for_its_share_before_it_gets_it() -> None:
    world = begun()
    assert pods(world) == {1: 12, 4: 2}, "a tenth of twelve, rounded up"
    world.wait(61)
    world.step()
    world.step()
    assert pods(world)[4] == 6
    assert world.weights() == {1: 90, 4: 10}, "the other four are not there yet"
    world.run()
    assert world.weights() == {1: 50, 4: 50}
    world.wait(61)
    world.step()
    world.step()
    assert pods(world)[4] == 12
    assert world.weights() == {1: 50, 4: 50}
    world.run()
    assert world.weights() == {4: 100}


def test_a_canary_has_its_minimum_however_small_its_weight() -> None:
    world = busy()
    world.edit(autoscaling={"minReplicas": 2, "maxReplicas": 20, "canaryMinReplicas": 3}, version={"pin": 4})
    world.run()
    assert pods(world) == {1: 12, 4: 3}


def test_a_canary_never_exceeds_the_maximum() -> None:
    world = begun()
    world.edit(autoscaling={"minReplicas": 2, "maxReplicas": 5})
    world.run(seconds=61)
    assert pods(world)[4] == 5


def test_stable_does_not_shrink_in_mid_rollout_and_may_afterwards() -> None:
    world = begun()
    assert bounds(world) == {1: (12, 20), 4: (2, 20)}
    world.autoscale(revision(world, 1), 3)
    world.autoscale(revision(world, 1), 14)
    world.run(rounds=2)
    assert bounds(world)[1] == (14, 20), "what it has grown to meanwhile is kept too"
    world.edit(version={"pin": 1})
    world.run()
    assert world.status.canary is None
    world.run(rounds=1)
    assert bounds(world) == {1: (2, 20)}


def test_stable_may_shrink_when_the_user_says_so() -> None:
    world = begun()
    world.edit(autoscaling={"minReplicas": 2, "maxReplicas": 20, "dynamicStableScale": True})
    world.run(rounds=1)
    assert bounds(world)[1] == (2, 20)
    world.autoscale(revision(world, 1), 6)
    world.run(seconds=61)
    assert pods(world) == {1: 6, 4: 6}, "half of what stable had when the rollout began"


def test_a_canary_that_is_taken_back_has_no_autoscaler() -> None:
    world = begun()
    world.step(world.alert(4))
    assert set(bounds(world)) == {1}
    before = pods(world)
    world.autoscale(revision(world, 4), 20)
    world.step()
    assert pods(world) == before, "an aborted canary is never scaled up again"


def test_a_warm_previous_version_keeps_the_pods_that_it_had() -> None:
    world = begun()
    world.run(seconds=61)
    world.run(seconds=61)
    assert world.status.stable
    assert world.status.stable.version == 4
    assert set(bounds(world)) == {4}, "idle pods are not scaled down either"
    assert pods(world) == {1: 12, 4: 12}
    world.step(world.alert(4))
    assert world.weights() == {1: 100}
    world.step()
    assert set(bounds(world)) == {1}


def test_from_a_number_to_an_autoscaler_and_back() -> None:
    world = serving(replicas=3)
    world.edit(autoscaling={"minReplicas": 2, "maxReplicas": 20})
    world.run()
    assert pods(world) == {1: 3}
    world.autoscale(revision(world, 1), 7)
    world.run()
    world.edit(autoscaling=None)
    world.run()
    assert pods(world) == {1: 3}
    assert world.reason == "Serving"


@pytest.mark.parametrize(("scale", "numbers"), [("Full", [10, 10, 10]), ("FollowWeight", [1, 5, 10])])
def test_without_an_autoscaler_a_canary_follows_its_weight_if_the_user_says_so(scale: str, numbers: list[int]) -> None:
    world = canary(replicas=10, strategy={"canary": {"steps": STEPS, "scale": scale}})
    found = [pods(world)[4]]
    for _ in range(2):
        world.run(seconds=61)
        found.append(pods(world)[4])
    assert found == numbers
    assert world.weights() == {4: 100}


def test_a_canary_that_skips_its_steps_has_all_pods_first() -> None:
    world = begun()
    world.command("promote-full", "v4/1")
    world.step()
    assert pods(world)[4] == 12
    assert world.weights() == {1: 90, 4: 10}, "ten of the twelve are not there yet"
    world.run()
    assert world.weights() == {4: 100}


def test_scale_speaks_of_stable() -> None:
    world = begun()
    assert world.status.replicas == 12
    assert world.status.selector == f"recsys.dev/deployment=movies,recsys.dev/revision={revision(world, 1)}"
