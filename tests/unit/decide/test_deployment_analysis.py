"""Analysis in a rollout: a regression takes the canary back in the same decision, missing evidence holds it."""

from typing import Any

import pytest
from tests.unit.decide.deployment_world import World, digest, serving

from recsys_operator.api.rollout import DeploymentStatus
from recsys_operator.decide.analysis.facts import Answer, Evidence, Measurement

CLICKS: dict[str, Any] = {
    "name": "clicks",
    "prometheus": {"address": "http://prometheus:9090", "query": "sum(clicks)"},
    "min": "0.9",
    "failureLimit": 0,
    "consecutiveErrorLimit": 1,
}
GOOD, BAD, AWAY = Answer("Value", 0.95), Answer("Value", 0.5), Answer("Unavailable", None, "connection refused")
GATE: dict[str, Any] = {"name": "gate", "webhook": {"url": "http://gate.example/ask"}}


def step(*metrics: dict[str, Any], **settings: Any) -> list[dict[str, Any]]:
    """Steps with an analysis after the first weight."""
    return [{"weight": 10}, {"analysis": {"metrics": metrics, "durationSeconds": 60, **settings}}, {"weight": 50}]


def background(*metrics: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """A strategy with two weights and an analysis in the background."""
    return {"canary": {"steps": [{"weight": 10}, {"weight": 50}], "analysis": {"metrics": metrics, **settings}}}


def trying(strategy: dict[str, Any]) -> World:
    """Version 4 is tried beside version 1."""
    world = serving(1, strategy=strategy)
    world.edit(version={"pin": 4})
    world.run()
    return world


def measure(world: World, answer: Answer, seconds: float = 10) -> None:
    """Time passes; whatever is to be measured gets this answer; one reconcile."""
    world.wait(seconds)
    plan = world.step().measure
    assert plan
    assert plan.at <= world.now
    world.evidence = Evidence(
        measurements=tuple(
            Measurement(one.metric.name, one.arm, one.revision, world.now, answer) for one in plan.questions
        )
    )
    world.step()


def test_a_step_ends_when_it_was_watched_long_enough_and_is_good() -> None:
    world = trying({"canary": {"steps": step(CLICKS)}})
    for _ in range(2):
        measure(world, GOOD)
        world.run()
        assert world.weights() == {1: 90, 4: 10}
    world.wait(40)
    world.step()
    assert "AnalysisPassed" in world.events
    world.run()
    assert world.weights() == {4: 100}


def test_a_step_waits_for_evidence_however_long_it_takes() -> None:
    world = trying({"canary": {"steps": step(CLICKS)}})
    world.run(seconds=3600)
    assert world.weights() == {1: 90, 4: 10}
    assert world.reason == "Progressing"
    assert "clicks: not looked at yet." in world.message
    for _ in range(3):
        measure(world, AWAY)
    assert world.reason == "AnalysisError"
    assert "connection refused" in world.message
    assert world.events.count("AnalysisError") == 1
    world.run(seconds=3600)
    assert world.weights() == {1: 90, 4: 10}
    measure(world, GOOD)
    world.run()
    assert world.weights() == {4: 100}


MISSING = [
    pytest.param(Answer("Unavailable", None, "connection refused"), "AnalysisError", id="Prometheus away"),
    pytest.param(Answer("NotANumber"), "AnalysisInconclusive", id="NaN"),
    pytest.param(Answer("Value", float("nan")), "AnalysisInconclusive", id="NaN as a value"),
    pytest.param(Answer("Empty"), "AnalysisInconclusive", id="empty result"),
    pytest.param(Answer("SeveralSeries", None, "3 series"), "AnalysisError", id="several series"),
    pytest.param(Answer("Refused", None, "parse error"), "AnalysisError", id="a query that is wrong"),
]


@pytest.mark.parametrize("inside", ["step", "background"])
@pytest.mark.parametrize(("answer", "reason"), MISSING)
def test_whatever_is_missing_holds_the_weight_and_blocks_nothing(answer: Answer, reason: str, inside: str) -> None:
    metric = {**CLICKS, "inconclusiveLimit": 1}
    world = trying({"canary": {"steps": step(metric)}} if inside == "step" else background(metric))
    for _ in range(60):
        measure(world, answer)
        assert world.weights() == {1: 90, 4: 10}
    assert world.reason == reason
    assert world.events.count(reason) == 1
    assert "RolledBack" not in world.events
    assert world.status.blocked == ()
    world.run(seconds=36000)  # Longer than any deadline of a rollout's progress.
    assert world.weights() == {1: 90, 4: 10}
    measure(world, BAD)
    assert world.weights() == {1: 100}
    assert world.status.blocked[0].cause == "Analysis"


def test_a_regression_in_a_step_takes_the_weight_in_the_same_decision() -> None:
    world = trying({"canary": {"steps": step(CLICKS)}})
    measure(world, BAD)
    assert world.weights() == {1: 100}
    assert world.reason == "RollingBack"
    assert world.events[-3:] == ["AnalysisFailed", "RolledBack", "VersionBlocked"]
    block = world.status.blocked[0]
    assert (block.digest, block.revision, block.cause) == (digest(4), None, "Analysis")
    assert "clicks: 0.5 is less than min 0.9" in block.message
    world.run(seconds=10)
    assert world.verdicts[-1] == (1, 4, "RolledBack", "Analysis")
    assert world.reason == "VersionBlocked"


@pytest.mark.parametrize("held", ["spec.paused", "warning"])
def test_a_canary_that_is_held_is_watched_on(held: str) -> None:
    world = trying(background(CLICKS))
    if held == "warning":
        world.step(world.alert(4, "warning"))
    else:
        world.edit(paused=True)
    measure(world, BAD)
    assert world.weights() == {1: 100}


def test_in_the_background_no_weight_rises_without_evidence() -> None:
    world = trying(background(CLICKS))
    world.run(seconds=3600)
    assert world.weights() == {1: 90, 4: 10}
    measure(world, GOOD)
    assert world.weights() == {1: 50, 4: 50}


def test_a_regression_in_the_background_takes_the_canary_back_at_any_step() -> None:
    steps = [{"weight": 10}, {"pause": {"durationSeconds": 600}}, {"weight": 50}]
    world = trying({"canary": {"steps": steps, "analysis": {"metrics": [CLICKS]}}})
    measure(world, GOOD)
    measure(world, BAD)
    assert world.weights() == {1: 100}
    assert world.status.canary
    assert world.status.canary.abort
    assert world.status.canary.abort.cause == "Analysis"


def test_missing_evidence_takes_back_only_where_the_user_says_so_and_blocks_the_revision_only() -> None:
    for choice, back in (("Hold", False), ("Abort", True)):
        world = trying(background(CLICKS, deadlineSeconds=60, onDeadline=choice))
        measure(world, AWAY)
        decision = world.step()
        assert decision.requeue_after
        world.wait(60)
        world.step()
        assert (world.weights() == {1: 100}) == back
        assert world.reason == ("RollingBack" if back else "AnalysisError")
        assert bool(world.status.blocked) == back
        if back:
            assert world.status.blocked[0].cause == "EvidenceMissing"
            assert world.status.blocked[0].revision


def test_a_gate_is_asked_before_the_first_request() -> None:
    world = trying(background({**GATE, "webhook": {**GATE["webhook"], "when": "Pre"}}))
    assert world.weights() == {1: 100}
    measure(world, Answer("Pending"))
    world.run(seconds=600)
    assert world.weights() == {1: 100}
    measure(world, Answer("Passed"))
    world.run()
    assert world.weights() == {4: 100}


def test_a_gate_that_says_no_before_the_first_request_takes_the_canary_back() -> None:
    world = trying(background({**GATE, "webhook": {**GATE["webhook"], "when": "Pre"}}))
    measure(world, Answer("Failed", None, "not today"))
    world.run()
    assert world.weights() == {1: 100}
    assert world.verdicts[-1] == (1, 4, "RolledBack", "Analysis")


def test_a_gate_confirms_before_the_canary_gets_everything_and_its_no_only_holds() -> None:
    world = trying(background(GATE))
    assert world.weights() == {1: 50, 4: 50}
    measure(world, Answer("Failed", None, "not yet"))
    world.run(seconds=7200)
    assert world.weights() == {1: 50, 4: 50}
    assert "not yet" in world.message
    measure(world, Answer("Passed"))
    world.run()
    assert world.weights() == {4: 100}


@pytest.mark.parametrize(("answer", "verdict"), [("Passed", "Promoted"), ("Failed", "RolledBack")])
def test_a_gate_is_asked_with_all_the_requests_before_the_canary_is_stable(answer: Any, verdict: str) -> None:
    world = trying(background({**GATE, "webhook": {**GATE["webhook"], "when": "Post"}}))
    assert world.weights() == {4: 100}
    assert world.status.stable
    assert world.status.stable.version == 1
    measure(world, Answer(answer))
    world.run()
    assert world.verdicts[-1][2] == verdict
    assert world.weights() == ({4: 100} if verdict == "Promoted" else {1: 100})


def test_a_step_asks_a_gate_or_a_job_once_and_keeps_its_yes() -> None:
    world = trying({"canary": {"steps": step(GATE)}})
    measure(world, Answer("Passed"), seconds=1)
    assert world.step().measure is None
    world.wait(60)
    world.run()
    assert world.weights() == {4: 100}


def test_the_command_promote_ends_a_step_that_lacks_evidence() -> None:
    world = trying({"canary": {"steps": step(CLICKS)}})
    measure(world, AWAY)
    world.command("promote", "v4/1")
    world.run()
    assert world.weights() == {4: 100}


def test_the_command_promote_full_skips_what_holds_but_not_what_condemns() -> None:
    for answer, weights in ((AWAY, {4: 100}), (BAD, {1: 100})):
        world = trying(background(CLICKS))
        plan = world.step().measure
        assert plan
        world.wait(10)
        world.evidence = Evidence(
            measurements=tuple(
                Measurement("clicks", "Canary", one.revision, world.now, answer) for one in plan.questions
            )
        )
        world.command("promote-full", "v4/1")
        world.run()
        assert world.weights() == weights


def test_the_command_promote_full_frees_a_canary_behind_its_last_step() -> None:
    """Without evidence it would wait there for good."""
    world = trying(background({**GATE, "webhook": {**GATE["webhook"], "when": "Post"}}))
    measure(world, AWAY)
    world.run()
    assert world.status.canary
    assert (world.status.canary.step, world.weights()) == (2, {4: 100})
    world.command("promote-full", "v4/1")
    world.run()
    assert world.status.canary is None
    assert world.verdicts[-1][2] == "Promoted"
    done, message = world.outcome("promote-full")
    assert (done, message) == ("Done", "Version 4 goes on; it has no steps left, and no longer waits for its analysis.")


def test_a_first_version_is_not_measured() -> None:
    world = World(spec=serving(1, strategy=background(CLICKS)).spec)
    assert world.step().measure is None
    world.run()
    assert world.weights() == {1: 100}
    assert world.step().measure is None


def test_nothing_is_measured_of_a_canary_on_its_way_out() -> None:
    world = trying(background(CLICKS))
    assert world.step().measure
    assert world.step(world.alert(4)).measure is None


def test_what_was_measured_of_an_earlier_canary_says_nothing_of_the_next() -> None:
    world = trying(background(CLICKS))
    measure(world, GOOD)
    old = world.evidence
    world.edit(version={"pin": 1})
    world.run(seconds=10)
    world.edit(version={"pin": 4})
    world.evidence = old
    world.run()
    assert world.weights() == {1: 90, 4: 10}


def test_waiting_for_evidence_is_no_busy_loop() -> None:
    world = trying({"canary": {"steps": step(CLICKS, deadlineSeconds=20)}})
    world.run(seconds=600)
    assert (world.step().requeue_after or 99) > 1


def test_an_operator_that_stops_between_two_looks_goes_on_where_it_was() -> None:
    world = trying(background({**CLICKS, "failureLimit": 1}))
    measure(world, BAD)
    world.evidence = Evidence()
    world.status = DeploymentStatus.model_validate(world.status.wire())
    measure(world, BAD)
    assert world.weights() == {1: 100}


def test_a_metric_that_is_edited_to_measure_something_else_begins_anew() -> None:
    world = trying(background({**CLICKS, "failureLimit": 1}))
    measure(world, BAD)
    other = {**CLICKS, "failureLimit": 1, "prometheus": {"query": "sum(buys)"}}
    world.edit(strategy=background(other))
    measure(world, BAD)
    assert world.status.canary
    assert world.status.canary.analysis[0].failures == 1
    assert world.weights() == {1: 90, 4: 10}
