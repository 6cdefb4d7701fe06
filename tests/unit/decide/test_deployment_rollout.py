"""The rollout, rule by rule."""

from dataclasses import replace

import pytest
from tests.unit.decide.deployment_world import START, World, canary, promoted, serving, spec, version

from recsys_operator.api.common import GateVerdict
from recsys_operator.decide.deployment.decision import LOOK_AT_ENDPOINTS, decide
from recsys_operator.decide.deployment.facts import SETTLE, Stranger


def names(world: World) -> set[int]:
    return {workload.revision.version for workload in world.workloads.values()}


def test_first_deployment_waits_for_its_pods_and_for_the_gateway() -> None:
    world = World()
    world.step()
    assert names(world) == {1}
    assert world.route is None
    assert world.reason == "WaitingForPods"
    (revision,) = world.workloads
    world.pods(revision, 1)
    world.step()
    assert world.route is None
    world.pods(revision)
    world.step()
    assert world.weights() == {1: 100}
    assert world.status.stable is None
    assert world.message == "Version 1: 100 %. The gateway is being told; it has yet to accept the route."
    world.step()
    assert world.status.stable is None
    world.wait(10)
    world.accept()
    waiting = world.step()
    assert world.status.stable is None, "a gateway accepts a route before it serves it"
    assert (world.reason, world.message) == (
        "Progressing",
        "Version 1: 100 %. The gateway has accepted the route and is about to serve it.",
    )
    assert waiting.requeue_after == pytest.approx(SETTLE.total_seconds() + 0.01)
    world.wait(waiting.requeue_after)
    world.step()
    assert world.status.stable
    assert world.verdicts == [(None, 1, "Promoted", "InitialDeployment")]
    assert (world.reason, world.status.conditions[0].status) == ("Serving", "True")
    assert world.status.url == "http://movies.example"


@pytest.mark.parametrize(
    ("hostnames", "url"),
    [(["*.example", "movies.example"], "http://movies.example"), (["*.example"], None)],
)
def test_url_is_a_name_that_a_client_can_ask(hostnames: list[str], url: str | None) -> None:
    world = World(spec=spec(traffic={"gateway": {"name": "gateway"}, "hostnames": hostnames}))
    world.step()
    assert world.status.url == url


def test_canary_takes_each_step_only_when_the_one_before_is_done() -> None:
    world = serving()
    world.edit(version={"pin": 4})
    world.step()
    assert world.weights() == {1: 100}
    (revision,) = (one for one, workload in world.workloads.items() if workload.revision.version == 4)
    world.pods(revision, 1)
    world.step()
    assert world.weights() == {1: 100}
    world.pods(revision)
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    world.wait(500)
    world.step()
    assert world.status.canary
    assert world.status.canary.step == 0, "a weight counts only when the gateway has accepted it"
    world.accept()
    world.step()
    assert world.status.canary.step == 1
    assert "10 % (step 2 of 4)" in world.message
    world.wait(59)
    world.step()
    assert world.weights() == {1: 90, 4: 10}, "the pause counts from the accepted weight"
    world.wait(2)
    world.step()
    assert world.weights() == {1: 50, 4: 50}
    world.accept()
    world.step()
    world.wait(61)
    world.step()
    assert world.weights() == {4: 100}
    world.step()
    assert world.status.stable
    assert world.status.stable.version == 1
    world.accept()
    world.step()
    assert world.status.stable.version == 4
    assert world.status.previous
    assert world.verdicts[-1] == (1, 4, "Promoted", "CanaryCompleted")
    assert names(world) == {1, 4}


def test_previous_version_goes_after_warm_seconds() -> None:
    world = promoted()
    world.wait(599 - 61)
    world.step()
    assert names(world) == {1, 4}
    world.run(seconds=65)
    assert names(world) == {4}
    assert world.status.previous is None


def test_weight_holds_while_the_canary_is_unavailable() -> None:
    world = canary()
    assert world.status.canary
    world.pods(world.status.canary.revision, 1)
    world.wait(61)
    world.step()
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    assert world.reason == "WaitingForPods"
    world.pods(world.status.canary.revision)
    world.step()
    assert world.weights() == {1: 50, 4: 50}


