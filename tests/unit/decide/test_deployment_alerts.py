"""What alerts and commands do to a rollout. Each test is a sentence of the design."""

from dataclasses import replace

import pytest
from tests.unit.decide.deployment_world import World, canary, digest, promoted, serving, version


def actions(world: World) -> list[tuple[int | None, str, str]]:
    return [(one.version, one.action, one.state) for one in world.status.alerts]


def test_critical_on_the_canary_takes_all_its_weight_and_blocks_it() -> None:
    world = canary()
    decision = world.step(world.alert(4))
    assert decision.outcomes == ("RolledBack",)
    assert world.weights() == {1: 100}
    assert [(block.version, block.digest, block.cause) for block in world.status.blocked] == [(4, digest(4), "Alert")]
    assert world.reason == "RollingBack"
    assert world.status.canary
    assert world.status.canary.abort
    assert "RecsysLatency: p99 is high" in world.status.canary.abort.message
    world.run(seconds=3)
    assert world.verdicts[-1] == (1, 4, "RolledBack", "Alert")
    assert "p99 is high" in world.status.history[-1].message
    assert (world.reason, world.status.conditions[0].status) == ("VersionBlocked", "False")
    assert {"RolledBack", "VersionBlocked"} <= set(world.events)


def test_a_blocked_version_is_not_tried_again() -> None:
    world = canary()
    world.step(world.alert(4))
    world.run(seconds=3)
    world.generation += 1
    world.run(seconds=1000)
    world.edit(version={"pin": 2})
    world.run()
    assert world.weights() == {1: 90, 2: 10}
    world.edit(version={"pin": 4})
    world.run(seconds=3)
    assert world.weights() == {1: 100}
    assert world.reason == "VersionBlocked"
    assert not any(workload.revision.version == 4 for workload in world.workloads.values())


def test_the_same_bytes_under_another_number_are_blocked_too() -> None:
    world = canary()
    world.step(world.alert(4))
    world.run(seconds=3)
    world.versions = (*world.versions, version(5).model_copy(update={"digest": digest(4)}))
    world.edit(version={"pin": 5})
    world.run()
    assert world.reason == "VersionBlocked"
    assert world.weights() == {1: 100}


def test_a_fingerprint_and_start_act_once_also_after_an_unblock() -> None:
    world = canary()
    alert = world.alert(4)
    world.step(alert)
    world.run(seconds=3)
    world.command("unblock", "v4/one")
    world.run()
    assert world.weights() == {1: 90, 4: 10}
    for _ in range(10):
        assert world.step(alert).outcomes == ("Duplicate",)
    assert world.weights() == {1: 90, 4: 10}
    world.step(world.alert(4))
    assert world.weights() == {1: 100}


def test_unblock_is_carried_out_once() -> None:
    world = canary()
    world.step(world.alert(4))
    world.run(seconds=3)
    world.command("unblock", "v4/one")
    world.run()
    assert world.status.last_command
    assert (world.status.last_command.argument, world.status.last_command.outcome) == ("v4/one", "Done")
    world.step(world.alert(4))
    world.run(seconds=1000)
    assert world.weights() == {1: 100}, "the same value stays in Git and does nothing"
    world.command("unblock", "v4/two")
    world.run()
    assert world.weights() == {1: 90, 4: 10}


@pytest.mark.parametrize(
    ("value", "text"), [("v2/x", "Version 2 is not blocked here"), ("4", "write v<version>/<any id>"), ("v4/", "write")]
)
def test_unblock_of_something_else_is_ignored(value: str, text: str) -> None:
    world = canary()
    world.step(world.alert(4))
    world.command("unblock", value)
    world.run(seconds=3)
    assert world.status.last_command
    assert world.status.last_command.outcome == "Ignored"
    assert text in world.status.last_command.message
    assert world.status.blocked


def test_without_a_version_it_acts_on_the_canary_when_it_began_after_the_first_weight() -> None:
    world = canary()
    world.wait(5)
    assert world.step(world.alert(None)).outcomes == ("RolledBack",)
    assert world.weights() == {1: 100}


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_without_a_version_and_older_than_the_first_weight_it_freezes(severity: str) -> None:
    world = canary()
    assert world.step(world.alert(None, severity, began=1000)).outcomes == ("Frozen",)
    world.run(seconds=100)
    assert world.weights() == {1: 90, 4: 10}
    assert world.reason == "Frozen"
    assert world.status.blocked == ()


