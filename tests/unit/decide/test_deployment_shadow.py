"""A rollout that begins with a shadow: no weight while it lasts, on when it is good, back when it is not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.decide.deployment_world import STEPS, World, serving

from recsys_operator.decide.analysis import shadow_step
from recsys_operator.decide.analysis.facts import Evidence, Histogram, PodReading, Reading
from recsys_operator.decide.analysis.shadow_facts import ShadowReading, Sum
from recsys_operator.decide.deployment.decision import decide
from recsys_operator.decide.times import rfc3339

GATE = {"metric": "Overlap", "min": "0.5"}
SHADOW = {"shadow": {"percent": 20, "durationSeconds": 60, "minSamples": 100, "gates": [GATE]}}


def shadowed(*steps: dict[str, Any]) -> World:
    """Version 1 serves, version 4 is its shadow and has all its pods."""
    world = serving(1, strategy={"canary": {"steps": list(steps or (SHADOW, *STEPS))}})
    world.edit(version={"pin": 4})
    world.run()
    assert world.status.canary
    return world


def compare(world: World, samples: int, mean: float, *, against: int = 1) -> None:
    """The canary's pods tell of so many comparisons with version 1."""
    assert world.status.canary
    nothing = Histogram((), (0,))
    reading = ShadowReading(against, samples, overlap=Sum(samples, samples * mean))
    pod = PodReading("pod", 0, world.now, 0, 0, nothing, nothing, 0, 0, 0, 0, None, (reading,))
    world.evidence = Evidence((Reading("Canary", world.status.canary.revision, world.now, (pod,)),))
    world.step()


def test_a_shadow_has_pods_and_no_weight_and_stable_is_told() -> None:
    world = shadowed()
    decision = world.step()
    canary, stable = world.status.canary, world.status.stable
    assert canary
    assert stable
    assert world.weights() == {1: 100}
    assert world.workloads[canary.revision].replicas == world.spec.replicas
    assert canary.first_weight_time is None
    assert decision.copying
    copying = decision.copying
    assert (copying.stable.revision, copying.canary.revision, copying.percent) == (stable.revision, canary.revision, 20)
    assert decision.measure
    assert decision.measure.read == (("Canary", canary.revision),)
    assert world.reason == "Progressing"
    assert "It is a shadow of 20 % of the requests. No copied request has been compared yet." in world.message


def test_stable_is_told_before_the_shadow_has_pods() -> None:
    world = serving(1, strategy={"canary": {"steps": [SHADOW, *STEPS]}})
    world.edit(version={"pin": 4})
    assert world.step().copying


def test_good_answers_go_on_to_the_first_weight() -> None:
    world = shadowed()
    compare(world, 500, 0.8)
    world.wait(61)
    compare(world, 900, 0.8)
    assert world.status.canary
    assert world.status.canary.step == 1
    assert world.step().copying is None
    world.run()
    assert world.weights() == {1: 90, 4: 10}
    assert [(one.name, one.phase) for one in world.status.canary.analysis] == [
        ("shadow", "Passed"),
        ("shadow-overlap", "Passed"),
    ]


def test_bad_answers_take_the_version_back_and_block_it() -> None:
    world = shadowed()
    compare(world, 500, 0.2)
    assert world.status.canary
    assert world.status.canary.abort is None
    world.wait(61)
    compare(world, 900, 0.2)
    world.run()
    assert world.verdicts[-1] == (1, 4, "RolledBack", "ShadowGate")
    (block,) = world.status.blocked
    assert (block.version, block.revision, block.cause) == (4, None, "ShadowGate")
    assert "Overlap is 0.2000; at least 0.5 is asked for (900 requests compared)." in block.message
    assert world.weights() == {1: 100}
    assert world.step().copying is None


def test_bad_answers_take_it_back_also_while_paused_and_good_ones_wait() -> None:
    for mean in (0.2, 0.8):
        world = shadowed()
        compare(world, 500, mean)
        world.edit(paused=True)
        world.wait(61)
        compare(world, 900, mean)
        assert (world.verdicts[-1][-1] == "ShadowGate") is (mean < 0.5)
        assert (world.status.canary is None) is (mean < 0.5)
        assert world.status.canary is None or world.status.canary.step == 0


