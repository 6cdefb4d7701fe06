"""Commands, one by one: what each does, what each ignores, and that none is carried out twice."""

from typing import Any

import pytest
from tests.unit.decide.deployment_world import World, canary, digest, promoted, serving

from recsys_operator.api.rollout import COMMANDS, CommandName, CommandRecord
from recsys_operator.decide.times import rfc3339

UNTIL_PROMOTED: dict[str, Any] = {
    "canary": {"steps": [{"weight": 10}, {"pause": {}}, {"weight": 50}, {"pause": {"durationSeconds": 60}}]}
}


def waiting() -> World:
    """A canary of version 4 at the pause that only a promote ends."""
    world = canary(strategy=UNTIL_PROMOTED)
    world.run(seconds=100_000)
    assert world.weights() == {1: 90, 4: 10}
    return world


def test_a_pause_without_a_duration_waits_until_promoted() -> None:
    world = waiting()
    assert world.reason == "AwaitingPromotion"
    assert "kubectl -n shop annotate rdep movies --overwrite recsys.dev/promote=v4/$(date +%s)" in world.message
    assert world.events.count("AwaitingPromotion") == 1
    world.command("promote", "v4/go")
    world.run()
    assert world.weights() == {1: 50, 4: 50}
    assert world.outcome("promote")[0] == "Done"
    assert "StepEnded" in world.events


def test_promote_ends_a_timed_pause_but_no_weight() -> None:
    world = canary()
    world.command("promote", "v4/1")
    world.step()
    assert world.weights() == {1: 50, 4: 50}
    world.command("promote", "v4/2")
    world.step()
    assert world.outcome("promote") == (
        "Ignored",
        "Version 4 is at no step that waits: promote ends a pause, a bake, an analysis or a shadow, promote-full skips "
        "all steps.",
    )
    assert "CommandIgnored" in world.events
    world.run()
    assert world.weights() == {1: 50, 4: 50}, "the next pause is not ended by a promote of before"


def test_promote_full_skips_all_steps_but_waits_for_the_pods() -> None:
    world = waiting()
    assert world.status.canary
    world.pods(world.status.canary.revision, 1)
    world.command("promote-full", "v4/now")
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    assert "10 % (without steps)" in world.message
    world.pods(world.status.canary.revision)
    world.step()
    assert world.weights() == {4: 100}
    world.run()
    assert world.verdicts[-1] == (1, 4, "Promoted", "StepsSkipped")
    assert world.status.history[-1].message == (
        "Version 4 serves all requests. The command promote-full skipped its steps from step 2 of 4 on."
    )


def test_pause_holds_whatever_step_is_due_and_resume_goes_on() -> None:
    world = canary()
    world.command("pause", "v4/1")
    world.run(seconds=1000)
    assert world.weights() == {1: 90, 4: 10}
    assert world.reason == "Held"
    assert world.status.canary
    assert world.status.canary.held
    world.command("resume", "v4/1")
    world.run()
    assert world.weights() == {1: 50, 4: 50}
    assert {"Held", "Resumed"} <= set(world.events)


def test_promote_ends_a_hold_as_well() -> None:
    world = waiting()
    world.command("pause", "v4/1")
    world.run()
    world.command("promote", "v4/1")
    world.run()
    assert world.weights() == {1: 50, 4: 50}
    assert world.status.canary
    assert not world.status.canary.held


@pytest.mark.parametrize("name", ["resume", "promote", "promote-full"])
def test_whatever_goes_on_ends_the_hold_of_a_first_version_too(name: CommandName) -> None:
    world = World()
    world.step()
    world.command("pause", "v1/1")
    world.run()
    assert world.reason == "Held"
    world.command(name, "v1/2")
    world.run()
    assert world.outcome(name)[0] == "Done"
    assert world.reason == "Serving"


def test_what_else_holds_goes_on_holding_and_is_told() -> None:
    world = waiting()
    world.edit(paused=True)
    world.run()
    world.command("promote", "v4/1")
    world.run()
    assert world.weights() == {1: 90, 4: 10}
    assert "Something else still holds it" in world.outcome("promote")[1]
    assert world.reason == "Paused"


