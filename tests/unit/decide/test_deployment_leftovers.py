"""Children that outlived the workload of a revision that was let go, because the operator died between the two."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.decide.deployment_world import World, serving

from recsys_operator.decide.deployment.decision import LOOK_AGAIN, decide
from recsys_operator.decide.deployment.facts import SETTLE, Accessory, Observed, Service

OLD = "0" * 16


def left(world: World) -> list[Observed]:
    """The world with a Service, and with a PodDisruptionBudget, of a revision that nobody knows any more."""
    observed = world.observed()
    budget = Accessory("PodDisruptionBudget", "movies-v9", "uid", OLD, False)
    return [
        replace(observed, services=(*observed.services, Service("movies-v9", "uid", OLD))),
        replace(observed, accessories=(budget,)),
    ]


def test_they_go_when_the_gateway_sends_them_nothing() -> None:
    world = serving()
    world.wait(1000)
    with_service, with_budget = (decide(one, (), world.now) for one in left(world))
    assert [one.name for one in with_service.doomed_services] == ["movies-v9"]
    assert [one.name for one in with_budget.doomed_accessories] == ["movies-v9"]


@pytest.mark.parametrize("accepted", [True, False])
def test_until_then_they_are_looked_at_again_soon(accepted: bool) -> None:
    world = serving()
    assert world.route
    world.route = replace(world.route, accepted=accepted, answered=world.now)
    for observed in left(world):
        decision = decide(observed, (), world.now)
        assert not decision.doomed_services
        assert not decision.doomed_accessories
        assert decision.requeue_after is not None
        soon = (SETTLE + timedelta(seconds=0.1)).total_seconds() if accepted else LOOK_AGAIN
        assert decision.requeue_after <= soon


def test_nothing_is_left_of_what_is_kept() -> None:
    world = serving()
    assert decide(world.observed(), (), world.now + timedelta(seconds=1000)).requeue_after is None