def test_missing_evidence_holds_and_is_told_once() -> None:
    world = shadowed()
    for _ in range(3):
        world.wait(3600)
        compare(world, 0, 0)
    assert world.status.canary
    assert (world.status.canary.step, world.status.canary.abort, world.reason) == (0, None, "Progressing")
    compare(world, 50, 0.1)
    for _ in range(3):
        world.wait(3600)
        compare(world, 50, 0.1)
    assert (world.status.canary.step, world.status.canary.abort) == (0, None)
    assert world.reason == "ShadowLacksEvidence"
    assert "50 of 100 requests compared with version 1." in world.message
    assert "kubectl -n shop annotate rdep movies --overwrite recsys.dev/promote=v4/$(date +%s)" in world.message
    assert world.events.count("ShadowLacksEvidence") == 1


def test_what_was_compared_with_another_stable_version_is_no_evidence() -> None:
    world = shadowed()
    for _ in range(3):
        world.wait(61)
        compare(world, 900, 0.1, against=2)
    assert world.status.canary
    assert (world.status.canary.step, world.status.canary.abort) == (0, None)


def test_promote_goes_on_without_a_verdict() -> None:
    world = shadowed()
    world.command("promote", "v4/1")
    world.run()
    assert world.weights() == {1: 90, 4: 10}


def test_promote_full_ends_the_shadow() -> None:
    world = shadowed()
    world.command("promote-full", "v4/1")
    world.run()
    assert world.weights() == {4: 100}
    assert world.step().copying is None


def test_pods_of_an_older_operator_cannot_copy_and_that_is_said() -> None:
    world = shadowed()
    assert world.status.stable
    stable = world.status.stable.revision
    world.workloads[stable] = replace(world.workloads[stable], told_of_shadows=False)
    world.step()
    assert world.reason == "ShadowUnavailable"
    assert "version 1" in world.message


@pytest.mark.parametrize("task", ["Tabular", "Ranking"])
def test_a_model_of_rows_has_no_lists_to_compare_and_that_is_said(task: str) -> None:
    world = shadowed()
    world.rows_task = task
    assert world.step().copying is None
    assert world.reason == "ShadowUnavailable"
    assert f"answers rows (task {task}): leave the shadow out of strategy.canary.steps" in world.message
    world.command("promote", "v4/1")
    world.run()
    assert world.weights() == {1: 90, 4: 10}


def test_there_is_no_shadow_of_a_first_version() -> None:
    world = World(spec=serving(4, strategy={"canary": {"steps": [SHADOW, *STEPS]}}).spec)
    assert world.step().copying is None
    world.run()
    assert world.weights() == {4: 100}


def test_a_shadow_alone_is_promoted_when_it_is_good() -> None:
    world = shadowed(SHADOW)
    compare(world, 500, 0.8)
    world.wait(61)
    compare(world, 900, 0.8)
    world.run()
    assert world.weights() == {4: 100}


@pytest.mark.parametrize(("wanted", "copied_to"), [(1, None), (2, 2)])
def test_another_version_ends_the_copying_at_once(wanted: int, copied_to: int | None) -> None:
    world = shadowed()
    world.edit(version={"pin": wanted})
    copying = world.step().copying
    assert (copying.canary.version if copying else None) == copied_to


def test_a_crash_after_the_status_write_changes_nothing() -> None:
    world = shadowed()
    compare(world, 500, 0.8)
    world.wait(61)
    world.now += timedelta(seconds=1)
    before = world.status
    compare(world, 900, 0.8)
    after = world.status
    world.status = before
    again = decide(world.observed(), (), world.now)
    assert again.status.canary == after.canary


def test_looks_at_other_things_are_taken_together() -> None:
    from recsys_operator.decide.analysis.facts import Plan
    from recsys_operator.decide.deployment import shadow

    world = shadowed()
    observed, status = world.observed(), world.status
    assert status.canary
    own = shadow_step.plan(status.canary)
    assert own
    arms = (("Canary", status.canary.revision), ("Stable", "other"))
    together = shadow.measure(observed, status, Plan(own.at + timedelta(seconds=0.2), arms))
    assert together
    assert (together.at, set(together.read)) == (own.at, set(arms))
    later = Plan(own.at + timedelta(seconds=3), arms)
    assert shadow.measure(observed, status, later) == own
    earlier = Plan(own.at - timedelta(seconds=3), arms)
    assert shadow.measure(observed, status, earlier) == earlier
    assert rfc3339(own.at) == status.canary.start_time
