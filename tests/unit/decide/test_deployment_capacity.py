"""A version whose pods have no room is not started, says what is missing, and starts when there is room."""

import pytest
from tests.unit.decide.deployment_world import World, promoted, serving

from recsys_operator.decide.deployment.facts import Room

MIB = 1024 * 1024
"""A pod of the world asks for 500m CPU and 512Mi, and a version has two."""


def room(cpu: int = 4000, memory: int = 4096, pods: int = 100) -> Room:
    return Room(cpu, memory * MIB, pods)


def held(*rooms: Room) -> World:
    world = serving()
    world.rooms = rooms
    world.edit(version={"pin": 4})
    world.run()
    return world


@pytest.mark.parametrize(
    ("rooms", "missing"),
    [
        ((room(cpu=900),), "room for 1: short of 500m CPU"),
        ((room(memory=1023),), "room for 1: short of 512Mi memory"),
        ((room(pods=0),), "room for 0: short of places for 2 pods"),
        ((room(cpu=400), room(cpu=400)), "room for 0: short of 1000m CPU"),
        ((room(cpu=-100), room(cpu=500)), "room for 1: short of 500m CPU"),
        ((room(cpu=999, memory=600),), "room for 1: short of 500m CPU and 512Mi memory"),
        ((room(cpu=1000, memory=0), room(cpu=0, memory=1024)), "room for 0: no node has room for 2 pods more"),
        ((), "room for 0: short of 1000m CPU and 1024Mi memory and places for 2 pods"),
    ],
)
def test_what_is_missing_is_told_and_stable_serves_on(rooms: tuple[Room, ...], missing: str) -> None:
    world = held(*rooms)
    assert world.reason == "InsufficientCapacity"
    assert missing in world.message
    assert "Version 1 serves all requests." in world.message
    assert world.status.canary is None
    assert len(world.workloads) == 1
    assert world.events.count("InsufficientCapacity") == 1, "told once"


def test_it_starts_by_itself_when_there_is_room() -> None:
    world = held(room(cpu=900))
    decision = world.step()
    assert decision.requeue_after
    assert decision.requeue_after <= 15, "nodes and other pods are not watched"
    world.rooms = (room(cpu=1000),)
    world.run()
    assert world.weights() == {1: 90, 4: 10}


@pytest.mark.parametrize("rooms", [None, (room(),)])
def test_room_or_nobody_who_knows_holds_nothing(rooms: tuple[Room, ...] | None) -> None:
    world = serving()
    world.rooms = rooms
    world.edit(version={"pin": 4})
    world.run()
    assert world.weights() == {1: 90, 4: 10}


def test_a_first_version_waits_too() -> None:
    world = World(rooms=(room(cpu=0),))
    world.run()
    assert world.reason == "InsufficientCapacity"
    assert world.workloads == {}


def test_pods_that_are_there_need_no_room() -> None:
    """The previous version is still warm."""
    world = promoted()
    world.rooms = ()
    world.edit(version={"pin": 1})
    world.run()
    assert world.weights() == {4: 90, 1: 10}


def test_a_cold_way_back_waits_for_nothing() -> None:
    world = promoted()
    world.run(seconds=601)
    assert world.status.previous is None
    world.rooms = ()
    world.step(world.alert(4))
    world.run()
    assert world.weights() == {1: 100}


def test_only_the_pods_of_the_first_step_need_room() -> None:
    world = serving(replicas=10, strategy={"canary": {"steps": [{"weight": 10}], "scale": "FollowWeight"}})
    world.rooms = (room(cpu=500),)
    world.edit(version={"pin": 4})
    world.step()
    assert world.status.canary