@pytest.mark.parametrize("about", [4, 1, None])
def test_warning_freezes_until_it_is_resolved(about: int | None) -> None:
    world = canary()
    world.step(world.alert(about, "warning", fingerprint="w"))
    start = world.status.alerts[0].starts_at
    world.run(seconds=100)
    assert world.weights() == {1: 90, 4: 10}
    resolved = world.alert(about, "warning", resolved=True, fingerprint="w")
    assert world.step(resolved).outcomes == ("Ignored",), "another start is another alert"
    assert world.weights() == {1: 90, 4: 10}

    assert world.step(replace(resolved, starts_at=start)).outcomes == ("Resolved",)
    assert world.weights() == {1: 50, 4: 50}


def test_warning_freezes_for_freeze_seconds_at_most() -> None:
    world = canary()
    decision = world.step(world.alert(4, "warning"))
    assert decision.requeue_after is not None
    world.wait(299)
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    world.wait(2)
    world.step()
    assert world.weights() == {1: 50, 4: 50}


def test_warning_about_a_version_that_is_gone_does_not_freeze_the_next_one() -> None:
    world = canary()
    world.step(world.alert(4, "warning"))
    world.step(world.alert(4))
    world.run(seconds=3)
    world.edit(version={"pin": 2})
    world.run()
    world.run(seconds=61)
    assert world.weights() == {1: 50, 2: 50}


def test_about_a_version_that_is_neither_stable_nor_canary_it_does_nothing() -> None:
    world = promoted()
    before = world.status
    assert world.step(world.alert(1), world.alert(2, "warning")).outcomes == ("Ignored", "Ignored")
    assert world.status.alerts == ()
    assert world.status.blocked == before.blocked
    assert world.weights() == {4: 100}


def test_critical_on_stable_reverts_at_once_to_the_warm_previous_version() -> None:
    world = promoted()
    assert world.step(world.alert(4)).outcomes == ("Reverted",)
    assert world.weights() == {1: 100}
    assert world.verdicts[-1] == (4, 1, "Reverted", "Alert")
    assert [block.version for block in world.status.blocked] == [4]
    world.run(seconds=3)
    assert {workload.revision.version for workload in world.workloads.values()} == {1}
    assert world.reason == "VersionBlocked"


def test_the_bad_stable_version_keeps_its_pods_until_the_gateway_has_obeyed() -> None:
    world = promoted()
    world.step(world.alert(4))
    world.wait(60)
    world.step()
    assert {workload.revision.version for workload in world.workloads.values()} == {1, 4}
    world.accept()
    world.wait(2)  # for its data plane
    world.step()
    assert {workload.revision.version for workload in world.workloads.values()} == {1}


def test_after_warm_seconds_it_reverts_cold_without_a_gap() -> None:
    world = promoted()
    world.run(seconds=700)
    assert {workload.revision.version for workload in world.workloads.values()} == {4}
    assert world.step(world.alert(4)).outcomes == ("Reverted",)
    assert world.weights() == {4: 100}, "never zero traffic: the old version must have pods first"
    assert world.reason == "RollingBack"
    assert world.status.canary
    world.pods(world.status.canary.revision)
    world.step()
    assert world.weights() == {1: 100}, "all at once, no steps"
    world.run(seconds=3)
    assert world.verdicts[-1] == (4, 1, "Reverted", "Alert")
    assert {workload.revision.version for workload in world.workloads.values()} == {1}
    assert world.status.previous is None


def test_a_previous_version_short_of_pods_takes_over_with_one_and_grows() -> None:
    world = promoted()
    assert world.status.previous
    previous = world.status.previous.revision
    world.pods(previous, 1)
    assert world.step(world.alert(4)).outcomes == ("Reverted",)
    assert world.weights() == {1: 100}
    assert world.workloads[previous].replicas == world.spec.replicas == 2


def test_a_previous_version_that_is_being_scaled_takes_over() -> None:
    world = promoted()
    world.edit(replicas=5)
    world.step()
    world.step(world.alert(4))
    assert world.weights() == {1: 100}
    assert {workload.replicas for workload in world.workloads.values()} == {5}


def test_a_previous_version_without_a_ready_pod_takes_over_with_its_first_one() -> None:
    world = promoted()
    assert world.status.previous
    previous = world.status.previous.revision
    world.pods(previous, 0)
    world.step(world.alert(4))
    assert world.weights() == {4: 100}, "never zero traffic"
    world.pods(previous, 1)
    world.step()
    assert world.weights() == {1: 100}
    world.accept()
    world.step()
    assert world.verdicts[-1] == (4, 1, "Reverted", "Alert")


@pytest.mark.parametrize("paused", [False, True])
def test_rollbacks_happen_while_paused(paused: bool) -> None:
    world = canary()
    world.edit(paused=paused)
    world.step(world.alert(4))
    assert world.weights() == {1: 100}
    world = promoted()
    world.edit(paused=paused)
    world.step(world.alert(4))
    assert world.weights() == {1: 100}