def test_weight_waits_for_the_canarys_endpoints() -> None:
    world = canary()
    assert world.status.canary
    world.behind = frozenset({world.status.canary.revision})
    world.wait(61)
    assert world.step().requeue_after == LOOK_AT_ENDPOINTS
    assert world.weights() == {1: 90, 4: 10}
    assert world.reason == "WaitingForEndpoints"
    assert "version 4 has 0 of 2 endpoints ready" in world.message
    world.behind = frozenset()
    world.step()
    assert world.weights() == {1: 50, 4: 50}


def test_endpoints_that_never_follow_end_at_the_deadline() -> None:
    world = canary()
    assert world.status.canary
    world.behind = frozenset({world.status.canary.revision})
    world.wait(61)
    world.step()
    world.wait(601)
    world.step()
    assert world.weights() == {1: 100}
    assert world.status.canary.abort
    assert "0 of 2 endpoints ready" in world.status.canary.abort.message


def test_the_way_back_does_not_wait_for_endpoints() -> None:
    world = promoted()
    assert world.status.previous
    world.behind = frozenset({world.status.previous.revision})
    world.step(world.alert(4))
    assert world.weights() == {1: 100}


def test_no_strategy_means_all_at_once_when_ready() -> None:
    world = World(spec=spec(strategy=None))
    world.run()
    world.edit(version={"pin": 4})
    world.step()
    assert world.weights() == {1: 100}
    world.run()
    assert world.weights() == {4: 100}


def test_newer_target_supersedes_weight_first_pods_later() -> None:
    world = canary(number=2)
    world.edit(version={"pin": 4})
    world.step()
    assert world.weights() == {1: 100}
    assert names(world) == {1, 2}, "the new one starts when the old one is out"
    world.wait(10)
    world.step()
    assert names(world) == {1, 2}, "the gateway has not accepted weight 0 yet"
    world.accept()
    world.wait(SETTLE.total_seconds())
    world.step()
    assert world.verdicts[-1] == (1, 2, "Superseded", "NewerRevision")
    assert names(world) == {1, 4}
    world.run()
    assert world.weights() == {1: 90, 4: 10}


def test_pods_stay_for_a_moment_after_the_gateway_accepted_weight_zero() -> None:
    world = canary()
    world.step(world.alert(4))
    world.accept()
    world.wait(1.9)
    world.step()
    assert names(world) == {1, 4}
    world.wait(0.2)
    world.step()
    assert names(world) == {1}


def test_pods_stay_for_a_moment_after_a_gateway_that_answers_late() -> None:
    world = canary()
    world.edit(version={"pin": 1})
    world.step()
    world.wait(10)
    world.accept()
    world.step()
    assert names(world) == {1, 4}, "its data plane may not have followed yet"
    world.wait(SETTLE.total_seconds())
    world.step()
    assert names(world) == {1}


@pytest.mark.parametrize("paused", [False, True])
def test_back_to_stable_aborts_at_once(paused: bool) -> None:
    world = canary()
    world.edit(version={"pin": 1}, paused=paused)
    world.step()
    assert world.weights() == {1: 100}
    world.run(seconds=3)
    assert world.verdicts[-1] == (1, 4, "Aborted", "BackToStable")
    assert world.status.blocked == ()
    assert world.reason == "Serving"


def test_pause_holds_and_resume_goes_on() -> None:
    world = canary()
    world.edit(paused=True)
    world.run(seconds=1000)
    assert world.weights() == {1: 90, 4: 10}
    assert world.reason == "Paused"
    world.edit(paused=False)
    world.step()
    assert world.weights() == {1: 50, 4: 50}


def test_pause_holds_a_new_version_back() -> None:
    world = serving(paused=False)
    world.edit(paused=True, version={"pin": 4})
    world.run()
    assert names(world) == {1}
    assert world.reason == "Paused"


def test_edit_of_the_steps_never_lowers_the_weight() -> None:
    world = canary()
    world.edit(strategy={"canary": {"steps": [{"weight": 5}, {"weight": 20}, {"weight": 30}]}})
    world.run(rounds=1)
    assert world.weights()[4] == 20
    world.run()
    assert world.weights() == {4: 100}


