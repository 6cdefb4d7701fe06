"""How a rollout stands, in one word."""

from collections.abc import Callable

import pytest
from tests.unit.decide.deployment_world import World, canary, promoted, serving

from recsys_operator.decide.deployment.standing import STATES, Standing, standing


def started() -> World:
    world = World()
    world.step()
    return world


def paused() -> World:
    world = canary()
    world.edit(paused=True)
    world.step()
    return world


def starved() -> World:
    world = canary()
    assert world.status.canary
    world.pods(world.status.canary.revision, 1)
    world.step()
    return world


def frozen() -> World:
    world = canary()
    world.step(world.alert(None, "warning", began=3600))
    return world


def taken_back() -> World:
    world = canary()
    world.step(world.alert(4))
    return world


def reverting() -> World:
    world = promoted()
    world.wait(700)
    world.run()
    assert world.status.previous is None
    world.step(world.alert(4))
    return world


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (World, Standing("Waiting")),
        (started, Standing("First", "WaitingForPods")),
        (serving, Standing("Stable")),
        (canary, Standing("Canary")),
        (paused, Standing("Held", "Paused")),
        (starved, Standing("Held", "WaitingForPods")),
        (frozen, Standing("Held", "Frozen")),
        (taken_back, Standing("TakenBack")),
        (reverting, Standing("Reverting")),
    ],
)
def test_every_state_has_its_word(make: Callable[[], World], expected: Standing) -> None:
    assert standing(make().status) == expected
    assert expected.state in STATES