def test_without_a_predecessor_stable_goes_on_and_says_so() -> None:
    world = serving()
    assert world.step(world.alert(1, fingerprint="s")).outcomes == ("Degraded",)
    assert world.weights() == {1: 100}
    assert world.status.blocked == ()
    assert (world.reason, world.status.conditions[0].status) == ("Degraded", "False")
    assert actions(world) == [(1, "Degraded", "Firing")]

    resolved = replace(world.alert(1, resolved=True, fingerprint="s"), starts_at=world.status.alerts[0].starts_at)
    world.step(resolved)
    assert world.reason == "Serving"


def test_critical_on_stable_during_a_canary_reverts_and_takes_the_canary_back() -> None:
    world = promoted(number=2)
    world.edit(version={"pin": 4})
    world.run()
    assert world.weights() == {2: 90, 4: 10}
    world.step(world.alert(2, began=500))
    assert world.weights() == {1: 100}
    assert [block.version for block in world.status.blocked] == [2]
    world.run(seconds=3)
    assert (1, 4, "Aborted", "StableReverted") in world.verdicts
    assert world.weights() == {1: 90, 4: 10}, "what is asked for is tried again, beside a good version"


def test_same_version_with_other_resources_only_this_revision_is_blocked() -> None:
    world = serving()
    world.edit(resources={"limits": {"cpu": "250m", "memory": "256Mi"}})
    world.run()
    assert world.status.canary
    bad = world.status.canary.revision
    world.wait(1)
    world.step(world.alert(1))
    world.run(seconds=3)
    assert [block.revision for block in world.status.blocked] == [bad]
    assert world.weights() == {1: 100}
    assert world.reason == "VersionBlocked"
    world.edit(resources={"limits": {"cpu": "500m", "memory": "512Mi"}})
    world.run()
    assert world.reason == "Serving"


def test_critical_on_a_first_version_never_leaves_nothing() -> None:
    world = World()
    world.step()
    (revision,) = world.workloads
    world.pods(revision)
    world.step()
    world.wait(1)
    assert world.step(world.alert(1)).outcomes == ("Degraded",)
    world.run()
    assert world.weights() == {1: 100}
    assert world.reason == "Degraded"


def test_other_severities_do_nothing() -> None:
    world = canary()
    assert world.step(world.alert(4, "info"), world.alert(4, "")).outcomes == ("Ignored", "Ignored")
    assert world.status.alerts == ()


def test_a_canary_that_is_superseded_is_blocked_all_the_same_when_its_alert_comes() -> None:
    world = canary(number=2)
    world.edit(version={"pin": 4})
    world.step()
    assert world.step(world.alert(2)).outcomes == ("RolledBack",)
    assert [block.version for block in world.status.blocked] == [2]
    world.run(seconds=3)
    assert (1, 2, "RolledBack", "Alert") in world.verdicts


def test_records_are_bounded_and_resolved_ones_go_first() -> None:

    world = canary()
    first = world.alert(4, "warning")
    second = world.alert(4, "warning")
    world.step(first, second)
    world.step(replace(second, resolved=True))
    world.step(*(world.alert(4, "warning") for _ in range(49)))
    kept = [record.fingerprint for record in world.status.alerts]
    assert len(kept) == 50
    assert first.fingerprint in kept
    assert second.fingerprint not in kept
    world.step(world.alert(4, "warning"))
    assert first.fingerprint not in {record.fingerprint for record in world.status.alerts}


def test_unblocking_stable_ends_a_cold_revert_that_has_not_begun_to_serve() -> None:
    world = promoted()
    world.run(seconds=700)
    world.step(world.alert(4))
    assert world.status.canary
    assert world.status.canary.reverting
    world.command("unblock", "v4/go-on")
    world.step()
    world.run(seconds=3)
    assert world.weights() == {4: 100}
    assert world.verdicts[-1] == (4, 1, "Aborted", "Unblocked")
    assert world.reason == "Serving"


def test_a_flood_of_warnings_does_not_make_a_rollback_forgotten() -> None:
    world = canary()
    alert = world.alert(4)
    world.step(alert)
    world.step(*(world.alert(1, "warning") for _ in range(200)))
    assert len(world.status.alerts) == 50
    assert world.step(alert).outcomes == ("Duplicate",)


def test_an_event_a_freeze_and_not_one_an_alert() -> None:
    world = canary()
    world.step(*(world.alert(4, "warning") for _ in range(20)))
    assert world.events.count("Frozen") == 1
    world = serving()
    world.step(*(world.alert(1) for _ in range(20)))
    assert world.events.count("Degraded") == 1