def test_abort_takes_the_canary_back_and_blocks_its_revision() -> None:
    world = canary()
    world.command("abort", "v4/1")
    world.step()
    assert world.weights() == {1: 100}
    world.run(seconds=3)
    assert world.verdicts[-1] == (1, 4, "Aborted", "AbortedByCommand")
    (block,) = world.status.blocked
    assert (block.version, block.digest, block.cause) == (4, digest(4), "AbortedByCommand")
    assert block.revision
    assert world.reason == "VersionBlocked"
    world.image = "localhost/recsys-server:2"
    world.run(seconds=1000)
    assert world.weights() == {1: 100}, "an upgrade of the operator tries nothing again"
    world.edit(resources={"limits": {"cpu": "1", "memory": "1Gi"}})
    world.run()
    assert world.weights() == {1: 90, 4: 10}, "other pods are another revision"
    world.command("abort", "v4/2")
    world.run(seconds=3)
    world.edit(resources={"limits": {"cpu": "500m", "memory": "512Mi"}})
    world.run()
    assert world.weights() == {1: 100}, "the first revision is still blocked"


def test_abort_while_held_or_paused_does_not_wait() -> None:
    world = waiting()
    world.edit(paused=True)
    world.command("pause", "v4/1")
    world.run()
    world.command("abort", "v4/1")
    world.step()
    assert world.weights() == {1: 100}


def test_following_passes_over_an_aborted_version() -> None:
    world = canary()
    world.edit(version={"follow": "LatestPassing"})
    world.command("abort", "v4/1")
    world.run(seconds=3)
    world.edit(version={"pin": 2})
    world.run()
    world.edit(version={"follow": "LatestPassing"})
    world.run()
    assert world.status.canary
    assert world.status.canary.version == 2


def test_other_settings_of_what_serves_that_were_aborted_bring_no_older_version() -> None:
    world = serving(4)
    world.edit(version={"follow": "LatestPassing"}, resources={"limits": {"cpu": "1", "memory": "1Gi"}})
    world.run()
    world.command("abort", "v4/1")
    world.run(seconds=3)
    assert world.weights() == {4: 100}
    assert world.reason == "VersionBlocked"


def test_retry_begins_an_aborted_version_anew() -> None:
    world = canary()
    world.command("abort", "v4/1")
    world.run(seconds=3)
    world.command("retry", "v4/1")
    world.run()
    assert world.weights() == {1: 90, 4: 10}
    assert world.status.blocked == ()


def test_retry_does_not_lift_the_block_of_an_alert() -> None:
    world = canary()
    world.step(world.alert(4))
    world.run(seconds=3)
    world.command("retry", "v4/1")
    world.run()
    assert world.outcome("retry")[0] == "Ignored"
    assert "use unblock" in world.outcome("retry")[1]
    assert world.status.blocked


def test_an_alert_about_an_aborted_canary_blocks_its_version_as_a_whole() -> None:
    world = canary()
    world.command("abort", "v4/1")
    world.step()
    assert world.step(world.alert(4)).outcomes == ("RolledBack",)
    (block,) = world.status.blocked
    assert (block.cause, block.revision) == ("Alert", None)


def test_undo_goes_back_at_once_while_the_previous_version_is_warm() -> None:
    world = promoted()
    world.command("undo", "v4/1")
    world.step()
    assert world.weights() == {1: 100}
    assert world.verdicts[-1] == (4, 1, "Reverted", "UndoneByCommand")
    (block,) = world.status.blocked
    assert (block.version, block.cause, block.revision) == (4, "UndoneByCommand", None)


def test_undo_starts_a_cold_version_again_and_serves_until_then() -> None:
    world = promoted()
    world.run(seconds=700)
    world.command("undo", "v4/1")
    world.step()
    assert world.weights() == {4: 100}
    assert world.reason == "RollingBack"
    world.run(seconds=3)
    assert world.weights() == {1: 100}