def test_replicas_scale_in_place() -> None:
    world = canary()
    revisions = set(world.workloads)
    world.edit(replicas=5)
    world.step()
    assert set(world.workloads) == revisions
    assert {workload.replicas for workload in world.workloads.values()} == {5}
    world.wait(100)
    world.step()
    assert world.weights() == {1: 90, 4: 10}, "the weight waits for the new pods"


def test_resources_make_a_new_revision_through_the_same_canary() -> None:
    world = serving()
    world.edit(resources={"limits": {"cpu": "1", "memory": "1Gi"}})
    world.run()
    assert world.status.stable
    assert world.status.canary
    assert world.status.canary.version == world.status.stable.version == 1
    assert world.status.canary.revision != world.status.stable.revision
    assert world.status.canary.weight == 10


def test_operator_upgrade_changes_no_running_revision() -> None:
    world = canary()
    before = set(world.workloads)
    world.image = "localhost/recsys-server:2"
    world.run()
    assert set(world.workloads) == before
    world.run(seconds=61)
    world.run(seconds=61)
    assert world.status.stable
    assert (world.status.stable.version, world.status.stable.image) == (4, "localhost/recsys-server:1")
    world.edit(version={"pin": 2})
    world.run()
    assert world.status.canary
    assert world.status.canary.image == "localhost/recsys-server:2", "a new version takes the new image"


@pytest.mark.parametrize(
    ("choice", "reason", "text"),
    [
        ({"pin": 9}, "VersionNotFound", "has no version 9; it has: 1, 2, 3 (failed), 4."),
        ({"pin": 3}, "VersionFailedGates", "can never be deployed: pin a version that passed (1, 2, 4)."),
        ({"follow": "Champion"}, "NoVersion", "no champion yet"),
    ],
)
def test_unresolvable_version(choice: dict[str, object], reason: str, text: str) -> None:
    world = World(spec=spec(version=choice))
    world.run()
    assert world.reason == reason
    assert text in world.message
    assert not world.workloads


def test_failed_gates_are_named() -> None:
    observed = World(spec=spec(version={"pin": 3})).observed()
    gates = (
        GateVerdict(name="floor", verdict="Failed", message="NDCG@10 is 0.003; at least 0.04 is required."),
        GateVerdict(name="parity", verdict="Passed", message="All lists are equal."),
        GateVerdict(name="latency", verdict="Failed"),
    )
    decision = decide(replace(observed, failed_gates=gates), (), START)
    assert decision.status.conditions[0].message.startswith(
        "Version 3 failed its gates (floor: NDCG@10 is 0.003; at least 0.04 is required; latency) and can never be "
    )


def test_no_version_passed() -> None:
    world = World(spec=spec(version={"pin": 1}), versions=(version(1, "Failed"),))
    world.run()
    assert "pin a version that passed (there is none yet)." in world.message
    world.edit(version={"pin": 9})
    world.versions = ()
    world.run()
    assert "it has: none." in world.message


def test_model_not_found_heals_by_itself() -> None:
    world = World(has_model=False)
    world.run()
    assert world.reason == "ModelNotFound"
    world.wait(100)
    world.run()
    assert world.events == ["ModelNotFound"], "told once"
    world.has_model = True
    world.run()
    assert world.reason == "Serving"
    world.has_model = False
    world.run()
    assert world.events.count("ModelNotFound") == 2


def test_lost_model_leaves_what_serves_alone() -> None:
    world = canary()
    world.has_model = False
    world.run(seconds=1000)
    assert world.weights() == {1: 90, 4: 10}
    assert world.reason == "ModelNotFound"


def test_a_model_that_cannot_be_read_holds_the_canary_and_no_rollback() -> None:
    world = canary()
    world.unreadable = "spec.gates: Input should be a valid tuple"
    world.run(seconds=1000)
    assert world.weights() == {1: 90, 4: 10}
    assert world.reason == "ModelUnreadable"
    assert "spec.gates: Input should be a valid tuple" in world.message
    assert world.step(world.alert(4)).outcomes == ("RolledBack",)
    assert world.weights() == {1: 100}
    world.unreadable = ""
    world.run(seconds=3)
    assert world.reason == "VersionBlocked"


