"""Without a gateway one Service sends all requests to one revision: to the next one when all its pods are there."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.decide.deployment_world import World, canary, serving

from recsys_operator.decide.deployment.decision import LOOK_AT_ENDPOINTS
from recsys_operator.decide.deployment.facts import Leftover

ALONE: dict[str, Any] = {"traffic": {}, "strategy": None}
GATEWAY = {"gateway": {"name": "gateway"}, "hostnames": ["movies.example"]}


def revision(world: World, version: int) -> str:
    return next(name for name, one in world.workloads.items() if one.revision.version == version)


def versions(world: World) -> set[int]:
    """Versions that have pods."""
    return {one.revision.version for one in world.workloads.values()}


def test_the_url_is_that_of_the_service() -> None:
    assert serving(**ALONE).status.url == "http://movies.shop.svc"


def test_all_requests_move_when_all_pods_are_there_and_the_old_ones_stay_warm() -> None:
    world = serving(**ALONE)
    world.edit(version={"pin": 4})
    world.step()
    world.pods(revision(world, 4), 1)
    world.step()
    assert world.weights() == {1: 100}
    world.pods(revision(world, 4))
    decision = world.step()
    assert world.weights() == {4: 100}
    assert decision.requeue_after
    assert decision.requeue_after <= LOOK_AT_ENDPOINTS
    assert world.status.stable
    assert world.status.stable.version == 1, "the endpoints have not followed yet"
    assert "Service movies is being told; its endpoints have yet to follow." in world.message
    world.accept()
    world.step()
    assert world.status.stable.version == 4
    assert versions(world) == {1, 4}
    world.run(seconds=601)
    assert versions(world) == {4}


def test_old_pods_that_are_not_kept_warm_stay_until_the_endpoints_have_followed() -> None:
    world = serving(**ALONE, rollback={"warmSeconds": 0})
    world.edit(version={"pin": 4})
    world.run(rounds=2)
    assert world.weights() == {4: 100}
    assert versions(world) == {1, 4}
    world.step()
    assert world.status.stable
    assert world.status.stable.version == 4
    assert versions(world) == {1, 4}, "connections may still be made to the old pods"
    world.wait(3)
    world.step()
    assert versions(world) == {4}


def test_an_alert_moves_all_requests_back_at_once() -> None:
    world = serving(**ALONE)
    world.edit(version={"pin": 4})
    world.run()
    world.step(world.alert(4))
    assert world.weights() == {1: 100}
    assert world.verdicts[-1][2] == "Reverted"


def test_a_canary_that_is_taken_back_had_no_requests() -> None:
    world = serving(**ALONE)
    world.edit(version={"pin": 4})
    world.step()
    world.edit(version={"pin": 1})
    world.run()
    assert versions(world) == {1}
    assert world.reason == "Serving"


def test_steps_are_refused_with_a_condition_and_what_serves_goes_on() -> None:
    world = serving(**ALONE)
    world.edit(strategy={"canary": {"steps": [{"weight": 10}]}}, version={"pin": 4})
    world.run()
    assert world.reason == "CanaryNeedsGateway"
    assert "Version 1 serves all requests." in world.message
    assert world.weights() == {1: 100}
    assert versions(world) == {1}
    world.edit(strategy=None)
    world.run()
    assert world.weights() == {4: 100}
    assert world.reason == "Serving"


def test_a_canary_whose_gateway_is_taken_away_gets_all_or_nothing() -> None:
    world = canary()
    world.edit(traffic={})
    world.run()
    assert world.reason == "CanaryNeedsGateway"
    assert world.weights() == {1: 100}, "a Service cannot share requests"
    world.edit(strategy=None)
    world.run()
    assert world.weights() == {4: 100}
    assert world.reason == "Serving"


@pytest.mark.parametrize(("before", "after"), [({}, GATEWAY), (GATEWAY, {})])
def test_what_took_requests_in_before_goes_once_its_successor_does(before: Any, after: Any) -> None:
    world = serving(traffic=before, strategy=None)
    serves = revision(world, 1)
    world.edit(traffic=after)
    world.route = None
    leftover = Leftover("HTTPRoute", "movies", "old", frozenset({serves}))

    def decide() -> Leftover | None:
        observed = replace(world.observed(), leftover=leftover)
        world.observed = lambda: observed  # type: ignore[method-assign]
        decision = world.step()
        del world.observed  # type: ignore[method-assign]
        return decision.doomed_leftover

    assert decide() is None, "the new one is written now"
    assert world.weights() == {1: 100}
    assert decide() is None, "nobody has taken it up"
    world.accept()
    assert decide() is None, "it was taken up just now"
    world.wait(3)
    assert decide() == leftover


def test_pods_that_the_old_way_in_still_sends_requests_to_stay() -> None:
    world = canary()
    tried = revision(world, 4)
    world.edit(traffic={}, strategy=None, version={"pin": 1})
    world.route = None
    left = Leftover("HTTPRoute", "movies", "old", frozenset({revision(world, 1), tried}))
    observed = replace(world.observed(), leftover=left)
    assert observed.silent_from(tried) is None
    assert world.observed().silent_from(tried) is not None