def test_undo_without_an_earlier_version_is_ignored() -> None:
    world = serving()
    world.command("undo", "v1/1")
    world.run()
    assert world.outcome("undo")[0] == "Ignored"
    assert world.status.blocked == ()
    assert world.reason == "Serving"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_names_another_version_is_ignored(name: CommandName) -> None:
    world = canary()
    before = world.status
    world.command(name, "v2/1")
    world.step()
    assert world.outcome(name)[0] == "Ignored"
    assert "ersion 2 is not" in world.outcome(name)[1]
    assert (world.status.canary, world.status.blocked) == (before.canary, before.blocked)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("value", ["4/1", "v4", "v4/", "v0/1", "version 4", ""])
def test_a_command_that_cannot_be_read_is_ignored_once(name: CommandName, value: str) -> None:
    world = canary()
    world.command(name, value)
    world.run(rounds=3)
    assert world.outcome(name)[0] == "Ignored"
    assert "write v<version>/<any id>" in world.outcome(name)[1]
    assert world.events.count("CommandIgnored") == 1


def test_the_way_back_from_a_bad_version_takes_no_command() -> None:
    world = promoted()
    world.run(seconds=700)
    world.step(world.alert(4))
    for name in ("promote", "promote-full", "pause", "resume", "abort"):
        world.command(name, "v1/1")
    world.step()
    assert {one.outcome for one in world.status.commands} == {"Ignored"}
    world.run(seconds=3)
    assert world.weights() == {1: 100}


@pytest.mark.parametrize("name", ["promote-full", "abort"])
def test_a_first_version_has_neither_steps_nor_a_way_back(name: CommandName) -> None:
    world = World()
    world.step()
    world.command(name, "v1/1")
    world.step()
    assert world.outcome(name)[0] == "Ignored"
    world.run()
    assert world.reason == "Serving"


def test_two_annotations_that_stay_are_each_carried_out_once() -> None:
    world = canary()
    world.command("pause", "v4/1")
    world.run()
    world.command("resume", "v4/1")
    world.run(rounds=20)
    assert (world.events.count("Held"), world.events.count("Resumed")) == (1, 1)
    assert {one.command for one in world.status.commands} == {"pause", "resume"}
    assert world.status.last_command
    assert world.status.last_command.command == "resume"


def test_of_several_new_commands_the_most_cautious_wins() -> None:
    world = waiting()
    for name in COMMANDS:
        world.command(name, "v4/1")
    world.step()
    assert world.weights() == {1: 100}
    assert [block.cause for block in world.status.blocked] == ["AbortedByCommand"]


def test_what_was_carried_out_when_only_the_last_command_was_kept_is_not_done_again() -> None:
    world = canary()
    world.step(world.alert(4))
    record = CommandRecord(command="unblock", argument="v4/1", outcome="Done", message="", time=rfc3339(world.now))
    world.status = world.status.model_copy(update={"last_command": record, "commands": ()})
    world.command("unblock", "v4/1")
    world.run(seconds=3)
    assert world.status.blocked


def test_lost_status_overlooks_all_commands_that_were_there() -> None:
    world = waiting()
    for name in COMMANDS:
        world.command(name, "v4/old")
    world.status = type(world.status)()
    world.step()
    assert world.weights() == {1: 90, 4: 10}
    assert {one.command: one.outcome for one in world.status.commands} == dict.fromkeys(COMMANDS, "Ignored")
    world.run()
    assert world.weights() == {1: 90, 4: 10}
    world.command("abort", "v4/new")
    world.step()
    assert world.weights() == {1: 100}


def test_lost_status_does_not_take_a_blocked_revision_for_what_serves() -> None:
    world = serving(4)
    world.edit(resources={"limits": {"cpu": "1", "memory": "1Gi"}})
    world.run()
    world.command("abort", "v4/1")
    world.run(seconds=3)
    blocked = {block.digest for block in world.status.blocked}
    assert blocked == {digest(4)}
    world.versions = tuple(
        one.model_copy(update={"blocked_by": ("movies",)}) if one.digest in blocked else one for one in world.versions
    )
    world.status = type(world.status)()
    world.run(rounds=2)
    assert world.status.stable
    assert world.status.stable.version == 4
    assert world.status.blocked == ()