def test_a_cold_way_back_needs_only_the_models_list_of_versions() -> None:
    world = promoted()
    world.run(seconds=700)
    world.unreadable = "spec.gates: Input should be a valid tuple"
    world.step(world.alert(4))
    world.run(seconds=3)
    assert world.weights() == {1: 100}


def test_a_service_of_somebody_else_gets_no_requests() -> None:
    world = serving()
    world.edit(version={"pin": 4})
    world.step()
    (revision,) = (one for one, workload in world.workloads.items() if workload.revision.version == 4)
    world.strangers = (Stranger("Service", "movies-v4-x", revision),)
    world.run(seconds=1000)
    assert world.weights() == {1: 100}
    assert world.reason == "ChildNameTaken"
    assert "Service movies-v4-x belongs to somebody else" in world.message
    assert "Version 1 serves all requests." in world.message
    world.strangers = ()
    world.run()
    assert world.weights() == {1: 90, 4: 10}


def test_neither_does_one_on_the_way_back() -> None:
    world = promoted()
    assert world.status.previous
    world.strangers = (Stranger("Service", "movies-v1-x", world.status.previous.revision),)
    world.step(world.alert(4))
    world.run(seconds=100)
    assert world.weights() == {4: 100}
    world.strangers = ()
    world.run()
    assert world.weights() == {1: 100}


def test_follow_latest_passing_skips_failed_and_blocked_versions() -> None:
    world = World(
        spec=spec(version={"follow": "LatestPassing"}), versions=(version(1), version(2), version(3, "Failed"))
    )
    world.run()
    assert world.weights() == {2: 100}
    world.versions = (*world.versions, version(4))
    world.run()
    assert world.weights() == {2: 90, 4: 10}
    world.step(world.alert(4))
    world.run(seconds=10)
    assert world.weights() == {2: 100}
    assert world.reason == "Serving"


def test_gateway_gone_in_mid_rollout_holds() -> None:
    world = canary()
    assert world.route

    world.route = replace(world.route, accepted=False, problem="GatewayNotFound", message="Gateway gateway is gone.")
    world.wait(500)
    world.step()
    world.route = replace(world.route, accepted=False, problem="GatewayNotFound", message="Gateway gateway is gone.")
    world.step()
    assert world.weights() == {1: 50, 4: 50}, "the step before had been accepted"
    world.wait(500)
    world.step()
    assert world.weights() == {1: 50, 4: 50}
    assert (world.reason, world.message) == ("GatewayNotFound", "Gateway gateway is gone.")


def test_a_first_version_that_never_served_is_replaced() -> None:
    world = World()
    world.step()
    world.edit(version={"pin": 4})
    world.run()
    assert world.weights() == {4: 100}
    assert names(world) == {4}


def test_crash_after_the_status_write_loses_nothing() -> None:
    world = canary()
    alert = world.alert(4)
    world.step(alert, crash=True)
    assert world.weights() == {1: 90, 4: 10}
    assert world.status.blocked
    world.step()
    assert world.weights() == {1: 100}
    world.step(alert)
    world.run(seconds=3)
    assert world.verdicts[-1] == (1, 4, "RolledBack", "Alert")


def test_a_weight_that_did_not_reach_the_route_waits_for_the_pods() -> None:
    world = canary()
    assert world.status.canary
    world.wait(61)
    world.step(crash=True)
    assert world.status.canary.weight == 50
    world.pods(world.status.canary.revision, 0)
    world.step()
    world.wait(500)
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    assert world.reason == "WaitingForPods"
    world.pods(world.status.canary.revision)
    world.step()
    assert world.weights() == {1: 50, 4: 50}
    world.pods(world.status.canary.revision, 0)
    world.step()
    assert world.weights() == {1: 50, 4: 50}, "a weight that is there never falls for want of pods"


