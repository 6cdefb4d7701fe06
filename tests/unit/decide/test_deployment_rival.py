"""A Deployment whose requests another HTTPRoute takes: no version is promoted on requests that it never got."""

from tests.unit.decide.deployment_world import World, canary, serving, spec

from recsys_operator.decide.deployment.facts import Rival

RIVAL = Rival("songs-route", "songs", "movies.example")


def test_nothing_begins_until_the_host_name_is_free() -> None:
    world = World(spec=spec(), rival=RIVAL)
    world.run()
    assert world.reason == "HostnameTaken"
    assert world.message.startswith(
        "HTTPRoute songs-route of Deployment songs was there first with the host name movies.example"
    )
    assert not world.workloads
    world.rival = None
    world.run()
    assert world.status.stable


def test_a_canary_is_held_and_taken_back_by_hand_or_by_its_pods() -> None:
    world = canary()
    weights = world.weights()
    world.rival = RIVAL
    world.run(seconds=100_000)
    assert world.weights() == weights, "timed steps would have gone on"
    assert world.reason == "HostnameTaken"
    assert world.status.canary
    world.command("abort", f"v{world.status.canary.version}/1")
    world.run()
    assert world.status.canary is None
    assert set(world.weights().values()) == {100}


def test_what_serves_goes_on_and_an_alert_still_takes_it_back() -> None:
    world = serving()
    pods = dict(world.workloads)
    world.rival = RIVAL
    world.run()
    assert world.reason == "HostnameTaken"
    assert "serves all requests" not in world.message
    assert set(world.workloads) == set(pods)


def test_a_stranger_is_told_without_a_deployment() -> None:
    world = World(spec=spec(), rival=Rival("theirs", "", "movies.example"))
    world.run()
    assert world.message.startswith("HTTPRoute theirs was there first")


def test_it_is_looked_at_again_soon() -> None:
    world = World(spec=spec(), rival=RIVAL)
    decision = world.step()
    assert decision.requeue_after is not None
    assert decision.requeue_after <= 3


def test_an_annotation_that_is_no_command_is_told_as_long_as_it_stands() -> None:
    world = serving()
    world.unknown_commands = ("recsys.dev/promte",)
    world.run()
    said = "The annotation recsys.dev/promte is no command: write recsys.dev/<command> with one of promote, "
    assert world.message.count(said) == 1
    assert world.reason == "Serving"
    before = world.message
    world.run()
    assert world.message == before
    world.unknown_commands = ()
    world.run()
    assert "no command" not in world.message