def test_a_first_route_that_was_not_made_waits_for_the_pods() -> None:
    world = World()
    world.step()
    (revision,) = world.workloads
    world.pods(revision)
    world.step(crash=True)
    assert world.status.canary
    assert world.status.canary.weight == 100
    world.pods(revision, 0)
    world.step()
    assert world.route is None
    world.pods(revision)
    world.run()
    assert world.weights() == {1: 100}


def test_a_rollback_that_did_not_reach_the_route_waits_for_nothing() -> None:
    world = canary()
    assert world.status.canary
    world.step(world.alert(4), crash=True)
    world.pods(world.status.canary.revision, 0)
    world.step()
    assert world.weights() == {1: 100}


def test_lost_status_is_read_back_from_route_and_children() -> None:
    world = canary()
    before = world.status
    world.status = type(world.status)()
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    assert before.stable
    assert before.canary
    assert world.status.stable
    assert world.status.canary
    assert world.status.stable.revision == before.stable.revision
    assert world.status.canary.revision == before.canary.revision
    assert world.status.canary.weight == 10
    world.run(seconds=61)
    assert world.weights() == {1: 50, 4: 50}
    assert "StatusRecovered" in world.events


def test_lost_status_keeps_the_blocks_that_the_model_knows() -> None:
    world = canary()
    world.step(world.alert(4))
    world.run(seconds=3)
    world.versions = (version(1), version(2), version(4, blocked_by=("movies",)))
    world.status = type(world.status)()
    world.run()
    assert world.weights() == {1: 100}
    assert world.reason == "VersionBlocked"


def test_lost_status_does_not_let_an_old_unblock_undo_a_block() -> None:
    world = canary()
    world.step(world.alert(4))
    world.run(seconds=3)
    world.command("unblock", "v4/old")
    world.run()
    world.step(world.alert(4))
    world.run(seconds=3)
    world.versions = (version(1), version(2), version(4, blocked_by=("movies",)))
    world.status = type(world.status)()
    world.run()
    assert world.weights() == {1: 100}
    assert world.reason == "VersionBlocked"
    assert world.status.last_command
    assert (world.status.last_command.argument, world.status.last_command.outcome) == ("v4/old", "Ignored")
    assert "The status was lost" in world.status.last_command.message
    world.command("unblock", "v4/new")
    world.run()
    assert world.weights() == {1: 90, 4: 10}


def test_lost_status_without_the_name_on_the_route_takes_the_one_not_asked_for_as_stable() -> None:
    world = canary()
    world.run(seconds=61)
    assert world.weights() == {1: 50, 4: 50}
    assert world.route

    world.route = replace(world.route, stable="")
    world.status = type(world.status)()
    world.step()
    assert world.status.stable
    assert world.status.stable.version == 1


def test_gateway_api_that_is_not_installed_is_told_at_once_and_heals() -> None:
    world = World(gateway_api=False)
    world.step()
    assert world.reason == "GatewayApiNotInstalled"
    assert "install the Gateway API" in world.message
    world.gateway_api = True
    world.run()
    assert world.reason == "Serving"


def test_a_quota_that_has_no_room_beside_the_warm_version_delays_and_does_not_block() -> None:
    world = promoted(4, 1)
    world.room = 2
    world.edit(version={"pin": 2})
    world.run()
    assert (world.reason, world.weights()) == ("ChildRefused", {4: 100})
    assert world.events.count("ChildRefused") == 1
    world.run(seconds=600)
    assert names(world) == {4, 2}, "the version that is no longer warm made room"
    assert world.weights() == {4: 90, 2: 10}


def test_lost_status_without_a_route_keeps_the_blocks_that_the_model_knows_of() -> None:
    world = World(
        versions=(version(1), version(4, blocked_by=("movies",))), spec=spec(version={"follow": "LatestPassing"})
    )
    world.command("unblock", "v4/old")
    world.run()
    assert [(block.version, block.cause) for block in world.status.blocked] == [(4, "Recovered")]
    assert world.weights() == {1: 100}
    assert world.events.count("StatusRecovered") == 1
    assert world.outcome("unblock")[0] == "Ignored"
    world.command("unblock", "v4/new")  # The model tells of it for a moment longer; it is not blocked anew.
    world.run()
    assert world.status.blocked == ()
